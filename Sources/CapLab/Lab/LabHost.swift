import EventLoop

/// Runs a lab from the command line.
final class LabHost: HostedProgram {
    private let lab: Lab
    private let body: @Sendable (Lab) async -> Int32

    private init(_ lab: Lab, _ body: @escaping @Sendable (Lab) async -> Int32) {
        self.lab = lab
        self.body = body
    }

    /// Starts a lab, runs `body` with it, and always stops it.
    ///
    /// SIGINT, SIGTERM and SIGHUP stop the lab; a second signal kills its processes. See ``ReactorHost/run(_:)``.
    /// - Returns: the result of `body`, or the exit code of an error; 0 if a signal interrupted the start.
    static func run(_ settings: LabSettings, body: @escaping @Sendable (Lab) async -> Int32) -> Int32 {
        ReactorHost.run { reactor in LabHost(Lab(settings, on: reactor), body) }
    }

    func run() async -> Int32 {
        var result: Int32
        do throws(LabError) {
            try await lab.start()
            result = await body(lab)
        } catch {
            // After Ctrl-C, the user needs no message.
            if error != .interrupted { complain("caplab: \(error.message)") }
            result = error == .interrupted ? 0 : error.exitCode
        }
        await lab.stop()
        return result
    }

    func requestStop(signal: Int32) { lab.requestStop(signal: signal) }
    func reap() { lab.reap() }
}
