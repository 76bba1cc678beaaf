import CLinux
import Glibc

/// Receives the epoll events of one file descriptor.
public protocol DescriptorHandler: AnyObject {
    /// `events` are epoll bits (`EPOLLIN`, `EPOLLOUT`, `EPOLLHUP`, `EPOLLERR`).
    func ready(events: UInt32)
}

/// The file descriptors that one reactor watches. Other threads can wake the reactor.
final class Epoll {
    private let epoll: Int32
    private let wakeup: Int32
    private var events = [epoll_event](repeating: epoll_event(), count: 128)
    private var handlers: [Int32: Registration] = [:]
    private var nextGeneration: UInt32 = 1

    private struct Registration {
        let handler: any DescriptorHandler
        let generation: UInt32
        var events: UInt32
    }

    /// - Throws: ``ReactorError`` if the kernel cannot create a descriptor.
    init() throws(ReactorError) {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wakeup = clinux_eventfd()
        // If `init` throws here, `deinit` still runs and closes the descriptor that was opened.
        guard epoll >= 0, wakeup >= 0 else { throw ReactorError.noDescriptor(errno: errno) }
        _ = clinux_epoll_ctl(epoll, EPOLL_CTL_ADD, wakeup, EPOLLIN.rawValue, UInt64(UInt32(bitPattern: wakeup)))
    }

    deinit {
        close(epoll)
        close(wakeup)
    }

    /// Makes the current or the next ``wait(ms:)`` return at once. May be called from any thread.
    func wake() {
        var one: UInt64 = 1
        _ = write(wakeup, &one, 8)
    }

    /// Watches `descriptor` for `events`; a second call for the same descriptor changes the events.
    func watch(_ descriptor: Int32, events: UInt32, handler: any DescriptorHandler) {
        if let known = handlers[descriptor] {
            guard known.events != events else { return }
            handlers[descriptor]?.events = events
            _ = clinux_epoll_ctl(
                epoll, EPOLL_CTL_MOD, descriptor, events, Self.eventData(descriptor, known.generation))
            return
        }
        let generation = nextGeneration
        nextGeneration = generation == .max ? 1 : generation + 1
        handlers[descriptor] = Registration(handler: handler, generation: generation, events: events)
        _ = clinux_epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, events, Self.eventData(descriptor, generation))
    }

    func unwatch(_ descriptor: Int32) {
        guard handlers.removeValue(forKey: descriptor) != nil else { return }
        _ = clinux_epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, 0, 0)
    }

    /// The value that the kernel returns with each event. Its generation distinguishes a late event of a closed
    /// descriptor from an event of a new descriptor with the same number.
    private static func eventData(_ descriptor: Int32, _ generation: UInt32) -> UInt64 {
        UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
    }

    /// Waits for events for at most `ms` milliseconds.
    ///
    /// - Returns: the number of events, for ``dispatch(_:onWakeup:)``.
    func wait(ms: Int32) -> Int {
        max(0, Int(epoll_wait(epoll, &events, Int32(events.count), ms)))
    }

    /// Calls the handlers of the `count` events that the last ``wait(ms:)`` returned.
    func dispatch(_ count: Int, onWakeup: () -> Void) {
        for index in 0..<count {
            let event = events[index]
            let descriptor = Int32(bitPattern: UInt32(truncatingIfNeeded: event.data.u64))
            let generation = UInt32(truncatingIfNeeded: event.data.u64 >> 32)
            if descriptor == wakeup, generation == 0 {
                var counter: UInt64 = 0
                _ = read(wakeup, &counter, 8)
                onWakeup()
            } else if let known = handlers[descriptor], known.generation == generation {
                known.handler.ready(events: event.events)
            }
        }
    }
}

/// Why a reactor could not be created.
public enum ReactorError: Error {
    case noDescriptor(errno: Int32)
}

/// The epoll bits that handlers use, so that they need not import the system header.
public enum EventMask {
    public static let readable: UInt32 = EPOLLIN.rawValue
    public static let writable: UInt32 = EPOLLOUT.rawValue
    public static let hangup: UInt32 = EPOLLHUP.rawValue
    public static let error: UInt32 = EPOLLERR.rawValue
}
