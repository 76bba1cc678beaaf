import Glibc

/// The file that a setting such as `SECRET_KEY_FILE` names.
public enum SecretFile {
    /// The longest file, in bytes; a longer one is not a secret.
    static let maxSize = 4_096

    /// The content of the file; nil if it is unreadable or longer than ``maxSize``. Blocks, so it is only for the
    /// start.
    public static func read(path: String) -> [UInt8]? { read(path, maxSize: maxSize) }

    static func read(_ path: String, maxSize: Int) -> [UInt8]? {
        // Must not wait for the writer of a pipe, and must not read a device or a long file.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= maxSize else {
            return nil
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while bytes.count <= maxSize {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { return bytes }
            bytes += chunk.prefix(count)
        }
        return nil
    }

    /// The secret in a file: one line of UTF-8, without the line end that editors and `echo` add. Nil if it is empty,
    /// has control characters or several lines, or is not UTF-8.
    static func text(of bytes: [UInt8]) -> String? {
        var line = bytes[...]
        if line.last == UInt8(ascii: "\n") { line.removeLast() }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        guard !line.isEmpty, !line.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return nil }
        return String(validating: line, as: UTF8.self)
    }
}
