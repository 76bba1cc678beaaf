/// Parses a complete input by RFC 9112, for tests only. It uses sets of bytes and positions, and not the states of
/// `RequestSplitter`.
public struct ReferenceParser {
    public enum Outcome: Equatable {
        /// - Parameter isLast: true if the connection ends after this request.
        case request(method: String, target: [UInt8], body: [UInt8], isLast: Bool)
        /// The request is refused. The input after it is not read.
        case refused
    }

    private enum Stop: Error { case bad, incomplete }

    private static let token = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
    private static let digits = Set("0123456789".utf8)
    private static let hex = Set("0123456789abcdefABCDEF".utf8)
    private static let host = Set("-._~!$&'()*+,;=0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)

    private let input: [UInt8]
    private let needsHost: Bool
    private var position = 0

    public static func outcomes(of input: [UInt8], needsHost: Bool = true) -> [Outcome] {
        var parser = ReferenceParser(input: input, needsHost: needsHost)
        var outcomes: [Outcome] = []
        while true {
            do { outcomes.append(try parser.message()) } catch {
                return (error as? Stop) == .bad ? outcomes + [.refused] : outcomes
            }
        }
    }

    private init(input: [UInt8], needsHost: Bool) {
        self.input = input
        self.needsHost = needsHost
    }

    /// The line up to the next CRLF. It must not contain a control character other than a tab.
    private mutating func line() throws -> [UInt8] {
        let rest = input[position...]
        let end = rest.firstIndex { ($0 < 32 && $0 != 9) || $0 == 127 } ?? rest.endIndex
        guard end < rest.endIndex else { throw Stop.incomplete }
        guard input[end] == 13 else { throw Stop.bad }
        guard end + 1 < rest.endIndex else { throw Stop.incomplete }
        guard input[end + 1] == 10 else { throw Stop.bad }
        position = end + 2
        return Array(input[rest.startIndex..<end])
    }

    private func require(_ condition: Bool) throws { if !condition { throw Stop.bad } }

    private mutating func message() throws -> Outcome {
        var first = try line()
        while first.isEmpty { first = try line() }
        let parts = first.split(separator: 32, omittingEmptySubsequences: false).map(Array.init)
        try require(parts.count == 3 && !parts[1].isEmpty && !parts[1].contains(9))
        try require((1...32).contains(parts[0].count) && Self.token.isSuperset(of: parts[0]))
        try require(Self.isTarget(String(parts[1].map { Character(UnicodeScalar($0)) }), method: parts[0]))
        let version = String(decoding: parts[2], as: UTF8.self)
        let minors = (0...9).map { "HTTP/1.\($0)" }
        try require(minors.contains(version))
        var fields: [(name: String, value: [UInt8])] = []
        while case let text = try line(), !text.isEmpty {
            let field = try field(text)
            fields.append(field)
            // Refuse the request at once, without the rest of the head.
            if field.name == "host" { try require(Self.isHost(field.value)) }
            if field.name == "content-length" {
                try require(!field.value.isEmpty && Self.digits.isSuperset(of: field.value))
                try require(fields.count { $0.name == "content-length" } == 1)
            }
        }
        let hosts = fields.count { $0.name == "host" }
        try require(hosts == 1 || (hosts == 0 && (version == "HTTP/1.0" || !needsHost)))
        let codings = fields.filter { $0.name == "transfer-encoding" }.map(\.value)
        let length = fields.first { $0.name == "content-length" }?.value
        var body: [UInt8] = []
        if let coding = codings.first {
            try require(codings.count == 1 && length == nil && version != "HTTP/1.0")
            try require(String(decoding: coding, as: UTF8.self).lowercased() == "chunked")
            body = try chunks()
        } else if let length {
            let count = Int(String(decoding: length, as: UTF8.self)) ?? .max
            guard count <= input.count - position else { throw Stop.incomplete }
            body = Array(input[position..<position + count])
            position += count
        }
        let connection = fields.filter { $0.name == "connection" }.map { String(decoding: $0.value, as: UTF8.self) }
        let options = connection.joined(separator: ",").lowercased().split { ", \t".contains($0) }
        let isLast = options.contains("close") || (version == "HTTP/1.0" && !options.contains("keep-alive"))
        return .request(
            method: String(decoding: parts[0], as: UTF8.self), target: parts[1], body: body, isLast: isLast)
    }

    private static func isTarget(_ target: String, method: [UInt8]) -> Bool {
        if target.contains("#") { return false }
        if target == "*" { return method == Array("OPTIONS".utf8) }
        if method == Array("CONNECT".utf8), !target.hasPrefix("/") { return isHost(Array(target.utf8)) }
        guard let match = target.prefixMatch(of: /(?i:https?:\/\/)([^\/?]*)/) else { return target.hasPrefix("/") }
        return match.1.first.map { $0 != ":" } == true && isHost(Array(match.1.utf8))
    }

    private func field(_ text: [UInt8]) throws -> (name: String, value: [UInt8]) {
        let parts = text.split(separator: 58, maxSplits: 1, omittingEmptySubsequences: false)
        try require(parts.count == 2 && !parts[0].isEmpty && Self.token.isSuperset(of: parts[0]))
        let value = parts[1].drop { $0 == 32 || $0 == 9 }
        let end = (value.lastIndex { $0 != 32 && $0 != 9 } ?? value.startIndex - 1) + 1
        return (String(decoding: parts[0], as: UTF8.self).lowercased(), Array(value[..<end]))
    }

    private mutating func chunks() throws -> [UInt8] {
        var body: [UInt8] = []
        while true {
            let text = try line()
            let digits = text.prefix { Self.hex.contains($0) }
            let rest = text.dropFirst(digits.count).drop { $0 == 32 || $0 == 9 }
            try require(rest.isEmpty || rest.first == 59)
            guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16) else { throw Stop.bad }
            guard size > 0 else { break }
            guard size <= input.count - position else { throw Stop.incomplete }
            body += input[position..<position + size]
            position += size
            for expected: UInt8 in [13, 10] {
                guard position < input.count else { throw Stop.incomplete }
                try require(input[position] == expected)
                position += 1
            }
        }
        while case let text = try line(), !text.isEmpty { _ = try field(text) }
        return body
    }

    private static func isHost(_ value: [UInt8]) -> Bool {
        var name = value[...]
        if let colon = value.lastIndex(of: 58), value[colon...].dropFirst().allSatisfy(digits.contains) {
            name = value[..<colon]
        }
        if name.first == 91 {
            let inside = name.dropFirst().dropLast()
            return name.last == 93 && !inside.isEmpty && inside.allSatisfy { hex.contains($0) || $0 == 58 || $0 == 46 }
        }
        var index = name.startIndex
        while index < name.endIndex {
            if name[index] == 37 {
                guard index + 2 < name.endIndex, hex.isSuperset(of: name[index + 1...index + 2]) else { return false }
                index += 3
            } else {
                guard host.contains(name[index]) else { return false }
                index += 1
            }
        }
        return true
    }
}
