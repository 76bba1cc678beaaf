import EventLoop
import Glibc
import Synchronization

/// A program that runs on a reactor until a signal ends it.
protocol HostedProgram: AnyObject {
    /// - Returns: the exit code.
    func run() async -> Int32
    /// After SIGINT, SIGTERM or SIGHUP; may be called again.
    func requestStop(signal: Int32)
    /// After SIGCHLD.
    func reap()
}

/// Runs a program from the command line: signals on the main thread, everything else on the reactor's.
final class ReactorHost: @unchecked Sendable {
    // Safe because `program` is touched only on the reactor's thread, and `exitCode` is synchronised.
    private let reactor: Reactor
    private var program: (any HostedProgram)?
    private let exitCode = Mutex<Int32?>(nil)

    private init(_ reactor: Reactor) { self.reactor = reactor }

    /// Makes a program on the reactor's thread and runs it.
    ///
    /// SIGINT, SIGTERM and SIGHUP stop it. SIGINT and SIGHUP have no effect if they were inherited as ignored. Call it
    /// on the main thread before any other exists: it blocks the signals and waits for them.
    /// - Returns: the exit code of the program.
    static func run(_ make: @escaping @Sendable (Reactor) -> any HostedProgram) -> Int32 {
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
        let host = ReactorHost(reactor)
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
            self.program = nil
            exitCode.withLock { $0 = result }
            // Wakes the main thread.
            kill(getpid(), SIGUSR1)
        }
    }
}
