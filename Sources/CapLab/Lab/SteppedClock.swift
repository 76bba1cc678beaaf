import FoundationEssentials
import Glibc

/// Sets the clock of one process, without root. A library that is loaded into the process adds an offset to the time of
/// day (`Sources/CClockStep`). The offset is stored in a file.
enum SteppedClock {
    /// The path of the library; nil if it was not built beside this program.
    static var library: String? {
        let path = Executables.runningDirectory + "/libClockStep.so"
        return access(path, R_OK) == 0 ? path : nil
    }

    static func environment(library: String, file: String) -> [String: String] {
        ["LD_PRELOAD": library, "CLOCK_STEP_FILE": file]
    }
}

extension Lab {
    /// The environment variables that make a node's clock adjustable. Empty if the node is not in
    /// ``ProgramSettings/clockNodes``, or if the library is missing.
    func clockEnvironment(of node: Node) -> [String: String] {
        guard settings.programs.clockNodes.contains(node.name), let library = SteppedClock.library,
            (try? writeClock(of: node.name, offsetSeconds: 0)) != nil
        else { return [:] }
        return SteppedClock.environment(library: library, file: clockPath(node.name))
    }

    /// Sets the clock of a process at once, to the time of day plus the offset.
    func stepClock(of name: String, offsetSeconds: Int) throws(LabError) {
        guard settings.programs.clockNodes.contains(name) else {
            throw LabError("\(name) was not started with its own clock")
        }
        try writeClock(of: name, offsetSeconds: offsetSeconds)
    }

    private func clockPath(_ name: String) -> String { "\(dataPath)/logs/\(name).clock" }

    /// Writes the offset in place, because the process has mapped the file.
    private func writeClock(of name: String, offsetSeconds: Int) throws(LabError) {
        let descriptor = open(clockPath(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw LabError(systemCall: "open \(clockPath(name))") }
        defer { close(descriptor) }
        var offset = Int64(offsetSeconds)
        guard pwrite(descriptor, &offset, MemoryLayout<Int64>.size, 0) == MemoryLayout<Int64>.size else {
            throw LabError(systemCall: "write \(clockPath(name))")
        }
    }
}
