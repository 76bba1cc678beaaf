/// The directions of a link.
struct Directions: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    /// Requests: from the service to the replica.
    static let toReplica = Directions(rawValue: 1)
    /// Answers: from the replica to the service.
    static let toService = Directions(rawValue: 2)
    static let both: Directions = [.toReplica, .toService]
}

/// The effect of a fault on its links.
///
/// A relay sits between two kernels on one machine, so it simulates a network as far as a TCP endpoint can:
///
/// - `drop`: packets vanish. Open connections stay open and nothing comes through. As TCP would retransmit, bytes are
///   held, not lost, and arrive after the heal on the same connection if it still exists. A connection that one end
///   closed meanwhile delivers what was sent and then the end; one that was reset delivers only the reset. New
///   connections are accepted, because a relay cannot drop a SYN, but get no answer, and the replica sees no connection
///   before the heal. A one-way drop holds one direction of open connections; new ones could not finish their handshake
///   and are held in both.
/// - `stall`: requests arrive and are executed, answers are held, also on new connections. A slow or hung replica.
/// - `reset`: open and new connections are closed by RST. A crashed host, or a firewall that rejects.
/// - `delay`: everything takes that much longer in each direction. Bandwidth is at most one relay buffer per delay.
enum FaultMode: Equatable, Sendable {
    case drop, stall, reset
    case delay(ms: Int)

    /// One minute. For a longer delay use `drop`.
    static let maxDelayMs = 60_000

    /// Reads `drop`, `stall`, `reset`, `delay=50ms`, `delay=2s` or `delay=50` (milliseconds). `delay=0` removes a delay
    /// and nothing else.
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

/// The faults of one link. They accumulate like firewall rules; a heal removes all.
struct LinkFault: Equatable, Sendable {
    private(set) var dropped: Directions = []
    private(set) var isStalled = false
    private(set) var resets = false
    private(set) var delayToReplicaMs = 0
    private(set) var delayToServiceMs = 0

    static let none = LinkFault()

    /// Idempotent. The later of two delays counts.
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

    /// Whether bytes in this direction are held.
    func holds(_ direction: Directions) -> Bool {
        dropped.contains(direction) || (isStalled && direction == .toService)
    }

    func delayMs(_ direction: Directions) -> Int {
        direction == .toReplica ? delayToReplicaMs : delayToServiceMs
    }

    /// A handshake needs packets in both directions.
    var allowsHandshake: Bool { dropped.isEmpty && !resets }

    /// For people: `open`, or the faults.
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
