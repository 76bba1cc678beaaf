import Available

/// Decodes the records of both engines from the form in which replicas store them.
struct RecordDecoder {
    /// The most characters of a value. Longer values are truncated.
    private static let maxValueCharacters = 200

    /// The time of day of the lab, in milliseconds since 1970. It decides whether a value is shown as expired.
    let nowMs: Int64
    /// The names of services by the proposer number in their ballots.
    var proposers: [String: String] = [:]

    // MARK: CP

    /// - Parameter hash: the record at `cp:<key>`; see `accept.lua`.
    func consistent(_ hash: StoredHash) -> Copy {
        var copy = Copy(isReachable: true)
        guard !hash.fields.isEmpty else { return copy }
        copy.isPresent = true
        copy.raw = hash.raw
        copy.fields.append(("promised", ballot(hash["promise"])))
        // A record without an accepted ballot has only a promise.
        guard let accepted = hash["ballot"] else {
            copy.fields.append(("accepted", "nothing"))
            return copy
        }
        copy.fields.append(("accepted", ballot(accepted)))
        copy.version = hash["version"]
        copy.fields.append(("version", copy.version ?? "?"))
        let isDeleted = hash["deleted"] == "1"
        if isDeleted { copy.fields.append(("tombstone", "yes")) }
        let expiresMs = hash["expires_ms"].flatMap { Int64($0) }
        if let expiresMs { copy.fields.append(expiry(expiresMs)) }
        let value = hash.fields.first { $0.name.elementsEqual("value".utf8) }?.value ?? []
        if !isDeleted, expiresMs.map({ $0 > nowMs }) ?? true { copy.values = [Self.text(value)] }
        return copy
    }

    /// Formats a ballot `<counter>:<16 hexadecimal digits>` as `12.app_cp`. An unknown proposer is shown by its first
    /// four digits.
    private func ballot(_ text: String?) -> String {
        guard let text else { return "nothing" }
        guard let colon = text.lastIndex(of: ":") else { return text }
        let proposer = String(text[text.index(after: colon)...])
        return "\(text[..<colon]).\(proposers[proposer] ?? String(proposer.prefix(4)))"
    }

    // MARK: AP

    /// - Parameter hash: the record at `ap:<key>`; see `prelude_record.lua`.
    func available(_ hash: StoredHash) -> Copy {
        var copy = Copy(isReachable: true)
        guard !hash.fields.isEmpty else { return copy }
        copy.isPresent = true
        copy.raw = hash.raw
        let siblings = Self.siblings(hash)
        var seen: Set<[UInt8]> = []
        for (dot, sibling) in siblings {
            copy.fields.append((sibling.isTombstone ? "tombstone" : "dot", Self.text(of: dot)))
            if let expiresMs = sibling.expiresMs { copy.fields.append(expiry(expiresMs)) }
            // If a write was retried, two coordinators may have stored it. It is shown as one value.
            guard !sibling.isAbsent(atMs: nowMs), seen.insert(sibling.writeId).inserted else { continue }
            copy.values.append(Self.text(sibling.value))
        }
        let vector = Self.vector(hash)?.entries.sorted { $0.key.lexicographicallyPrecedes($1.key) } ?? []
        let entries = vector.map { Self.text(of: Dot(actor: $0.key, hlc: $0.value)) }
        copy.fields.append(("vector", entries.joined(separator: " ")))
        return copy
    }

    /// The siblings of a record, the winner first.
    static func siblings(_ hash: StoredHash) -> [(dot: Dot, sibling: Sibling)] {
        hash.fields.compactMap { field in
            guard let dot = Dot(text: field.name), let sibling = Sibling(packed: field.value) else { return nil }
            return (dot, sibling)
        }.sorted { $0.dot > $1.dot }
    }

    static func vector(_ hash: StoredHash) -> VersionVector? {
        let text = hash.fields.first { $0.name.elementsEqual("vv".utf8) }?.value
        return VersionVector(text: text ?? [])
    }

    /// Formats a dot as `g1:09:30:12.345678`: its replica, and the time of day (UTC) in its hybrid logical clock.
    private static func text(of dot: Dot) -> String {
        let replica = String(decoding: dot.actor.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self)
        return "\(replica):\(time(ofDayUs: dot.hlc % 86_400_000_000))"
    }

    // MARK: Text

    private func expiry(_ expiresMs: Int64) -> (name: String, text: String) {
        (
            expiresMs <= nowMs ? "expired" : "expires",
            "\(Self.time(ofDayUs: UInt64(max(0, expiresMs)) % 86_400_000 * 1_000))"
        )
    }

    private static func time(ofDayUs us: UInt64) -> String {
        func padded(_ number: UInt64, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let seconds = us / 1_000_000
        return "\(padded(seconds / 3_600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))."
            + padded(us % 1_000_000, 6)
    }

    static func text(_ value: [UInt8]) -> String {
        String(String(decoding: value, as: UTF8.self).prefix(maxValueCharacters))
    }
}
