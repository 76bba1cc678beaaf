import ArgumentParser
import Glibc

/// An error that explains in one line for the user why the lab cannot do something.
struct LabError: Error, Equatable {
    let message: String
    /// The exit code of the command: 1 if it failed, 2 if the request was invalid.
    let exitCode: Int32

    init(_ message: String, exitCode: Int32 = 1) {
        self.message = message
        self.exitCode = exitCode
    }

    /// - Parameter errno: the error number of the failed system call.
    init(systemCall: String, errno: Int32 = errno) {
        self.init("\(systemCall): \(String(cString: strerror(errno)))")
    }

    /// A signal interrupted the lab: SIGINT, SIGTERM or SIGHUP.
    static let interrupted = LabError("interrupted")
}

/// Runs `body`. If it throws, prints the error and ends the program with the error's exit code.
func exitOnError<Value>(_ body: () throws(LabError) -> Value) throws -> Value {
    do {
        return try body()
    } catch {
        complain("caplab: \(error.message)")
        throw ExitCode(error.exitCode)
    }
}
