import Consistent
import HTTP

/// `If-Match` and `If-None-Match` (RFC 9110, sections 13.1.1 and 13.1.2). The ETag of the JSON representation is the
/// quoted version. The ETag of the bare value has the suffix `-bytes`, because a strong tag names one representation
/// (section 8.8.3.3).
enum Preconditions {
    enum Representation: String {
        case json = ""
        case bytes = "-bytes"
    }

    static func etag(_ version: UInt64, _ representation: Representation) -> Header {
        Header("ETag", "\"\(version)\(representation.rawValue)\"")
    }

    /// - Parameter representation: the representation whose tags match in `If-None-Match`; nil if the tags of all
    ///   representations match.
    /// - Throws: 400 `bad_precondition` if a field is neither `*` nor a list of quoted tags.
    static func parse(
        ifMatch: String?, ifNoneMatch: String?, representation: Representation? = nil
    ) throws(Problem) -> Precondition? {
        var condition: Precondition?
        if let ifMatch { condition = try tags(ifMatch, "If-Match").map(Precondition.versionIs) ?? .exists }
        guard let ifNoneMatch else { return condition }
        let other = try tags(ifNoneMatch, "If-None-Match", representation).map(Precondition.versionIsNot) ?? .absent
        return condition.map { .both($0, other) } ?? other
    }

    /// Advice for a failed condition that no version can meet; nil for any other.
    fileprivate static func advice(_ precondition: Precondition?) -> String? {
        if case .both(let ifMatch, _) = precondition { return advice(ifMatch) }
        guard precondition == .versionIs([]) else { return nil }
        return "no tag in this If-Match can ever match: \(accepted("If-Match"))"
    }

    private static func accepted(_ name: String) -> String {
        let weak = name == "If-Match" ? #"a weak tag (W/"3") never matches"# : #"a weak tag (W/"3") counts as "3""#
        return #"\#(name) takes * alone, or versions in quotes as ETag has them, such as "3" or "3", "4"; \#(weak)"#
    }

    /// The result of a precondition on a read that found a value.
    enum ReadVerdict: Equatable {
        case answer
        /// 304: the client has this version.
        case notModified
        /// 412: the client requires another version.
        case failed
    }

    /// Evaluates a precondition on a read that found a value. Without a value the answer is 404: preconditions are
    /// evaluated only if the response would otherwise be 200 (RFC 9110, section 13.2.2).
    static func verdict(_ precondition: Precondition?, onRead version: UInt64) -> ReadVerdict {
        switch precondition {
        case nil, .exists: .answer
        case .absent: .notModified
        case .versionIs(let versions): versions.contains(version) ? .answer : .failed
        case .versionIsNot(let versions): versions.contains(version) ? .notModified : .answer
        case .both(let ifMatch, let ifNoneMatch):
            // If-Match comes first (RFC 9110, section 13.2.2).
            verdict(ifMatch, onRead: version) == .failed ? .failed : verdict(ifNoneMatch, onRead: version)
        }
    }

    /// The versions in a list of tags; nil for `*`. Tags that are not a version, and weak tags in `If-Match`, never
    /// match and are left out.
    private static func tags(
        _ field: String, _ name: String, _ only: Representation? = nil
    ) throws(Problem) -> Set<UInt64>? {
        // By scalars: a quote and an accent would be one character, which is no quote.
        let trimmed = trim(field.unicodeScalars[...])
        if trimmed.elementsEqual("*".unicodeScalars) { return nil }
        var versions: Set<UInt64> = []
        var isEmpty = true
        var rest = trimmed
        while true {
            // Empty list elements are ignored (RFC 9110, section 5.6.1.2).
            while rest.first == "," { rest = trim(rest.dropFirst()) }
            if rest.isEmpty, !isEmpty { return versions }
            isEmpty = false
            let isWeak = rest.starts(with: "W/".unicodeScalars)
            if isWeak { rest = rest.dropFirst(2) }
            guard rest.first == "\"", let end = rest.dropFirst().firstIndex(of: "\"") else {
                throw .badRequest("bad_precondition", accepted(name))
            }
            if !isWeak || name == "If-None-Match",
                let version = version(Substring(rest[rest.index(after: rest.startIndex)..<end]), only)
            {
                versions.insert(version)
            }
            rest = trim(rest[rest.index(after: end)...])
            guard rest.isEmpty || rest.first == "," else {
                throw .badRequest("bad_precondition", accepted(name))
            }
        }
    }

    private static func version(_ tag: Substring, _ only: Representation?) -> UInt64? {
        let representation: Representation = tag.hasSuffix(Representation.bytes.rawValue) ? .bytes : .json
        let digits = tag.dropLast(representation.rawValue.count)
        guard only == nil || only == representation, let version = UInt64(digits), String(version) == digits else {
            return nil
        }
        return version
    }

    private static func trim(_ text: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text = text.dropFirst() }
        while let last = text.last, last == " " || last == "\t" { text = text.dropLast() }
        return text
    }
}

extension Problem {
    /// Adds an explanation if no version can meet `precondition`.
    func advising(_ precondition: Precondition?) -> Problem {
        guard let advice = Preconditions.advice(precondition) else { return self }
        var copy = self
        copy.detail += "; \(advice)"
        return copy
    }
}
