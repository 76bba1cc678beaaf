import EventLoop
import JSON

/// The states of processes, links and services. Checks them every 200 ms, and publishes the event `state` if one has
/// changed.
final class NodeStates {
    private static let intervalMs: UInt64 = 200
    /// Services are asked about every 500 ms.
    private static let serviceIntervalMs: UInt64 = 500
    /// The delay of the first event. After this time, each service has answered, or its request has timed out.
    private static let firstAnswersMs: UInt64 = 500
    /// A service reads from a near replica, unless another one is fresher by more than this, in milliseconds. The value
    /// applies to the default probe interval.
    private static let clearlyStalerMs: Double = 1_000

    private let pair: any ObservedPair
    private weak var sink: (any EventSink)?
    private let services: [String: ServiceWatch]
    /// The roles of the CP replicas, see ``CopyReader/roles``.
    var roles: () -> [String: String] = { [:] }
    private var published: [UInt8] = []
    /// Before this time, some services have not answered yet. Their state is missing, or was reported for an earlier
    /// viewer.
    private var freshNs = UInt64.max
    private lazy var repeater = Repeater(everyMs: Self.intervalMs, on: pair.reactor) { [unowned self] in update() }
    private lazy var asking = Repeater(everyMs: Self.serviceIntervalMs, on: pair.reactor) { [unowned self] in ask() }

    init(_ pair: any ObservedPair, _ sink: any EventSink) {
        self.pair = pair
        self.sink = sink
        services = Dictionary(
            uniqueKeysWithValues: pair.topology.services.map { node in
                (node.name, ServiceWatch(node, at: pair.address(of: node), on: pair.reactor))
            })
    }

    /// Called with the problem when a service begins to reject the token of the lab.
    func onRejection(_ report: @escaping (Node, String) -> Void) {
        for service in services.values { service.onRejection = { report(service.node, $0) } }
    }

    func start() {
        guard !repeater.isRunning else { return }
        published = []
        freshNs = pair.reactor.nowNs + Self.firstAnswersMs * nsPerMs
        repeater.start()
        asking.start()
        ask()
    }

    func stop() {
        guard repeater.isRunning else { return }
        freshNs = .max
        repeater.stop()
        asking.stop()
        for service in services.values { service.close() }
    }

    /// The event for a new viewer. Empty during the first ``firstAnswersMs`` after the start.
    func firstEvents() -> [(StaticString, [UInt8])] {
        guard isFresh else { return [] }
        return [("state", event(members()))]
    }

    private var isFresh: Bool { pair.reactor.nowNs >= freshNs }

    /// The number of hints, the staleness in milliseconds and the number of conflicts of an AP service; nil for other
    /// nodes.
    func figures(of service: String) -> (hints: Int, stalenessMs: Double?, conflicts: Int)? {
        guard let watch = services[service], watch.node.group == .ap else { return nil }
        let state = APState(watch, pair.topology.replicas(of: .ap))
        return (state.hints.values.reduce(0, +), state.stalenessMs, state.conflicts)
    }

    // MARK: Polling

    private func ask() {
        for service in services.values {
            let condition = pair.condition(of: service.node)
            if condition == .unreachable { service.forgetReport() }
            service.poll(canAnswer: condition.canAnswer)
        }
    }

    private func isRunning(_ node: Node) -> Bool { pair.condition(of: node) == .running }

    /// True if a service has not answered the last few requests.
    func isSilent(_ node: Node) -> Bool { services[node.name]?.isSilent ?? false }

    /// True if the service reports that it can use the replica, false if it cannot; nil if unknown.
    func reaches(_ link: Link) -> Bool? {
        guard let id = pair.topology.node(link.replica)?.replicaID else { return nil }
        return services[link.service]?.reaches(id)
    }

    private func update() {
        guard isFresh else { return }
        let members = members()
        guard members != published else { return }
        published = members
        sink?.publish("state", event(members))
    }

    // MARK: The event

    /// A summary of an AP service's report.
    private struct APState {
        var stalenessMs: Double?
        var hints: [String: Int] = [:]
        var conflicts = 0

        init(_ service: ServiceWatch, _ replicas: [Node]) {
            let known = replicas.compactMap { node in
                service.report.replicas[node.replicaID ?? ""].map { (node: node, report: $0) }
            }
            for (_, report) in known {
                conflicts = max(conflicts, report.conflicts)
                for (peer, count) in report.hints where count > 0 {
                    guard let target = replicas.first(where: { $0.replicaID == peer }) else { continue }
                    hints[target.name, default: 0] += count
                }
            }
            let usable = known.filter(\.report.isUp)
            guard let freshestMs = usable.compactMap(\.report.stalenessMs).min() else { return }
            let near = usable.filter { $0.node.site == service.node.site }.compactMap(\.report.stalenessMs)
                .filter { $0 <= freshestMs + NodeStates.clearlyStalerMs }
            stalenessMs = near.min() ?? freshestMs
        }
    }

    private func event(_ members: [UInt8]) -> [UInt8] {
        var json = JSONWriter(capacity: members.count + 32)
        json.beginEvent(atUs: pair.elapsedUs)
        // Joins two JSON objects: the time, and all other members.
        return json.bytes + [UInt8(ascii: ",")] + members.dropFirst()
    }

    /// A JSON object with all members of the event but the time.
    private func members() -> [UInt8] {
        var json = JSONWriter(capacity: 4_096)
        json.beginObject()
        json.key("nodes")
        json.beginObject()
        for node in pair.topology.nodes {
            json.dynamicKey(node.name)
            json.beginObject()
            json.member("process", pair.condition(of: node).rawValue)
            if let service = services[node.name] {
                write(service, to: &json)
            } else {
                write(replica: node, to: &json)
            }
            json.endObject()
        }
        json.endObject()
        json.key("links")
        json.beginObject()
        for link in pair.topology.links { write(link, to: &json) }
        json.endObject()
        json.endObject()
        return json.bytes
    }

    private func write(_ service: ServiceWatch, to json: inout JSONWriter) {
        let replicas = pair.topology.replicas(of: service.node.group)
        let majority = replicas.count / 2 + 1
        let reports = replicas.compactMap { service.report.replicas[$0.replicaID ?? ""] }.filter(\.isUp)
        let isCP = service.node.group == .cp
        json.member("ready", service.isReady)
        json.member("majority", reports.count { !isCP || $0.isVoter } >= majority)
        json.member(
            "canWrite", isCP ? reports.count { $0.isVoter && $0.isWritable } >= majority : !reports.isEmpty)
        json.key("connections")
        json.beginObject()
        for replica in replicas {
            json.dynamicKey(replica.name)
            let link = service.link(to: replica.replicaID ?? "")
            json.beginObject()
            json.member("breaker", link?.breaker)
            json.member("connected", link?.isConnected ?? false)
            json.endObject()
        }
        json.endObject()
        let state = isCP ? nil : APState(service, replicas)
        json.member("stalenessMs", state?.stalenessMs.map { Int64($0) })
        json.key("hints")
        json.beginObject()
        for (target, count) in (state?.hints ?? [:]).sorted(by: { $0.key < $1.key }) {
            json.dynamicKey(target)
            json.integer(count)
        }
        json.endObject()
        json.member("conflicts", state?.conflicts ?? 0)
    }

    private func write(replica: Node, to json: inout JSONWriter) {
        let condition = pair.condition(of: replica)
        let isKnown = replica.group == .cp && (condition == .running || condition == .paused)
        json.member("role", isKnown ? roles()[replica.name] : nil)
        let near = services.values.filter { service in
            guard service.node.group == replica.group, let id = replica.replicaID, isRunning(service.node),
                let link = service.link(to: id)
            else { return false }
            return link.isConnected && link.breaker == "closed"
        }
        json.strings("reachableBy", near.map(\.node.name).sorted())
    }

    private func write(_ link: Link, to json: inout JSONWriter) {
        let fault = pair.fault(of: link)
        json.dynamicKey(link.id)
        json.beginObject()
        for direction in [Directions.toReplica, .toService] {
            json.key(direction == .toReplica ? "toReplica" : "toService")
            json.beginObject()
            json.member("cut", fault.resets || fault.holds(direction))
            json.member("delayMs", fault.delayMs(direction))
            json.endObject()
        }
        json.endObject()
    }
}
