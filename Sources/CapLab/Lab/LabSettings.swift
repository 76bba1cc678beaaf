/// How to set up a lab.
struct LabSettings: Sendable {
    /// A service listens on this plus its offset (1, 2, 11, 12); nil: on any free port.
    var portBase: UInt16? = 5_000
    /// Ports by node, which take precedence.
    var ports: [String: UInt16] = [:]
    /// `LOG_LEVEL` of the services; nil: their default.
    var logLevel: String?
    /// The directory of the control socket and the lock.
    var runDirectory: String
    /// The directory of data and logs; nil: a temporary one that is removed at the end.
    var dataDirectory: String?
    /// Further settings of the services. The lab's own take precedence.
    var serviceEnvironment: [String: String] = [:]
    /// Whether the services inherit the lab's environment.
    var inheritsEnvironment = true
    /// Further configuration lines of the redis-servers of a group (`appendfsync no`).
    var redisArguments: [GroupName: [String]] = [:]
    /// The directory of `app-cp` and `app-ap`; nil: that of this program.
    var binDirectory: String?
    /// Services connect to their replicas without relays, for measuring. Nothing can be cut then.
    var isDirect = false
    /// Prints a line if a process exits by itself.
    var reportsExits = true
}
