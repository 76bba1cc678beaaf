import FoundationEssentials
import Glibc

/// The private directory of a lab's control socket. Its lock ensures that only one lab uses it at a time.
struct RunDirectory: Sendable {
    /// The longest path of a Unix socket: `sun_path` of `sockaddr_un` has 108 bytes, and the last one is zero.
    static let maxSocketPathBytes = 107

    let path: String

    /// The default directory: `$XDG_RUNTIME_DIR/caplab`, or `/tmp/caplab-<uid>`.
    static func standardPath(_ environment: [String: String]) -> String {
        if let base = environment["XDG_RUNTIME_DIR"], base.hasPrefix("/"), access(base, W_OK) == 0 {
            return base + "/caplab"
        }
        return "/tmp/caplab-\(getuid())"
    }

    var socketPath: String { path + "/control.sock" }
    var lockPath: String { path + "/lab.lock" }
    /// The authority of the services' certificate.
    var authorityPath: String { path + "/ca.pem" }
    /// The services' certificate and its key.
    var certificatePath: String { path + "/services.pem" }

    /// Creates the directory, or checks that only this user has access to it: any user could have created it in `/tmp`.
    func prepare() throws(LabError) {
        guard socketPath.utf8.count <= Self.maxSocketPathBytes, !path.contains("\n") else {
            throw LabError("the run directory's name is too long for a Unix socket: \(path)")
        }
        if mkdir(path, 0o700) != 0, errno != EEXIST {
            throw LabError(systemCall: "cannot make the run directory \(path)")
        }
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == getuid() else {
            throw LabError("\(path) is not a directory of this user; choose another with --run-dir")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw LabError("\(path) is open to other users; do 'chmod 700 \(path)' or choose another with --run-dir")
        }
    }

    /// - Returns: the descriptor that holds the lock until ``unlock(_:)``.
    func lock() throws(LabError) -> Int32 {
        // A lab that ends removes the lock file. So check that the locked file is still the one in the directory.
        // Otherwise two labs could hold locks on different files.
        for _ in 0..<100 {
            let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw LabError(systemCall: "cannot open \(lockPath)") }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                close(descriptor)
                let owner = (try? String(contentsOfFile: lockPath, encoding: .utf8)).flatMap { Int32($0.dropLast()) }
                throw LabError(
                    "a lab is already running\(owner.map { " as process \($0)" } ?? "") (control socket in \(path)); "
                        + "stop it, or use --run-dir")
            }
            var mine = stat()
            var there = stat()
            if fstat(descriptor, &mine) == 0, stat(lockPath, &there) == 0, mine.st_ino == there.st_ino {
                let pid = Array("\(getpid())\n".utf8)
                ftruncate(descriptor, 0)
                _ = pwrite(descriptor, pid, pid.count, 0)
                return descriptor
            }
            close(descriptor)
        }
        throw LabError("cannot lock \(lockPath)")
    }

    /// Unlocks explicitly. Closing the descriptor would not suffice, because a child that is just starting may have
    /// inherited a copy.
    static func unlock(_ descriptor: Int32) {
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Removes the socket, the certificates and the lock, and the directory if it is empty after that.
    func remove() {
        for path in [socketPath, authorityPath, certificatePath] { unlink(path) }
        unlink(lockPath)
        rmdir(path)
    }
}
