import Glibc

/// Settings of glibc's allocator. glibc reads them before a program starts, so the program sets them and executes
/// itself again in the same process.
enum AllocatorTuning {
    private static let tunables = [
        // By default each thread caches seven freed blocks per size. A loop turn with dozens of requests frees and
        // allocates many more, which take the slow path with a lock. A larger cache (some hundred kilobytes) saves
        // about an eighth of the CPU time per request (`make bench-quick`).
        (name: "glibc.malloc.tcache_count", value: 512),
        // Returns freed long values to the kernel. By default glibc stops doing so after the first one, and a burst of
        // long reads leaves a process with hundreds of megabytes.
        (name: "glibc.malloc.mmap_threshold", value: 256 << 10),
        // Setting the threshold above lowers this one to 128 KiB, which the short-lived memory of a turn exceeds.
        (name: "glibc.malloc.trim_threshold", value: 16 << 20),
    ]

    /// Returns if every setting is already present with any value, or if the program cannot be executed again: the
    /// service works without them.
    static func apply() {
        let present = getenv("GLIBC_TUNABLES").map { String(cString: $0) } ?? ""
        let missing = tunables.filter { !present.contains($0.name) }.map { "\($0.name)=\($0.value)" }
        guard !missing.isEmpty else { return }
        // With the real path the process keeps its name in `ps`.
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard readlink("/proc/self/exe", &path, path.count - 1) > 0 else { return }
        setenv("GLIBC_TUNABLES", ((present.isEmpty ? [] : [present]) + missing).joined(separator: ":"), 1)
        execv(path, CommandLine.unsafeArgv)
    }
}
