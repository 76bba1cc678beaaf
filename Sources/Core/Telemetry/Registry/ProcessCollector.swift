import Glibc

/// The standard process metrics (prometheus.io, *Writing client libraries*, "Process metrics").
public final class ProcessCollector: Sendable {
    private let cpuSeconds: CounterSeries
    private let residentBytes: GaugeSeries
    private let virtualBytes: GaugeSeries
    private let openDescriptors: GaugeSeries
    private let maxDescriptors: GaugeSeries

    /// Registers the metrics. Except for the start time, they are 0 before ``collect()``.
    public init(in registry: PrometheusRegistry) {
        cpuSeconds = registry.counter(
            "process_cpu_seconds_total", help: "User and system CPU time spent, in seconds."
        ).with()
        residentBytes = registry.gauge(
            "process_resident_memory_bytes", help: "Resident memory size, in bytes."
        ).with()
        virtualBytes = registry.gauge(
            "process_virtual_memory_bytes", help: "Virtual memory size, in bytes."
        ).with()
        openDescriptors = registry.gauge("process_open_fds", help: "Open file descriptors.").with()
        maxDescriptors = registry.gauge(
            "process_max_fds", help: "Limit of open file descriptors."
        ).with()
        registry.gauge(
            "process_start_time_seconds", help: "Start of the process, in seconds since 1970 (UTC)."
        ).with().set(Self.startTimeSeconds())
    }

    /// Updates the metrics. Call it before a scrape.
    public func collect() {
        cpuSeconds.raise(to: Self.seconds(CLOCK_PROCESS_CPUTIME_ID))
        let pages = Self.numbers(in: "/proc/self/statm")
        if pages.count >= 2 {
            let pageBytes = Double(sysconf(Int32(_SC_PAGESIZE)))
            virtualBytes.set(pages[0] * pageBytes)
            residentBytes.set(pages[1] * pageBytes)
        }
        if let count = Self.countDescriptors() { openDescriptors.set(Double(count)) }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            maxDescriptors.set(limit.rlim_cur == rlim_t.max ? .infinity : Double(limit.rlim_cur))
        }
    }

    /// Reads the fields of a file in `/proc` as numbers; 0 for a field that is not a number. If the file contains the
    /// program's name, in parentheses, skips everything up to and including the name, because it may contain spaces.
    private static func numbers(in path: String) -> [Double] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 1_024)
        let length = read(descriptor, &buffer, buffer.count)
        let text = String(decoding: buffer[..<max(0, length)], as: UTF8.self)
        let fields = text.lastIndex(of: ")").map { text[$0...].dropFirst() } ?? text[...]
        return fields.split(separator: " ").map { Double($0) ?? 0 }
    }

    private static func countDescriptors() -> Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var entries = 0
        while readdir(directory) != nil { entries += 1 }
        // Do not count ".", ".." and the descriptor of the listing itself.
        return max(0, entries - 3)
    }

    /// When the process started, in seconds since 1970. Field 22 of `/proc/self/stat` is the start in clock ticks after
    /// boot. The clocks `CLOCK_BOOTTIME` and `CLOCK_REALTIME` convert it to a time of day.
    private static func startTimeSeconds() -> Double {
        let now = seconds(CLOCK_REALTIME)
        let fields = numbers(in: "/proc/self/stat")
        // `fields` lacks the first two fields (process id and name), so field 22 has the index 19.
        guard fields.count > 19 else { return now }
        let ageSeconds = seconds(CLOCK_BOOTTIME) - fields[19] / Double(sysconf(Int32(_SC_CLK_TCK)))
        // Ticks are hundredths of a second, so further digits would be noise.
        return ((now - ageSeconds) * 100).rounded() / 100
    }

    private static func seconds(_ clock: Int32) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

extension PrometheusRegistry {
    /// Registers `app_build_info`, a gauge that is always 1 and whose labels describe the program.
    /// - Parameters:
    ///   - version: the version of the product.
    ///   - mode: `cp` or `ap`.
    public func registerBuildInfo(version: String, mode: String) {
        gauge(
            "app_build_info", help: "Version, mode and Swift version of the program; always 1.",
            labels: ["version", "mode", "swift"]
        ).with(version, mode, Self.swiftVersion).set(1)
    }

    /// The version of the Swift compiler, as far as conditional compilation can determine it.
    static var swiftVersion: String {
        #if compiler(>=6.5)
            "6.5+"
        #elseif compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }
}
