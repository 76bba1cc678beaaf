import EventLoop

/// What a page needs of the pair that it shows: the nodes, where they listen, and what is known of them.
///
/// A ``Lab`` knows its own processes and relays. A ``WatchedPair`` knows only what services and replicas answer.
/// Confined to the reactor's thread.
protocol ObservedPair: AnyObject {
    var topology: Topology { get }
    var reactor: Reactor { get }
    /// Zero of the page's clock, in monotonic nanoseconds.
    var startNs: UInt64 { get }
    /// How to log in at the replicas.
    var redisLogin: RedisLogin { get }

    func address(of node: Node) -> NodeAddress
    /// The port on loopback where the readers of the page reach a node; nil if they do not.
    func readersPort(of node: Node) -> UInt16?
    func condition(of node: Node) -> NodeCondition
    func fault(of link: Link) -> LinkFault
}

/// What is known of a node's process. The raw value is the word for the page.
enum NodeCondition: String, Sendable {
    case running, paused, ended
    /// It does not answer; whether it runs is not known.
    case unreachable

    /// A process that is known not to answer need not be asked.
    var canAnswer: Bool { self == .running || self == .unreachable }
}

/// A user of the replicas with its password.
struct RedisLogin: Equatable, Sendable {
    /// Nil: Redis' default user.
    var user: String?
    /// Empty: none is sent.
    var password: String

    /// The command that logs in; nil if none is needed.
    var command: [String]? { password.isEmpty ? nil : ["AUTH"] + (user.map { [$0] } ?? []) + [password] }
}
