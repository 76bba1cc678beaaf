import ArgumentParser
import Glibc

/// Why the lab cannot do something, in one line for people.
struct LabError: Error, Equatable {
    let message: String
    /// The exit code of the command: 1 if it could not be done, 2 if the request was wrong.
    let exitCode: Int32

    init(_ message: String, exitCode: Int32 = 1) {
        self.message = message
        self.exitCode = exitCode
    }

    /// - Parameter errno: why the call failed.
    init(systemCall: String, errno: Int32 = errno) {
        self.init("\(systemCall): \(String(cString: strerror(errno)))")
    }

    /// SIGINT, SIGTERM or SIGHUP came meanwhile.
    static let interrupted = LabError("interrupted")
}

/// Runs `body`. Prints its error and ends the program with the error's exit code.
func exitOnError<Value>(_ body: () throws(LabError) -> Value) throws -> Value {
    do {
        return try body()
    } catch {
        complain("caplab: \(error.message)")
        throw ExitCode(error.exitCode)
    }
}
