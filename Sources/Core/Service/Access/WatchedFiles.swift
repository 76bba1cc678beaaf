import Glibc

/// Detects that files changed, such as those of tokens or of a certificate. Used on the thread that waits for signals.
final class WatchedFiles: @unchecked Sendable {
    // Safe because only the thread that waits for signals uses it once the service runs.
    private let paths: [String]
    private var used: [FileVersion?]
    private var lastSeen: [FileVersion?]

    /// The attributes that change when a file is written or replaced.
    private struct FileVersion: Equatable {
        let device: UInt64
        let inode: UInt64
        let size: Int64
        let modifiedS: Int
        let modifiedNs: Int

        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            modifiedS = status.st_mtim.tv_sec
            modifiedNs = status.st_mtim.tv_nsec
        }
    }

    init(_ paths: [String]) {
        self.paths = paths
        used = paths.map(FileVersion.init)
        lastSeen = used
    }

    var isEmpty: Bool { paths.isEmpty }

    /// Whether the files differ from those at the last result of true, or at the start. They must also be unchanged
    /// since the previous call, so that a file is not read while it is being written.
    func haveChanged() -> Bool {
        let now = paths.map(FileVersion.init)
        defer { lastSeen = now }
        guard now == lastSeen, now != used else { return false }
        used = now
        return true
    }
}
