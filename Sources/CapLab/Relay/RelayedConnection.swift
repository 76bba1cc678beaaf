import EventLoop
import Glibc

/// One connection of a service, joined to one to the replica. See ``FaultMode`` for what it simulates.
///
/// Its endpoints and timers hold it until ``close(reset:)``.
final class RelayedConnection {
    private enum Phase {
        /// Accepted while the link was cut. The replica sees it after the heal.
        case waiting
        case connecting, established, closed
    }

    private unowned let relay: Relay
    private let reactor: Reactor
    private var phase = Phase.waiting
    private var service: Endpoint?
    private var replica: Endpoint?
    private var toReplica = Channel()
    private var toService = Channel()
    private var wakeTimer: LoopTimer?
    private var wakeAtNs = UInt64.max
    private var orphanTimer: LoopTimer?
    private var tap: ConnectionTap?
    private var hasRead = false

    init(_ descriptor: Int32, relay: Relay) {
        self.relay = relay
        reactor = relay.reactor
        service = Endpoint(descriptor, on: reactor) { [self] in handle($0, from: .toReplica) }
    }

    var bufferedBytes: Int { toReplica.bufferedBytes + toService.bufferedBytes }

    /// Applies the link's faults, at the start and at each change.
    func apply(_ fault: LinkFault) {
        guard phase != .closed else { return }
        if fault.resets { return close(reset: true) }
        toReplica.isHeld = fault.holds(.toReplica)
        toService.isHeld = fault.holds(.toService)
        toReplica.delayNs = UInt64(fault.delayMs(.toReplica)) * nsPerMs
        toService.delayNs = UInt64(fault.delayMs(.toService)) * nsPerMs
        if toReplica.isHeld { tap?.held(.toReplica) }
        if toService.isHeld { tap?.held(.toService) }
        if phase == .waiting, fault.allowsHandshake { connect() }
        pump()
    }

    func close(reset: Bool) {
        guard phase != .closed else { return }
        phase = .closed
        wakeTimer?.cancel()
        orphanTimer?.cancel()
        service?.close(reset: reset)
        replica?.close(reset: reset)
        relay.forget(self)
    }

    private func connect() {
        guard let descriptor = try? Sockets.connect(port: relay.replicaPort) else { return close(reset: true) }
        phase = .connecting
        replica = Endpoint(descriptor, on: reactor) { [self] in handle($0, from: .toService) }
    }

    // MARK: Events

    /// An event at the socket from which bytes in `direction` arrive.
    private func handle(_ events: UInt32, from direction: Directions) {
        if phase == .connecting, direction == .toService {
            // The service's connection is accepted already, so a reset comes closest to a refusal.
            guard let replica, Sockets.takeError(replica.descriptor) == 0, events & EventMask.error == 0 else {
                return close(reset: true)
            }
            phase = .established
        }
        let end = direction == .toReplica ? service : replica
        if events & EventMask.writable != 0 { end?.isBlocked = false }
        if events & ~EventMask.writable != 0 { read(direction) }
        pump()
    }

    /// Reads once: epoll is level-triggered, and the other links need their turn.
    private func read(_ direction: Directions) {
        let source = direction == .toReplica ? service : replica
        let destination = direction == .toReplica ? replica : service
        guard let source, source.isOpen else { return }
        let roomBytes = withChannel(direction) { $0.isDone ? Channel.capacityBytes : $0.roomBytes }
        guard roomBytes > 0 else { return }
        let buffer = UnsafeMutableRawBufferPointer(rebasing: relay.scratch[..<min(relay.scratch.count, roomBytes)])
        let nowNs = reactor.nowNs
        switch source.read(into: buffer) {
        case .blocked: break
        case .finished: withChannel(direction) { $0.end(.finished, nowNs: nowNs) }
        case .failed: lost(direction)
        case .bytes(let count):
            relay.count(count, direction)
            var rest = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            showTap(rest, direction)
            if phase == .established, withChannel(direction, { $0.isClear }), let destination, destination.isOpen {
                // Nothing is waiting, so the bytes need not be stored.
                let accepted = destination.write(rest)
                if accepted < 0 { return lost(direction == .toReplica ? .toService : .toReplica) }
                tap?.forwarded(accepted, direction)
                rest = UnsafeRawBufferPointer(rebasing: rest[accepted...])
                if !rest.isEmpty { destination.isBlocked = true }
            }
            withChannel(direction) { $0.append(rest, nowNs: nowNs) }
        }
    }

    /// The socket from which bytes in `direction` arrive was reset. The reset is forwarded like bytes; bytes in the
    /// other direction have no receiver.
    private func lost(_ direction: Directions) {
        let nowNs = reactor.nowNs
        withChannel(direction) { $0.end(.reset, nowNs: nowNs) }
        withChannel(direction == .toReplica ? .toService : .toReplica) { $0.finish() }
        (direction == .toReplica ? service : replica)?.close(reset: false)
    }

    /// Passes bytes that were just read to the tap, if a page shows messages.
    private func showTap(_ bytes: UnsafeRawBufferPointer, _ direction: Directions) {
        defer { hasRead = true }
        guard let messages = relay.tap, messages.isOn else { return tap = nil }
        let watcher = tap ?? ConnectionTap(relay.link, tap: messages, isFresh: !hasRead)
        tap = watcher
        let (isClear, isHeld) = withChannel(direction) { ($0.bufferedBytes == 0, $0.isHeld) }
        watcher.read(
            bytes, direction, isClear: isClear, isHeld: isHeld || phase == .waiting, nowNs: reactor.nowNs)
    }

    // MARK: Forwarding

    private func pump() {
        if phase == .established {
            pump(.toReplica)
            pump(.toService)
        } else if phase == .waiting, toReplica.hasEnded {
            // The service closed a connection that was never established: a kernel forgets it too.
            return close(reset: false)
        }
        guard phase != .closed else { return }
        if toReplica.isDone, toService.isDone { return close(reset: false) }
        limitOrphans()
        updateInterests()
    }

    private func pump(_ direction: Directions) {
        while phase == .established, let destination = direction == .toReplica ? replica : service {
            if destination.isBlocked { return }
            switch withChannel(direction, { $0.next(nowNs: reactor.nowNs) }) {
            case .nothing: return
            case .waitUntil(let readyNs): return wakeUp(atNs: readyNs)
            case .finish:
                destination.finishWriting()
                return withChannel(direction) { $0.finish() }
            case .reset: return close(reset: true)
            case .send:
                let accepted = withChannel(direction) { $0.withFront { destination.write($0) } }
                if accepted < 0 {
                    lost(direction == .toReplica ? .toService : .toReplica)
                } else if accepted == 0 {
                    destination.isBlocked = true
                } else {
                    tap?.forwarded(accepted, direction)
                }
            }
        }
    }

    private func updateInterests() {
        service?.watch(interest(reading: toReplica, isBlocked: service?.isBlocked == true))
        if phase == .connecting {
            replica?.watch(EventMask.writable)
        } else {
            replica?.watch(interest(reading: toService, isBlocked: replica?.isBlocked == true))
        }
    }

    private func interest(reading channel: Channel, isBlocked: Bool) -> UInt32 {
        let reads = !channel.hasEnded && (channel.isDone || channel.roomBytes > 0)
        return (reads ? EventMask.readable : 0) | (isBlocked ? EventMask.writable : 0)
    }

    // MARK: Time

    /// One timer for both directions, for the earlier chunk; the later one sets it again.
    private func wakeUp(atNs deadlineNs: UInt64) {
        guard deadlineNs < wakeAtNs else { return }
        wakeTimer?.cancel()
        wakeAtNs = deadlineNs
        wakeTimer = LoopTimer(on: reactor, atNs: deadlineNs) { [self] in
            wakeAtNs = .max
            pump()
        }
    }

    /// After the service closed its end, requests may remain, or answers without a reader. They live as long as a
    /// kernel keeps an orphaned connection. Then the replica gets a reset, as soon as the link allows it.
    private func limitOrphans() {
        guard orphanTimer == nil, toReplica.hasEnded else { return }
        orphanTimer = LoopTimer(on: reactor, atNs: reactor.nowNs &+ relay.orphanLifeMs * nsPerMs) { [self] in
            if toReplica.isHeld {
                toReplica.end(.reset, nowNs: reactor.nowNs)
            } else {
                close(reset: true)
            }
        }
    }

    private func withChannel<Result>(_ direction: Directions, _ body: (inout Channel) -> Result) -> Result {
        direction == .toReplica ? body(&toReplica) : body(&toService)
    }
}
