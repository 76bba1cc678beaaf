import Consistent
import HTTP

@testable import AppCP

/// `If-Match` and `If-None-Match` against the grammar of RFC 9110, sections 5.6.1, 8.8.3 and 13.1, written a second
/// time.
struct ConditionsTarget: FuzzTarget {
    private struct Tag {
        let isWeak: Bool
        let text: String
    }

    private enum Field {
        case star
        case tags([Tag])
        case malformed
    }

    func check(_ input: FuzzInput) throws(Finding) {
        var input = input
        // The splitter refuses other control characters.
        let bytes = input.remainder().filter { ($0 >= 0x20 || $0 == 0x09) && $0 != 0x7F }
        let text = String(decoding: bytes, as: UTF8.self)
        let field = Self.field(Array(text.utf8))
        try compare(Self.parse(ifMatch: text), Self.expected(field, ofWeak: false, suffixes: ["", "-bytes"]), text)
        for (representation, suffixes) in [
            (nil, ["", "-bytes"]), (.json, [""]), (.bytes, ["-bytes"]),
        ] as [(Preconditions.Representation?, [String])] {
            let expected = Self.expected(field, ofWeak: true, suffixes: suffixes)
            try compare(Self.parse(ifNoneMatch: text, representation), expected, text)
        }
        let parts = [Self.parse(ifMatch: text), Self.parse(ifNoneMatch: text)]
        let both = Self.parse(ifMatch: text, ifNoneMatch: text)
        try require(both == (parts.contains(.malformed) ? .malformed : .both(parts)), "both: \(both)")
    }

    private func compare(_ found: Outcome, _ expected: Outcome, _ text: String) throws(Finding) {
        try require(found == expected, "\(text.debugDescription) is \(found), not \(expected)")
    }

    // MARK: What the service makes of it

    private indirect enum Outcome: Equatable {
        case star
        case both([Outcome])
        case versions(Set<UInt64>)
        case malformed
    }

    private static func parse(
        ifMatch: String? = nil, ifNoneMatch: String? = nil, _ representation: Preconditions.Representation? = nil
    ) -> Outcome {
        do throws(Problem) {
            let parsed = try Preconditions.parse(
                ifMatch: ifMatch, ifNoneMatch: ifNoneMatch, representation: representation)
            return parsed.map(outcome) ?? .malformed
        } catch { return .malformed }
    }

    private static func outcome(_ precondition: Precondition) -> Outcome {
        switch precondition {
        case .exists, .absent: .star
        case .versionIs(let versions), .versionIsNot(let versions): .versions(versions)
        case .both(let ifMatch, let ifNoneMatch): .both([outcome(ifMatch), outcome(ifNoneMatch)])
        }
    }

    // MARK: The grammar

    private static func expected(_ field: Field, ofWeak: Bool, suffixes: [String]) -> Outcome {
        switch field {
        case .star: return .star
        case .malformed: return .malformed
        case .tags(let tags):
            var versions: Set<UInt64> = []
            for tag in tags where ofWeak || !tag.isWeak {
                for suffix in suffixes where tag.text.hasSuffix(suffix) {
                    let digits = tag.text.dropLast(suffix.count)
                    guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let version = UInt64(digits) else {
                        continue
                    }
                    if "\(version)\(suffix)" == tag.text { versions.insert(version) }
                }
            }
            return .versions(versions)
        }
    }

    /// `*`, or tags between commas; elements may be empty, but not all of them.
    private static func field(_ bytes: [UInt8]) -> Field {
        var elements: [[UInt8]] = [[]]
        var isInTag = false
        for byte in bytes {
            if byte == UInt8(ascii: "\"") { isInTag.toggle() }
            if byte == UInt8(ascii: ","), !isInTag {
                elements.append([])
            } else {
                elements[elements.count - 1].append(byte)
            }
        }
        let trimmed = elements.map(trim).filter { !$0.isEmpty }
        if elements.count == 1, trimmed == [[UInt8(ascii: "*")]] { return .star }
        let tags = trimmed.map(tag)
        return tags.isEmpty || isInTag || tags.contains { $0 == nil } ? .malformed : .tags(tags.compactMap { $0 })
    }

    private static func tag(_ element: [UInt8]) -> Tag? {
        let isWeak = element.starts(with: Array("W/".utf8))
        let quoted = isWeak ? element.dropFirst(2) : element[...]
        guard quoted.count >= 2, quoted.first == UInt8(ascii: "\""), quoted.last == UInt8(ascii: "\"") else {
            return nil
        }
        let inside = quoted.dropFirst().dropLast()
        guard !inside.contains(UInt8(ascii: "\"")) else { return nil }
        return Tag(isWeak: isWeak, text: String(decoding: inside, as: UTF8.self))
    }

    private static func trim(_ bytes: [UInt8]) -> [UInt8] {
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        let start = bytes.firstIndex { !isBlank($0) } ?? bytes.endIndex
        let end = bytes.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? start
        return Array(bytes[start..<end])
    }
}
