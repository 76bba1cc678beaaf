import Glibc

/// A file to which lines are appended, and which is replaced by a new one when it is long: `audit` becomes `audit.1`,
/// and so on. Another program may rotate it too: if the file was moved, a new one is created under its name.
public struct RotatingFile {
    private let path: String
    private let maxBytes: Int
    private let keptFiles: Int
    private var descriptor: Int32 = -1
    private var size = 0
    /// True if only a part of the last line was written, for example because the disk was full. The next line must not
    /// continue it.
    private var isLineBroken = false
    private var identity: (device: dev_t, inode: ino_t) = (0, 0)

    /// - Parameters:
    ///   - maxBytes: before an append would make the file longer than this, the file is replaced.
    ///   - keptFiles: the number of files that are kept, including the current one.
    init(path: String, maxBytes: Int, keptFiles: Int) {
        self.path = path
        self.maxBytes = maxBytes
        self.keptFiles = keptFiles
    }

    /// Appends complete lines. Blocks as long as the disk does.
    /// - Returns: false if they were not written, or only in part.
    mutating func append(_ lines: [UInt8]) -> Bool {
        guard openIfNeeded() else { return false }
        if size > 0, size + lines.count > maxBytes {
            rotate()
            // If the file could not be renamed, it is still the same file. Then it may grow to twice the limit, and no
            // further.
            guard openIfNeeded(), size == 0 || size + lines.count <= 2 * maxBytes else { return false }
        }
        if isLineBroken {
            guard write(descriptor, "\n", 1) == 1 else { return false }
            isLineBroken = false
            size += 1
        }
        var rest = lines[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                isLineBroken = rest.count < lines.count
                return false
            }
            size += written
            rest = rest.dropFirst(written)
        }
        return true
    }

    mutating func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
        size = 0
    }

    /// True if a regular file to which lines can be appended is at `path`, or can be created there. Creates it.
    public static func canOpen(_ path: String) -> Bool {
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { return false }
        defer { Glibc.close(descriptor) }
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    private mutating func openIfNeeded() -> Bool {
        var status = stat()
        if descriptor >= 0 {
            if stat(path, &status) == 0, status.st_dev == identity.device, status.st_ino == identity.inode {
                return true
            }
            close()
        }
        descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0, fstat(descriptor, &status) == 0 else { return false }
        identity = (status.st_dev, status.st_ino)
        size = Int(status.st_size)
        return true
    }

    private mutating func rotate() {
        close()
        for number in stride(from: keptFiles - 1, to: 0, by: -1) {
            rename(number == 1 ? path : "\(path).\(number - 1)", "\(path).\(number)")
        }
    }
}
