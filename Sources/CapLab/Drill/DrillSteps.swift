import EventLoop

/// Performs the steps of a drill on a running lab, except writes. At the end, heals and restores everything that the
/// steps changed.
///
/// Confined to the thread of the lab's reactor.
final class DrillSteps {
    private static let redisTimeoutMs = 2_000

    private let lab: Lab
    private let tasks: TaskBundle
    private var running = 0
    /// The steps that were begun or skipped, in order.
    private(set) var log: [Recording.Step] = []
    /// The steps that failed, and why.
    private(set) var problems: [String] = []
    /// Redis servers that were killed or wiped, and when.
    private(set) var kills: [(replica: String, group: GroupName, atNs: UInt64)] = []
    /// For each setting that a step changed: its value before the first change.
    private var settings: [(node: String, name: String, value: String)] = []
    private var steppedClocks: Set<String> = []

    /// Called with the text of each step when it begins or is skipped.
    var onStep: (String) -> Void = { _ in }

    init(_ lab: Lab) {
        self.lab = lab
        tasks = TaskBundle(on: lab.reactor)
    }

    /// Starts a step without waiting for its end, so that a slow process does not delay later steps.
    func begin(_ action: DrillAction) {
        running += 1
        tasks.add { [self] in
            await perform(action)
            running -= 1
        }
    }

    /// True while a step is in progress.
    var isBusy: Bool { running > 0 }

    /// Waits for all steps to end. Then heals every link, and restores every process, setting and clock.
    func undo() async {
        await tasks.ended()
        guard !lab.isStopping else { return }
        if lab.relays.values.contains(where: { $0.fault != .none }) {
            await control(ControlRequest(command: .heal), "heal")
        }
        for node in lab.topology.nodes {
            switch lab.processes[node.name]?.state {
            case .paused: await control(ControlRequest(command: .resume, target: node.name), "resume \(node.name)")
            case .ended: await control(ControlRequest(command: .start, target: node.name), "start \(node.name)")
            case .running, .notStarted, nil: break
            }
        }
        for setting in settings.reversed() { redis(setting.node, setting.name, setting.value) }
        settings = []
        for name in steppedClocks.sorted() { stepClock(of: name, 0) }
    }

    private func perform(_ action: DrillAction) async {
        switch action {
        case .control(let request):
            if request.command == .kill || request.command == .wipe, let node = lab.topology.node(request.target ?? ""),
                let id = node.replicaID
            {
                kills.append((id, node.group, monotonicNs()))
            }
            await control(request, action.text)
        case .redis(let node, let name, let value):
            if let before = ask(node, ["CONFIG", "GET", name]), before.count == 2,
                !settings.contains(where: { $0.node == node && $0.name == name })
            {
                settings.append((node, name, before[1]))
            }
            redis(node, name, value)
        case .clock(let node, let offsetSeconds): stepClock(of: node, offsetSeconds)
        case .write: preconditionFailure("a person writes, see DrillRun")
        }
    }

    /// Adds a line to the log, with the current time.
    func note(_ text: String) {
        log.append(Recording.Step(atMs: Int(lab.elapsedUs / 1_000), text: text))
        onStep(text)
    }

    private func control(_ request: ControlRequest, _ text: String) async {
        note(text)
        let reply = await lab.handle(request)
        if reply.exitCode != 0, !lab.isStopping { problems.append("\(text): \(reply.message ?? "failed")") }
    }

    private func redis(_ node: String, _ name: String, _ value: String) {
        let text = "redis \(node) \(name) \(value)"
        note(text)
        if ask(node, ["CONFIG", "SET", name, value]) == nil { problems.append("\(text): the server rejected it") }
    }

    private func ask(_ node: String, _ command: [String]) -> [String]? {
        RedisClient(port: lab.ports[node] ?? 0, password: lab.password, timeoutMs: Self.redisTimeoutMs)?
            .ask([command])?.first
    }

    private func stepClock(of name: String, _ offsetSeconds: Int) {
        let text = DrillAction.clock(node: name, offsetSeconds: offsetSeconds).text
        guard SteppedClock.library != nil else { return note("skipped, libClockStep.so is not beside caplab: \(text)") }
        if offsetSeconds == 0 { steppedClocks.remove(name) } else { steppedClocks.insert(name) }
        note(text)
        do throws(LabError) { try lab.stepClock(of: name, offsetSeconds: offsetSeconds) } catch {
            problems.append("\(text): \(error.message)")
        }
    }
}
