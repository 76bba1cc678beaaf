import EventLoop
import Glibc
import Synchronization

/// Runs a lab from the command line: signals on the main thread, everything else on the reactor's.
final class LabHost: @unchecked Sendable {
    // Safe because `lab` is touched only on the reactor's thread, and `exitCode` is synchronised.
    private let reactor: Reactor
    private var lab: Lab?
    private let exitCode = Mutex<Int32?>(nil)

    private init(_ reactor: Reactor) { self.reactor = reactor }

    /// Starts a lab, runs `body` with it, and always stops it.
    ///
    /// SIGINT, SIGTERM and SIGHUP stop it; a second one kills its processes. SIGINT and SIGHUP have no effect if they
    /// were inherited as ignored. Call it on the main thread before any other exists: it blocks the signals and waits
    /// for them.
    /// - Returns: the result of `body`, or the exit code of an error.
    static func run(_ settings: LabSettings, body: @escaping @Sendable (Lab) async -> Int32) -> Int32 {
        var signals = sigset_t()
        sigemptyset(&signals)
        // A blocked signal is delivered to sigwait even if its disposition is to ignore it.
        let interactive = [SIGINT, SIGHUP].filter { !isInheritedAsIgnored($0) }
        for number in interactive + [SIGTERM, SIGCHLD, SIGUSR1] { sigaddset(&signals, number) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        // If ignored, the kernel would discard how a child ended.
        signal(SIGCHLD, SIG_DFL)
        signal(SIGPIPE, SIG_IGN)
        guard let reactor = try? Reactor(name: "lab") else {
            complain("caplab: no file descriptor is left")
            return 1
        }
        let host = LabHost(reactor)
        reactor.start()
        reactor.submit { host.begin(settings, body) }
        while true {
            var number: Int32 = 0
            guard sigwait(&signals, &number) == 0 else { continue }
            switch number {
            case SIGCHLD: reactor.submit { host.lab?.reap() }
            case SIGUSR1: break
            default: reactor.submit { [number] in host.lab?.requestStop(signal: number) }
            }
            if let exitCode = host.exitCode.withLock({ $0 }) {
                reactor.stop()
                reactor.join()
                return exitCode
            }
        }
    }

    private func begin(_ settings: LabSettings, _ body: @escaping @Sendable (Lab) async -> Int32) {
        let lab = Lab(settings, on: reactor)
        self.lab = lab
        reactor.spawn { [self] in
            var result: Int32
            do throws(LabError) {
                try await lab.start()
                result = await body(lab)
            } catch {
                // After Ctrl-C nobody needs a message.
                if error != .interrupted { complain("caplab: \(error.message)") }
                result = error == .interrupted ? 0 : error.exitCode
            }
            await lab.stop()
            self.lab = nil
            exitCode.withLock { $0 = result }
            // Wakes the main thread.
            kill(getpid(), SIGUSR1)
        }
    }
}
