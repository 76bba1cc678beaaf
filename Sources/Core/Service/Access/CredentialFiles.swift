import Authentication
import Glibc

/// Notices that the files of credentials changed. Used on the thread that waits for signals.
final class CredentialFiles: @unchecked Sendable {
    // Safe because only the thread that waits for signals uses it once the service runs.
    private let settings: AuthenticationSettings
    private var used: [FileVersion?]
    private var lastSeen: [FileVersion?]

    /// What differs when a file was written or replaced.
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

    init(_ settings: AuthenticationSettings) {
        self.settings = settings
        used = Self.versions(settings)
        lastSeen = used
    }

    var isEmpty: Bool { settings.tokensPath == nil && settings.keysPath == nil }

    /// Whether they differ from those that were read last, and have not changed since the last call: a file is not read
    /// while it is written.
    func haveChanged() -> Bool {
        let now = Self.versions(settings)
        defer { lastSeen = now }
        guard now == lastSeen, now != used else { return false }
        used = now
        return true
    }

    private static func versions(_ settings: AuthenticationSettings) -> [FileVersion?] {
        [settings.tokensPath, settings.keysPath].map { $0.flatMap(FileVersion.init) }
    }
}
