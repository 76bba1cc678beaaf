/// How to set up a lab.
struct LabSettings: Sendable {
    /// The directory of the control socket and the lock.
    let runDirectory: String
    /// A service listens on this plus its offset (1, 2, 11, 12); nil: on any free port.
    var portBase: UInt16?
    /// Ports by node, which take precedence.
    var ports: [String: UInt16] = [:]
    /// The directory of data and logs; nil: a temporary one that is removed at the end.
    var dataDirectory: String?
    /// The directory of `app-cp` and `app-ap`; nil: that of this program.
    var binDirectory: String?
    /// Further settings of the services. The lab's own take precedence.
    var serviceEnvironment: [String: String] = [:]
    /// Further configuration lines of the redis-servers of a group (`appendfsync no`).
    var redisArguments: [GroupName: [String]] = [:]
    /// Services connect to their replicas without relays, for measuring. Nothing can be cut then.
    var isDirect = false
    /// A person runs the lab: services inherit its environment, and it prints a line if a process exits by itself.
    var isInteractive = false
}
