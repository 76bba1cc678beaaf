import EventLoop
import Glibc

/// The signals that stop a service: SIGTERM, and SIGINT and SIGHUP unless it inherited them as ignored (`nohup`).
/// SIGHUP does not stop a service that has files to reload.
struct StopSignals {
    private static let names = [SIGTERM: "SIGTERM", SIGINT: "SIGINT", SIGHUP: "SIGHUP"]

    private let descriptor: Int32
    private let isReloading: Bool

    /// Installs the handlers. A signal is kept until ``handle(everySecond:reload:received:)`` is called, so call this
    /// before the service listens: once a client can reach it, every signal must stop it cleanly.
    /// - Parameter isReloading: true if SIGHUP reloads files instead of stopping the service.
    /// - Returns: nil if there is no descriptor left.
    init?(isReloading: Bool) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        descriptor = ends[0]
        self.isReloading = isReloading
        signalPipe = ends[1]
        for number in Self.names.keys {
            let isAlwaysHandled = number == SIGTERM || (number == SIGHUP && isReloading)
            if isAlwaysHandled || !isInheritedAsIgnored(number) { Self.trap(number) }
        }
    }

    /// Starts a thread that calls `received` with the name of the first signal, and `everySecond` at least once per
    /// second. A second signal ends the process at once.
    /// - Parameter reload: called for SIGHUP if it reloads files.
    /// - Returns: false if there is no thread left.
    func handle(
        everySecond: @escaping @Sendable () -> Void, reload: @escaping @Sendable () -> Void,
        received: @escaping @Sendable (_ name: String) -> Void
    ) -> Bool {
        let context = Unmanaged.passRetained(
            Loop(
                descriptor: descriptor, everySecond: everySecond, reload: isReloading ? reload : nil,
                received: received)
        ).toOpaque()
        var thread = pthread_t()
        return pthread_create(
            &thread, nil,
            { context in
                Unmanaged<Loop>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, context) == 0
    }

    private static func trap(_ number: Int32) {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { number in
            let before = errno
            var byte = UInt8(truncatingIfNeeded: number)
            _ = write(signalPipe, &byte, 1)
            errno = before
        }
        action.sa_flags = SA_RESTART
        sigaction(number, &action, nil)
    }

    private final class Loop: Sendable {
        private let descriptor: Int32
        private let everySecond: @Sendable () -> Void
        private let reload: (@Sendable () -> Void)?
        private let received: @Sendable (String) -> Void

        init(
            descriptor: Int32, everySecond: @escaping @Sendable () -> Void, reload: (@Sendable () -> Void)?,
            received: @escaping @Sendable (String) -> Void
        ) {
            self.descriptor = descriptor
            self.everySecond = everySecond
            self.reload = reload
            self.received = received
        }

        func run() {
            var isStopping = false
            while true {
                var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                var byte: UInt8 = 0
                if poll(&watched, 1, 1_000) > 0, read(descriptor, &byte, 1) == 1, let name = names[Int32(byte)] {
                    if Int32(byte) == SIGHUP, let reload {
                        reload()
                    } else if isStopping {
                        _exit(130)
                    } else {
                        isStopping = true
                        received(name)
                    }
                }
                everySecond()
            }
        }
    }
}

/// Where the signal handler writes; set before the handlers are installed.
private nonisolated(unsafe) var signalPipe: Int32 = -1
