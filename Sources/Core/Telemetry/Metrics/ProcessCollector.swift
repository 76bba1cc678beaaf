import Glibc

/// The standard process metrics (prometheus.io, *Writing client libraries*, "Process metrics"), read at each scrape.
public final class ProcessCollector: Sendable {
    /// Kept open, so that it can be read even if the process has no descriptors left.
    private let statm: Int32
    private let pageBytes: Double

    private let cpuSeconds: CounterSeries
    private let residentBytes: GaugeSeries
    private let virtualBytes: GaugeSeries
    private let openDescriptors: GaugeSeries
    private let maxDescriptors: GaugeSeries

    /// Adds the process metrics to a registry, which updates them at each scrape.
    public static func register(in registry: PrometheusRegistry) {
        let collector = ProcessCollector(registry)
        registry.beforeScrape { collector.collect() }
    }

    private init(_ registry: PrometheusRegistry) {
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
        statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        pageBytes = Double(max(1, sysconf(Int32(_SC_PAGESIZE))))
    }

    deinit {
        if statm >= 0 { close(statm) }
    }

    private func collect() {
        cpuSeconds.raise(to: Self.seconds(CLOCK_PROCESS_CPUTIME_ID))
        if let (virtualPages, residentPages) = readPages() {
            virtualBytes.set(virtualPages * pageBytes)
            residentBytes.set(residentPages * pageBytes)
        }
        if let count = Self.countDescriptors() { openDescriptors.set(Double(count)) }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            maxDescriptors.set(limit.rlim_cur == rlim_t.max ? .infinity : Double(limit.rlim_cur))
        }
    }

    /// The first two numbers of `/proc/self/statm`: all pages, resident pages.
    private func readPages() -> (Double, Double)? {
        guard statm >= 0 else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: 128, alignment: 1) { buffer in
            let length = pread(statm, buffer.baseAddress, buffer.count, 0)
            guard length > 0 else { return nil }
            let fields = buffer[..<length].split(separator: UInt8(ascii: " "), maxSplits: 2)
            guard fields.count == 3 else { return nil }
            return (Self.number(fields[0]), Self.number(fields[1]))
        }
    }

    private static func number(_ digits: Slice<UnsafeMutableRawBufferPointer>) -> Double {
        digits.reduce(0) { $0 * 10 + Double($1 &- 48) }
    }

    /// Linux 6.2 and later report the number of descriptors as the size of the directory; before, it must be listed.
    private static func countDescriptors() -> Int? {
        descriptorsByStat() ?? descriptorsByListing()
    }

    static func descriptorsByStat() -> Int? {
        var status = stat()
        guard stat("/proc/self/fd", &status) == 0, status.st_size > 0 else { return nil }
        return Int(status.st_size)
    }

    static func descriptorsByListing() -> Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var entries = 0
        while readdir(directory) != nil { entries += 1 }
        // Without ".", ".." and the descriptor of the listing itself.
        return max(0, entries - 3)
    }

    /// Field 22 of `/proc/self/stat` is the start in clock ticks after boot, which two clocks convert to a date.
    private static func startTimeSeconds() -> Double {
        let now = seconds(CLOCK_REALTIME)
        let descriptor = open("/proc/self/stat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return now }
        defer { close(descriptor) }
        let startTicks: Double? = withUnsafeTemporaryAllocation(byteCount: 1_024, alignment: 1) { buffer in
            let length = read(descriptor, buffer.baseAddress, buffer.count)
            // The second field, the program's name in parentheses, may contain spaces and parentheses.
            guard length > 0, let end = buffer[..<length].lastIndex(of: UInt8(ascii: ")")) else { return nil }
            let fields = buffer[(end + 1)..<length].split(separator: UInt8(ascii: " "), maxSplits: 20)
            return fields.count > 19 ? number(fields[19]) : nil
        }
        guard let startTicks else { return now }
        let ageSeconds = seconds(CLOCK_BOOTTIME) - startTicks / Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        // Ticks are hundredths of a second: further digits would be noise.
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
    ///   - version: of the product.
    ///   - mode: `cp` or `ap`.
    public func registerBuildInfo(version: String, mode: String) {
        gauge(
            "app_build_info", help: "Version, mode and Swift version of the program; always 1.",
            labels: ["version", "mode", "swift"]
        ).with(version, mode, Self.swiftVersion).set(1)
    }

    /// The compiler version as far as a program can tell it.
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
