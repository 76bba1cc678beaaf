import Glibc

/// glibc keeps seven freed blocks of a size at hand in each thread; a loop turn with dozens of requests in it frees and
/// takes many more, and every one past the seventh takes the slow, locking path. With room for more a request costs about
/// an eighth less CPU (`make bench-quick`). glibc reads this setting before a program begins, so the program starts itself
/// once more, in the same process, with it set.
enum AllocatorTuning {
    private static let tunable = "glibc.malloc.tcache_count"
    /// At most this many blocks a size class: a few hundred kilobytes in all.
    private static let blockCount = 512

    /// Does nothing where the setting is there already, whatever its value. Returns only if nothing needs to be done or it
    /// cannot be: the service works without it.
    static func apply() {
        let present = getenv("GLIBC_TUNABLES").map { String(cString: $0) } ?? ""
        guard !present.contains(tunable) else { return }
        // By its real path: the process keeps its name in `ps`.
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard readlink("/proc/self/exe", &path, path.count - 1) > 0 else { return }
        let setting = "\(tunable)=\(blockCount)"
        setenv("GLIBC_TUNABLES", present.isEmpty ? setting : "\(present):\(setting)", 1)
        execv(path, CommandLine.unsafeArgv)
    }
}
