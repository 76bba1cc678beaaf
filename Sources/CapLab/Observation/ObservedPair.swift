import EventLoop

/// The data that a page needs about the pair that it shows: the nodes, their addresses, and what is known of their
/// state.
///
/// A ``Lab`` takes it from its own processes and relays. A ``WatchedPair`` takes it from the answers of services and
/// replicas, because it did not start them. Confined to the reactor's thread.
protocol ObservedPair: AnyObject {
    var topology: Topology { get }
    var reactor: Reactor { get }
    /// The zero of the clock of the events, in monotonic nanoseconds.
    var startNs: UInt64 { get }
    /// How to log in to the replicas.
    var redisLogin: RedisLogin { get }

    func address(of node: Node) -> NodeAddress
    /// The port on loopback at which readers of the page can reach a node; nil if they cannot.
    func readersPort(of node: Node) -> UInt16?
    /// How curl on the reader's machine reaches a service.
    func curlTarget(of service: Node) -> CurlTarget
    func condition(of node: Node) -> NodeCondition
    func fault(of link: Link) -> LinkFault
    /// Whether ``fault(of:)`` distinguishes the two directions of a link.
    ///
    /// A ``WatchedPair`` does not: its services report only that a replica does not answer. They cannot tell whether
    /// requests, answers or both are lost.
    var knowsDirections: Bool { get }
}

/// The condition of a node's process, as far as it is known. The raw value appears in the event `state`.
enum NodeCondition: String, Sendable {
    case running, paused, ended
    /// The node does not answer. It is unknown whether its process runs.
    case unreachable

    /// False if the node certainly cannot answer. Then it is not asked.
    var canAnswer: Bool { self == .running || self == .unreachable }
}

/// A Redis user and its password.
struct RedisLogin: Equatable, Sendable {
    /// Nil for Redis's default user.
    var user: String?
    /// If empty, no password is sent.
    var password: String

    /// The command that logs in; nil if none is necessary.
    var command: [String]? { password.isEmpty ? nil : ["AUTH"] + (user.map { [$0] } ?? []) + [password] }
}
