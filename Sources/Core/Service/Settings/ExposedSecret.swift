import Glibc

/// A file of secrets to which other users of the machine have access. It is reported and still used: secrets that
/// Docker mounts are usually readable by every user of their container, which has only one.
struct ExposedSecret: CustomStringConvertible, Equatable, Sendable {
    /// The setting that names the file.
    let setting: String
    let mode: mode_t

    /// Checks a file, as PostgreSQL checks its TLS key: no access for others. The group may only read a file, and only
    /// one that root owns.
    /// - Returns: nil if nobody else has access, or if there is no such file.
    init?(setting: String, path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(setting: setting, mode: status.st_mode, isRoots: status.st_uid == 0)
    }

    /// - Parameter isRoots: whether root owns the file.
    init?(setting: String, mode: mode_t, isRoots: Bool) {
        let permitted: mode_t = isRoots ? 0o740 : 0o700
        guard mode & 0o777 & ~permitted != 0 else { return nil }
        self.setting = setting
        self.mode = mode & 0o777
    }

    /// Omits the path, which may be the secret itself if somebody confused two settings.
    var description: String {
        "the file of \(setting) has mode \(String(mode, radix: 8)): other users have access to it"
    }
}
