import FoundationEssentials
import Glibc

/// The paths of the programs that the lab runs.
struct Executables: Sendable {
    let appCP: String
    let appAP: String
    let redisServer: String

    /// - Parameter binDirectory: the directory of the services; nil for the directory of the running program.
    init(binDirectory: String?, environment: [String: String]) throws(LabError) {
        let directory = binDirectory ?? Self.runningDirectory
        appCP = try Self.beside(directory, "app-cp")
        appAP = try Self.beside(directory, "app-ap")
        redisServer = try Self.inPath("redis-server", environment)
    }

    /// The directory of the running program.
    static var runningDirectory: String {
        let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return program.map { String($0[..<($0.lastIndex(of: "/") ?? $0.startIndex)]) } ?? "."
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

    /// The absolute path. A relative path begins at the current working directory.
    static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }
}
