/// The action of a drill's step. Most actions do the same as a command: `caplab partition`, `heal`, `pause` and so on.
enum DrillAction: Equatable, Sendable {
    /// Adds a fault to links or heals them, or pauses, resumes, kills, starts or wipes a process.
    case control(ControlRequest)
    /// Changes a setting of one redis-server (`CONFIG SET`).
    case redis(node: String, setting: String, value: String)
    /// Sets the clock of one process to the time of day plus this offset.
    case clock(node: String, offsetSeconds: Int)
    /// Writes the drill's key, at one service or at both services of a site.
    case write(value: String, target: String)

    static let maxClockOffsetSeconds = 86_400
    /// The settings of a redis-server that a drill may change. Others could open the server to the network, or reveal
    /// its password.
    static let redisSettings = [
        "maxmemory", "maxmemory-policy", "appendfsync", "save", "min-replicas-to-write", "latency-monitor-threshold",
    ]

    /// True for every action except a write. Only writes are allowed outside the phase `during`.
    var isFault: Bool {
        if case .write = self { false } else { true }
    }

    /// True for an action after which replicas can converge again: it ends a fault, or it wipes a replica and starts
    /// it.
    var isReturn: Bool {
        guard case .control(let request) = self else { return false }
        return [.heal, .start, .resume, .wipe].contains(request.command)
    }

    /// The services at which a write is performed.
    static func services(of target: String, _ topology: Topology) -> [Node] {
        topology.services.filter { $0.isIn(target) }
    }
}

extension DrillAction {
    private static let forms = """
        cut PLACE, cut from A to B, stall PLACE, delay PLACE 50ms, delay from A to B 50ms, heal, heal PLACE, \
        heal from A to B, pause NODE, resume NODE, kill NODE, start NODE, wipe NODE, redis NODE SETTING VALUE, clock NODE +60s, \
        write VALUE at PLACE
        """

    /// Parses an action such as `cut west`, `delay from east to west 100ms` or `kill ap_db_g1`.
    /// - Throws: an error whose one-line message names the mistake and what is valid.
    init(_ text: String, topology: Topology) throws(LabError) {
        var words = text.split(separator: " ").map(String.init)
        let verb = words.isEmpty ? "" : words.removeFirst()
        switch (verb, words.count) {
        case ("cut", 1...), ("stall", 1...), ("heal", _):
            self = .control(try Self.links(verb, words, mode: verb == "stall" ? "stall" : nil, topology))
        case ("delay", 2...):
            let delay = words.removeLast()
            guard case .delay? = FaultMode("delay=\(delay)"), delay.last == "s" else {
                throw LabError("'\(delay)' is not a delay; write it as 50ms or 2s, at most \(FaultMode.maxDelayMs) ms")
            }
            self = .control(try Self.links(verb, words, mode: "delay=\(delay)", topology))
        case ("pause", 1), ("resume", 1), ("kill", 1), ("start", 1), ("wipe", 1):
            let node = try topology.find(words[0])
            guard verb != "wipe" || !node.isService else {
                throw LabError("\(node.name) is a service and has no data; wipe a replica")
            }
            self = .control(ControlRequest(command: .init(rawValue: verb) ?? .pause, target: node.name))
        case ("redis", 3):
            let node = try topology.find(words[0])
            guard !node.isService else { throw LabError("\(node.name) is a service, not a Redis") }
            guard Self.redisSettings.contains(words[1]) else {
                throw LabError(
                    "'\(words[1])' is not a setting for drills; valid: \(Self.redisSettings.joined(separator: ", "))")
            }
            self = .redis(node: node.name, setting: words[1], value: words[2])
        case ("clock", 2):
            guard let seconds = Self.clockOffset(words[1]) else {
                throw LabError("'\(words[1])' is not a step of a clock; write it as +60s or -60s, at most a day")
            }
            self = .clock(node: try topology.find(words[0]).name, offsetSeconds: seconds)
        case ("write", 3) where words[1] == "at":
            guard !Self.services(of: words[2], topology).isEmpty else {
                throw topology.unknown(words[2], besides: Site.allCases)
            }
            guard words[0].utf8.allSatisfy({ $0.isLetterOrDigit }) else {
                throw LabError("'\(words[0])' is not a value of letters and digits")
            }
            self = .write(value: words[0], target: words[2])
        default:
            throw LabError("'\(text.prefix(80))' is not an action; valid: \(Self.forms)")
        }
    }

    /// Parses the place of a `cut`, `stall`, `delay` or `heal`: `west`, `cp_db_g2`, `app_cp>cp_db_g3` or `from A to B`.
    /// A `heal` without words affects everything.
    private static func links(
        _ verb: String, _ words: [String], mode: String?, _ topology: Topology
    ) throws(LabError) -> ControlRequest {
        var request = ControlRequest(command: verb == "heal" ? .heal : .partition)
        request.mode = mode
        switch words.count {
        case 0: break
        case 1 where words[0].contains(">"): request.link = words[0]
        case 1: request.target = words[0]
        case 4 where words[0] == "from" && words[2] == "to": (request.from, request.to) = (words[1], words[3])
        default: throw LabError("'\(words.joined(separator: " "))' is not a place; valid: west, cp_db_g2, from A to B")
        }
        _ = try request.faultMode()
        _ = try request.links(in: topology)
        return request
    }

    private static func clockOffset(_ text: String) -> Int? {
        guard let match = text.wholeMatch(of: /([+-])([0-9]{1,5})s/), let seconds = Int(match.2),
            seconds <= maxClockOffsetSeconds
        else { return nil }
        return match.1 == "-" ? -seconds : seconds
    }

    /// The action as it is written in the drill's file.
    var text: String {
        switch self {
        case .control(let request):
            let place = request.from.flatMap { from in request.to.map { "from \(from) to \($0)" } }
            let words = [place ?? request.target ?? request.link]
            switch (request.command, request.mode) {
            case (.partition, nil): return (["cut"] + words.compactMap(\.self)).joined(separator: " ")
            case (.partition, let mode?):
                let parts = mode.split(separator: "=").map(String.init)
                return ([parts[0]] + words.compactMap(\.self) + parts.dropFirst()).joined(separator: " ")
            default: return ([request.command.rawValue] + words.compactMap(\.self)).joined(separator: " ")
            }
        case .redis(let node, let setting, let value): return "redis \(node) \(setting) \(value)"
        case .clock(let node, let offset): return "clock \(node) \(offset < 0 ? "" : "+")\(offset)s"
        case .write(let value, let target): return "write \(value) at \(target)"
        }
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
