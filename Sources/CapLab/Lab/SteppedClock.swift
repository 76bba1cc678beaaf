import FoundationEssentials
import Glibc

/// Steps the clock of one process, without root: libfaketime, loaded into the process, adds the offset in a file to the
/// time of day. The monotonic clock stays as it is, as in a step by an administrator or by NTP.
enum SteppedClock {
    private static let libraries = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/faketime/libfaketimeMT.so.1",
        "/usr/local/lib/faketime/libfaketimeMT.so.1",
    ]

    /// Nil if libfaketime is not installed.
    static var library: String? { libraries.first { access($0, R_OK) == 0 } }

    static func environment(library: String, file: String) -> [String: String] {
        [
            "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": file, "DONT_FAKE_MONOTONIC": "1",
            // The file is read again after this many seconds.
            "FAKETIME_CACHE_DURATION": "1",
        ]
    }
}

extension Lab {
    /// What a node needs so that its clock can be stepped; empty for any other node.
    func clockEnvironment(of node: Node) -> [String: String] {
        guard settings.clockNodes.contains(node.name), let library = SteppedClock.library,
            (try? writeClock(of: node.name, offsetSeconds: 0)) != nil
        else { return [:] }
        return SteppedClock.environment(library: library, file: clockPath(node.name))
    }

    /// Sets the clock of a process this far from the time of day; it follows within a second.
    func stepClock(of name: String, offsetSeconds: Int) throws(LabError) {
        guard settings.clockNodes.contains(name) else { throw LabError("\(name) was not started with its own clock") }
        guard SteppedClock.library != nil else { throw LabError("libfaketime is not installed") }
        try writeClock(of: name, offsetSeconds: offsetSeconds)
    }

    private func clockPath(_ name: String) -> String { "\(dataPath)/logs/\(name).clock" }

    private func writeClock(of name: String, offsetSeconds: Int) throws(LabError) {
        do {
            let text = "\(offsetSeconds < 0 ? "" : "+")\(offsetSeconds)\n"
            try text.write(toFile: clockPath(name), atomically: true, encoding: .utf8)
        } catch {
            throw LabError("\(clockPath(name)): \(error)")
        }
    }
}
