import EventLoop
import Glibc

/// The signals that stop a service: SIGTERM, and SIGINT and SIGHUP unless it inherited them as ignored (`nohup`).
/// SIGHUP does not stop a service that has files to reload.
enum StopSignals {
    private static let names = [SIGTERM: "SIGTERM", SIGINT: "SIGINT", SIGHUP: "SIGHUP"]

    /// Starts a thread that calls `received` with the name of the first signal, and `everySecond` at least once per
    /// second. A second signal ends the process at once.
    /// - Parameter reload: called for SIGHUP, which then does not count as a signal to stop; nil if SIGHUP stops the
    ///   service.
    /// - Returns: false if there is no descriptor or thread left.
    static func wait(
        everySecond: @escaping @Sendable () -> Void, reload: (@Sendable () -> Void)?,
        received: @escaping @Sendable (_ name: String) -> Void
    ) -> Bool {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return false }
        signalPipe = ends[1]
        for number in names.keys {
            let isAlwaysHandled = number == SIGTERM || (number == SIGHUP && reload != nil)
            if isAlwaysHandled || !isInheritedAsIgnored(number) { trap(number) }
        }
        let context = Unmanaged.passRetained(
            Loop(descriptor: ends[0], everySecond: everySecond, reload: reload, received: received)
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
