import Glibc

/// Settings of glibc's allocator. glibc reads them before a program begins, so the program starts itself once more, in the
/// same process, with them set.
enum AllocatorTuning {
    private static let tunables = [
        // It keeps seven freed blocks of a size at hand in each thread; a loop turn with dozens of requests in it frees and
        // takes many more, and every one past the seventh takes the slow, locking path. With room for more (a few hundred
        // kilobytes in all) a request costs about an eighth less CPU (`make bench-quick`).
        (name: "glibc.malloc.tcache_count", value: 512),
        // Long values and answers are given back to the kernel when they are freed. By itself glibc stops doing so with the
        // first one, and a burst of long reads leaves a process that stays at hundreds of megabytes.
        (name: "glibc.malloc.mmap_threshold", value: 256 << 10),
        // Naming that one takes this one down to 128 KiB, which a turn's short-lived memory goes up and down by.
        (name: "glibc.malloc.trim_threshold", value: 16 << 20),
    ]

    /// Does nothing where each setting is there already, whatever its value. Returns only if nothing needs to be done or it
    /// cannot be: the service works without them.
    static func apply() {
        let present = getenv("GLIBC_TUNABLES").map { String(cString: $0) } ?? ""
        let missing = tunables.filter { !present.contains($0.name) }.map { "\($0.name)=\($0.value)" }
        guard !missing.isEmpty else { return }
        // By its real path: the process keeps its name in `ps`.
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard readlink("/proc/self/exe", &path, path.count - 1) > 0 else { return }
        setenv("GLIBC_TUNABLES", ((present.isEmpty ? [] : [present]) + missing).joined(separator: ":"), 1)
        execv(path, CommandLine.unsafeArgv)
    }
}
