/// How a lab is to be set up.
struct LabSettings: Sendable {
    /// A service listens on this plus its offset (1, 2, 11, 12); nil: on any free port.
    var portBase: UInt16? = 5_000
    /// Ports given by name, before everything else.
    var ports: [String: UInt16] = [:]
    /// Passed to the services as `LOG_LEVEL`; nil leaves it to them.
    var logLevel: String?
    /// Where the control socket and the lock live.
    var runDirectory: String
    /// Data and logs are kept here; nil: in a temporary directory that is removed at the end.
    var dataDirectory: String?
    /// Further settings of the services; they come before the lab's own.
    var serviceEnvironment: [String: String] = [:]
    /// Whether the services also see the environment of the lab itself.
    var inheritsEnvironment = true
    /// Further configuration of the CP or AP redis-servers, one directive each (`appendfsync no`).
    var redisArguments: [GroupName: [String]] = [:]
    /// Where `app-cp` and `app-ap` are; nil: beside this executable.
    var binDirectory: String?
    /// Services reach their replicas without relays: for measuring. Nothing can be cut then.
    var isDirect = false
    /// Prints a line where a process ends by itself.
    var reportsExits = true
}
