import FoundationEssentials
import Glibc

/// The paths of the programs that the lab runs.
struct Executables: Sendable {
    /// This program, which also runs as ``Launcher`` and ``Sweeper``.
    let caplab: String
    let appCP: String
    let appAP: String
    let redisServer: String

    /// - Parameter binDirectory: the directory of the services; nil: that of the running program.
    static func find(binDirectory: String?, environment: [String: String]) throws(LabError) -> Executables {
        let caplab = try runningProgram()
        let directory = binDirectory ?? String(caplab[..<(caplab.lastIndex(of: "/") ?? caplab.startIndex)])
        return Executables(
            caplab: caplab,
            appCP: try beside(directory, "app-cp"),
            appAP: try beside(directory, "app-ap"),
            redisServer: try inPath("redis-server", environment))
    }

    static func runningProgram() throws(LabError) -> String {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { throw LabError("cannot find the path of the running program") }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    private static func beside(_ directory: String, _ name: String) throws(LabError) -> String {
        let path = absolute("\(directory)/\(name)")
        guard access(path, X_OK) == 0 else {
            throw LabError("\(name) is not in \(directory); build it, or name its directory with --bin-dir")
        }
        return path
    }

    static func inPath(_ name: String, _ environment: [String: String]) throws(LabError) -> String {
        for directory in (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":") {
            let path = "\(directory)/\(name)"
            if path.hasPrefix("/"), access(path, X_OK) == 0 { return path }
        }
        throw LabError("\(name) is not in PATH; 'make setup' installs what is needed")
    }

    /// The path for any working directory.
    static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }
}
