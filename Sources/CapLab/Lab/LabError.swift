/// Why the lab cannot do what it was asked for, in one line for people.
struct LabError: Error, Equatable {
    let message: String
    /// What the command ends with: 1 where it could not be done, 2 where it was asked wrongly.
    var exitCode: Int32 = 1

    init(_ message: String, exitCode: Int32 = 1) {
        self.message = message
        self.exitCode = exitCode
    }

    /// SIGINT or SIGTERM came while the lab was starting or playing.
    static let interrupted = LabError("interrupted")
}
