/// The directions of a link.
struct Directions: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    /// From the service to the replica: requests.
    static let toReplica = Directions(rawValue: 1)
    /// From the replica to the service: answers.
    static let toService = Directions(rawValue: 2)
    static let both: Directions = [.toReplica, .toService]
}

/// The effect of a fault on its links.
///
/// A relay forwards bytes between two TCP connections and never sees packets. So it simulates faults of a network only
/// as far as a TCP endpoint can:
///
/// - `drop`: packets vanish. Open connections stay open, but nothing comes through. Bytes are held, not lost, because
///   TCP would retransmit them. After the heal they arrive on the same connection, if it still exists. If the sender
///   has closed the connection meanwhile, the bytes and then the end of the stream are delivered. If the sender has
///   reset the connection, only the reset is delivered. A relay cannot drop a SYN, so it accepts new connections. They
///   get no answer, and the replica sees them only after the heal. A one-way drop holds one direction of open
///   connections. It holds both directions of new connections, because on a real network their handshake could not
///   finish.
/// - `stall`: requests arrive and are executed, but answers are held, even on new connections. Simulates a slow or hung
///   replica.
/// - `reset`: open and new connections are closed with RST. Simulates a crashed process, or a firewall that rejects
///   packets.
/// - `delay`: bytes arrive later by the delay, in each chosen direction. The bandwidth is then at most one relay buffer
///   (1 MiB) per delay.
enum FaultMode: Equatable, Sendable {
    case drop, stall, reset
    case delay(ms: Int)

    /// The longest delay, one minute. To hold bytes for longer, use `drop`.
    static let maxDelayMs = 60_000

    /// Parses `drop`, `stall`, `reset`, `delay=50ms`, `delay=2s` or `delay=50` (milliseconds). `delay=0` removes the
    /// delay, but no other fault.
    init?(_ text: String) {
        switch text {
        case "drop": self = .drop
        case "stall": self = .stall
        case "reset": self = .reset
        default:
            guard let match = text.wholeMatch(of: /delay=([0-9]{1,5})(ms|s)?/), let count = Int(match.1) else {
                return nil
            }
            let delayMs = match.2 == "s" ? count * 1_000 : count
            guard (0...Self.maxDelayMs).contains(delayMs) else { return nil }
            self = .delay(ms: delayMs)
        }
    }
}

/// The faults of one link. Faults are added to each other, like firewall rules. A heal removes all of them.
struct LinkFault: Equatable, Sendable {
    private(set) var dropped: Directions = []
    private(set) var isStalled = false
    private(set) var resets = false
    private(set) var delayToReplicaMs = 0
    private(set) var delayToServiceMs = 0

    static let none = LinkFault()

    /// Adds a fault. Adding it again changes nothing. A new delay replaces an earlier one. `stall` and `reset` ignore
    /// the directions.
    mutating func add(_ mode: FaultMode, _ directions: Directions) {
        switch mode {
        case .drop: dropped.formUnion(directions)
        case .stall: isStalled = true
        case .reset: resets = true
        case .delay(let delayMs):
            if directions.contains(.toReplica) { delayToReplicaMs = delayMs }
            if directions.contains(.toService) { delayToServiceMs = delayMs }
        }
    }

    /// True if bytes in this direction are held.
    func holds(_ direction: Directions) -> Bool {
        dropped.contains(direction) || (isStalled && direction == .toService)
    }

    func delayMs(_ direction: Directions) -> Int {
        direction == .toReplica ? delayToReplicaMs : delayToServiceMs
    }

    /// True if new connections can be established: a handshake needs packets in both directions.
    var allowsHandshake: Bool { dropped.isEmpty && !resets }

    /// The faults as text; `open` if there are none.
    var summary: String {
        var parts: [String] = []
        if resets { parts.append("reset") }
        switch dropped {
        case .both: parts.append("drop")
        case .toReplica: parts.append("drop requests")
        case .toService: parts.append("drop answers")
        default: break
        }
        if isStalled { parts.append("stall") }
        if delayToReplicaMs > 0, delayToReplicaMs == delayToServiceMs {
            parts.append("delay \(delayToReplicaMs) ms")
        } else {
            if delayToReplicaMs > 0 { parts.append("delay requests \(delayToReplicaMs) ms") }
            if delayToServiceMs > 0 { parts.append("delay answers \(delayToServiceMs) ms") }
        }
        return parts.isEmpty ? "open" : parts.joined(separator: ", ")
    }
}
