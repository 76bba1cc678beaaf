import Glibc

/// Checks the syntax of a `.env` file. The library that reads it ignores invalid lines, so a setting would silently not apply.
enum EnvFile {
    /// - Throws: ``SettingError`` for the first line that is not `NAME=value`, empty, or a comment. The reader reports an
    ///   unreadable file.
    static func check(_ path: String) throws(SettingError) {
        guard let bytes = SecretFile.read(path, maxSize: 1 << 20) else { return }
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            guard let problem = problem(of: line) else { continue }
            throw SettingError("\(path): line \(index + 1) \(problem)")
        }
    }

    static func problem(of line: ArraySlice<UInt8>) -> String? {
        var text = line.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        if text.last == UInt8(ascii: "\r") { text.removeLast() }
        guard let first = text.first, first != UInt8(ascii: "#") else { return nil }
        if text.starts(with: [0xEF, 0xBB, 0xBF]) { return "begins with a byte order mark: save the file without one" }
        if text.starts(with: Array("export ".utf8)) { return "must not begin with 'export'" }
        guard let equals = text.firstIndex(of: UInt8(ascii: "=")) else { return "is not NAME=value" }
        let isName = text[..<equals].allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                || byte == UInt8(ascii: "_")
        }
        guard isName, equals > text.startIndex else { return "is not NAME=value" }
        return nil
    }
}
