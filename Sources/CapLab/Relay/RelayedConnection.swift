import EventLoop
import Glibc

/// One connection from a service, joined to a connection to the replica. It simulates the faults of ``FaultMode``.
///
/// Its endpoints and timers keep this object alive until ``close(reset:)``.
final class RelayedConnection {
    private enum Phase {
        /// The service's connection was accepted, but the relay has not connected to the replica yet. During a cut, it
        /// connects after the heal.
        case waiting
        case connecting, established, closed
    }

    private unowned let relay: Relay
    private let reactor: Reactor
    private var phase = Phase.waiting
    private var service: Endpoint?
    private var replica: Endpoint?
    private var channels = ChannelPair()
    /// Fires when delayed bytes of either direction are ready.
    private var wakeTimer = EarliestTimer()
    private var orphanTimer: LoopTimer?
    private var tap: ConnectionTap?
    private var hasRead = false

    init(_ descriptor: Int32, relay: Relay) {
        self.relay = relay
        reactor = relay.reactor
        service = Endpoint(descriptor, on: reactor) { [self] in handle($0, from: .toReplica) }
    }

    var bufferedBytes: Int { channels.bufferedBytes }

    /// Applies the faults of the link. Called at the start and whenever they change.
    func apply(_ fault: LinkFault) {
        guard phase != .closed else { return }
        if fault.resets { return close(reset: true) }
        channels.apply(fault)
        if channels.toReplica.isHeld { tap?.held(.toReplica) }
        if channels.toService.isHeld { tap?.held(.toService) }
        if phase == .waiting, fault.allowsHandshake { connect() }
        pump()
    }

    func close(reset: Bool) {
        guard phase != .closed else { return }
        phase = .closed
        wakeTimer.cancel()
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

    /// Handles an event of the socket from which bytes in `direction` arrive.
    private func handle(_ events: UInt32, from direction: Directions) {
        if phase == .connecting, direction == .toService {
            // The service's connection has already been accepted, so the relay can no longer refuse that connection,
            // and resets it instead.
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

    /// Reads only once per event, so that other links get their turn. Epoll is level-triggered and reports the rest
    /// again.
    private func read(_ direction: Directions) {
        let source = direction == .toReplica ? service : replica
        let destination = direction == .toReplica ? replica : service
        guard let source, source.isOpen else { return }
        let roomBytes = channels.with(direction) { $0.isDone ? Channel.capacityBytes : $0.roomBytes }
        guard roomBytes > 0 else { return }
        let buffer = UnsafeMutableRawBufferPointer(rebasing: relay.scratch[..<min(relay.scratch.count, roomBytes)])
        let nowNs = reactor.nowNs
        switch source.read(into: buffer) {
        case .blocked: break
        case .finished: channels.with(direction) { $0.end(.finished, nowNs: nowNs) }
        case .failed: lost(direction)
        case .bytes(let count):
            relay.count(count, direction)
            var rest = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            showTap(rest, direction)
            if phase == .established, channels.with(direction, { $0.isClear }), let destination, destination.isOpen {
                // Nothing is buffered before these bytes, so they need not be stored.
                let accepted = destination.write(rest)
                if accepted < 0 { return lost(direction == .toReplica ? .toService : .toReplica) }
                tap?.forwarded(accepted, direction)
                rest = UnsafeRawBufferPointer(rebasing: rest[accepted...])
                if !rest.isEmpty { destination.isBlocked = true }
            }
            channels.with(direction) { $0.append(rest, nowNs: nowNs) }
        }
    }

    /// Called when the socket from which bytes in `direction` arrive was reset. Forwards the reset after the bytes that
    /// arrived earlier. Bytes in the other direction have no receiver any more.
    private func lost(_ direction: Directions) {
        let nowNs = reactor.nowNs
        channels.with(direction) { $0.end(.reset, nowNs: nowNs) }
        channels.with(direction == .toReplica ? .toService : .toReplica) { $0.finish() }
        (direction == .toReplica ? service : replica)?.close(reset: false)
    }

    /// Passes the received bytes to the connection's tap, which parses them for the lab page. Does nothing while the
    /// page shows no messages.
    private func showTap(_ bytes: UnsafeRawBufferPointer, _ direction: Directions) {
        defer { hasRead = true }
        guard let messages = relay.tap, messages.isOn else { return tap = nil }
        let watcher = tap ?? ConnectionTap(relay.link, tap: messages, isFresh: !hasRead)
        tap = watcher
        let (isClear, isHeld) = channels.with(direction) { ($0.bufferedBytes == 0, $0.isHeld) }
        watcher.read(
            bytes, direction, isClear: isClear, isHeld: isHeld || phase == .waiting, nowNs: reactor.nowNs)
    }

    // MARK: Forwarding

    private func pump() {
        if phase == .established {
            pump(.toReplica)
            pump(.toService)
        } else if phase == .waiting, channels.toReplica.hasEnded {
            // The service has closed a connection that was never established. A kernel would forget such a connection
            // too, and the replica would never see it.
            return close(reset: false)
        }
        guard phase != .closed else { return }
        if channels.areDone { return close(reset: false) }
        limitOrphans()
        updateInterests()
    }

    private func pump(_ direction: Directions) {
        while phase == .established, let destination = direction == .toReplica ? replica : service {
            if destination.isBlocked { return }
            switch channels.with(direction, { $0.next(nowNs: reactor.nowNs) }) {
            case .nothing: return
            case .waitUntil(let readyNs): return wakeUp(atNs: readyNs)
            case .finish:
                destination.finishWriting()
                return channels.with(direction) { $0.finish() }
            case .reset: return close(reset: true)
            case .send:
                let accepted = channels.with(direction) { $0.withFront { destination.write($0) } }
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
        service?.watch(interest(reading: channels.toReplica, isBlocked: service?.isBlocked == true))
        if phase == .connecting {
            replica?.watch(EventMask.writable)
        } else {
            replica?.watch(interest(reading: channels.toService, isBlocked: replica?.isBlocked == true))
        }
    }

    private func interest(reading channel: Channel, isBlocked: Bool) -> UInt32 {
        let reads = !channel.hasEnded && (channel.isDone || channel.roomBytes > 0)
        return (reads ? EventMask.readable : 0) | (isBlocked ? EventMask.writable : 0)
    }

    // MARK: Time

    /// Sets the timer that both directions share. When it fires, the direction with the later time sets it again.
    private func wakeUp(atNs deadlineNs: UInt64) {
        wakeTimer.set(atNs: deadlineNs, on: reactor) { [self] in
            wakeTimer.fired()
            pump()
        }
    }

    /// Limits the life of a connection after the service has closed its end. Until the limit, the relay forwards the
    /// remaining requests, and waits until the replica closes its end too. The limit is the time for which a kernel
    /// keeps an orphaned connection, see ``Relay/orphanLifeMs``. After it, the replica gets a reset as soon as the
    /// faults of the link let it pass.
    private func limitOrphans() {
        guard orphanTimer == nil, channels.toReplica.hasEnded else { return }
        orphanTimer = LoopTimer(on: reactor, atNs: reactor.nowNs &+ relay.orphanLifeMs * nsPerMs) { [self] in
            if channels.toReplica.isHeld {
                channels.toReplica.end(.reset, nowNs: reactor.nowNs)
            } else {
                close(reset: true)
            }
        }
    }
}
