import EventLoop
import Glibc
import Synchronization

/// A program that runs on a reactor until a signal ends it.
protocol HostedProgram: AnyObject {
    /// Runs the program.
    /// - Returns: the exit code.
    func run() async -> Int32
    /// Called after SIGINT, SIGTERM or SIGHUP; may be called more than once.
    func requestStop(signal: Int32)
    /// Called after SIGCHLD.
    func reap()
}

/// Runs a program from the command line. Signals are handled on the main thread, everything else on the reactor's
/// thread.
final class ReactorHost: @unchecked Sendable {
    // Safe because `program` is used only on the reactor's thread, and `exitCode` is synchronised.
    private let reactor: Reactor
    private var program: (any HostedProgram)?
    private let exitCode = Mutex<Int32?>(nil)
    /// Keeps the reactor and its timers until the process exits. Tasks that still wait are not resumed, so that what
    /// they use is never released; the leak checker must find it.
    private static let running = Mutex<ReactorHost?>(nil)

    private init(_ reactor: Reactor) { self.reactor = reactor }

    /// Creates a program on the reactor's thread and runs it.
    ///
    /// SIGINT, SIGTERM and SIGHUP stop the program. SIGINT and SIGHUP stay ignored if this program was started with
    /// them ignored. Call this on the main thread before any other thread exists. New threads inherit the blocked
    /// signals, so that only `sigwait` in this function receives them.
    /// - Returns: the exit code of the program.
    static func run(_ make: @escaping @Sendable (Reactor) -> any HostedProgram) -> Int32 {
        var signals = sigset_t()
        sigemptyset(&signals)
        // `sigwait` would return a blocked signal even if it is ignored. So do not block those that must stay ignored.
        let interactive = [SIGINT, SIGHUP].filter { !isInheritedAsIgnored($0) }
        for number in interactive + [SIGTERM, SIGCHLD, SIGUSR1] { sigaddset(&signals, number) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        // If SIGCHLD were ignored, the kernel would discard the exit status of children.
        signal(SIGCHLD, SIG_DFL)
        signal(SIGPIPE, SIG_IGN)
        guard let reactor = try? Reactor(name: "lab") else {
            complain("caplab: no file descriptor is left")
            return 1
        }
        let host = ReactorHost(reactor)
        running.withLock { $0 = host }
        reactor.start()
        reactor.submit { host.begin(make) }
        while true {
            var number: Int32 = 0
            guard sigwait(&signals, &number) == 0 else { continue }
            switch number {
            case SIGCHLD: reactor.submit { host.program?.reap() }
            case SIGUSR1: break
            default: reactor.submit { [number] in host.program?.requestStop(signal: number) }
            }
            if let exitCode = host.exitCode.withLock({ $0 }) {
                reactor.stop()
                reactor.join()
                return exitCode
            }
        }
    }

    private func begin(_ make: @Sendable (Reactor) -> any HostedProgram) {
        let program = make(reactor)
        self.program = program
        reactor.spawn { [self] in
            let result = await program.run()
            exitCode.withLock { $0 = result }
            // Wake the main thread, which waits for signals.
            kill(getpid(), SIGUSR1)
        }
    }
}
