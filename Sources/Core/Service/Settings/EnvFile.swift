/// Checks a `.env` file. The library that reads it ignores invalid lines and unknown names, so a setting would silently
/// not apply.
enum EnvFile {
    private static let maxBytes = 1 << 20

    static func hasCarriageReturns(_ path: String) -> Bool {
        SecretFile.read(path, maxSize: maxBytes)?.contains(UInt8(ascii: "\r")) ?? false
    }

    /// One line per invalid line, unknown name, or name that is set again. Empty for an unreadable file, which the
    /// reader reports.
    static func problems(of path: String, _ names: SettingNames) -> [String] {
        guard let bytes = SecretFile.read(path, maxSize: maxBytes) else { return [] }
        var firstLines: [String: Int] = [:]
        return bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
            .compactMap { index, line in
                problem(of: line, names, firstLines: &firstLines, number: index + 1)
                    .map { "\(path): line \(index + 1) \($0)" }
            }
    }

    /// - Parameters:
    ///   - firstLines: by name, the line that sets it.
    ///   - number: the number of the line.
    static func problem(
        of line: ArraySlice<UInt8>, _ names: SettingNames, firstLines: inout [String: Int], number: Int
    ) -> String? {
        let text = line.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard let first = text.first, first != UInt8(ascii: "#") else { return nil }
        if text.starts(with: [0xEF, 0xBB, 0xBF]) { return "begins with a byte order mark: save the file without one" }
        if text.starts(with: Array("export ".utf8)) { return "must not begin with 'export'" }
        guard let equals = text.firstIndex(of: UInt8(ascii: "=")) else { return "is not NAME=value" }
        let name = String(decoding: text[..<equals], as: UTF8.self)
        let isName = name.allSatisfy { $0 == "_" || ($0.isASCII && ($0.isLetter || $0.isNumber)) }
        guard isName, !name.isEmpty else { return "is not NAME=value" }
        if let problem = names.problem(inFile: name) { return problem }
        if let first = firstLines.updateValue(number, forKey: name) {
            return "sets '\(name)' again, after line \(first)"
        }
        return nil
    }
}
