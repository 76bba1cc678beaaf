import FoundationEssentials

/// The file that a setting such as `SECRET_KEY_FILE` names.
public enum SecretFile {
    /// Longer than any secret, in bytes; a larger file is a mistake.
    static let maxSize = 4_096

    /// The content of the file; nil if it is unreadable or longer than ``maxSize``. Blocks: only for the start.
    public static func read(path: String) -> [UInt8]? { read(path, maxSize: maxSize) }

    static func read(_ path: String, maxSize: Int) -> [UInt8]? {
        guard let data = FileManager.default.contents(atPath: path), data.count <= maxSize else { return nil }
        return Array(data)
    }

    /// One line of UTF-8 without the line end that editors and `echo` add; nil if it is empty or anything else.
    static func text(of bytes: [UInt8]) -> String? {
        var line = bytes[...]
        if line.last == UInt8(ascii: "\n") { line.removeLast() }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        guard !line.isEmpty, !line.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return nil }
        return String(validating: line, as: UTF8.self)
    }
}
