import EventLoop

/// Plays a drill on a lab: a steady load at both sites, the steps, the heal, and the verdict on the whole run.
///
/// Clients, histories and checkers are those of `caplab check`. Confined to the thread of the lab's reactor.
final class DrillRun {
    struct Result: Sendable {
        let summary: RunSummary
        /// The recording as JSON.
        let recording: [UInt8]
    }

    /// How long the person at each service pauses between two reads of the drill's key.
    private static let readIntervalMs: UInt64 = 1_000
    private static let progressMs: UInt64 = 200

    private let drill: Drill
    private let lab: Lab
    private let recorder: RunRecorder
    private let steps: DrillSteps
    private let clients: DrillClients
    private var progress: DrillProgress
    private var convergedInMs: Double?

    init(_ drill: Drill, _ lab: Lab, maxBytes: Int) {
        self.drill = drill
        self.lab = lab
        recorder = RunRecorder(
            lab, limits: .init(durationMs: drill.durationMs, maxBytes: maxBytes), key: Drill.key)
        steps = DrillSteps(lab)
        clients = DrillClients(lab, drill.load, recorder.page.answers)
        progress = DrillProgress(durationMs: drill.durationMs)
    }

    func run() async throws(LabError) -> Result {
        defer { clients.close() }
        do throws(LabError) {
            try await recorder.begin()
        } catch {
            recorder.end()
            throw error
        }
        steps.onStep = { [unowned self] text in progress.note(text, atMs: nowMs) }
        let tasks = TaskBundle(on: lab.reactor)
        startLoad(tasks)
        tasks.add { [self] in await play() }
        tasks.add { [self] in await showProgress() }
        await wait(untilMs: drill.durationMs)
        recorder.end()
        await tasks.ended()
        progress.end()
        try lab.checkNotStopping()
        return try await judge()
    }

    private var nowMs: Int { Int(lab.elapsedUs / 1_000) }
    private var isOver: Bool { lab.isStopping || nowMs >= drill.durationMs }

    /// Waits until a time of the drill, or until the lab stops.
    private func wait(untilMs timeMs: Int) async {
        while nowMs < timeMs, !lab.isStopping { await lab.pause(UInt64(min(50, timeMs - nowMs))) }
    }

    // MARK: Load

    private func startLoad(_ tasks: TaskBundle) {
        let load = recorder.page.load
        load.perform = { [clients] service in await clients.step(at: service) }
        var plan = load.plan
        plan.rates = plan.rates.mapValues { [drill] _ in drill.load.rate }
        plan.readShare = Double(drill.load.readPercent) / 100
        plan.keys = drill.load.keys
        recorder.page.apply(plan)
        for (index, service) in lab.topology.services.enumerated() {
            tasks.add { [self] in
                await wait(untilMs: index * Int(Self.readIntervalMs) / lab.topology.services.count)
                while !isOver {
                    await clients.person(at: service)
                    await lab.pause(Self.readIntervalMs)
                }
            }
        }
    }

    // MARK: Steps

    private func play() async {
        let writes = TaskBundle(on: lab.reactor)
        let measuring = TaskBundle(on: lab.reactor)
        let lastFault = drill.steps.lastIndex { $0.action.isFault }
        for (index, step) in drill.steps.enumerated() where step.atMs < drill.healAtMs {
            await begin(step, writes)
            if index == lastFault, step.action.isReturn { measure(measuring) }
        }
        await wait(untilMs: drill.healAtMs)
        guard !lab.isStopping else { return await measuring.ended() }
        for step in drill.steps where step.atMs >= drill.healAtMs && step.action.isFault { steps.begin(step.action) }
        if lastFault.map({ drill.steps[$0].atMs >= drill.healAtMs || !drill.steps[$0].action.isReturn }) ?? true {
            measure(measuring)
        }
        await steps.undo()
        for step in drill.steps where step.atMs >= drill.healAtMs && !step.action.isFault {
            await begin(step, writes)
        }
        await writes.ended()
        await measuring.ended()
    }

    /// Starts to measure how long the replicas take to converge from now on.
    private func measure(_ tasks: TaskBundle) {
        let startNs = monotonicNs()
        tasks.add { [self] in
            // Wait until the begun steps have ended, because one of them may still be starting a replica.
            while steps.isBusy, !lab.isStopping { await lab.pause(10) }
            convergedInMs = await ReplicationProbe(lab).measure(
                sinceNs: startNs, untilNs: startNs + CheckSettings.recoveryMs * nsPerMs)
        }
    }

    private func begin(_ step: Drill.Step, _ writes: TaskBundle) async {
        await wait(untilMs: step.atMs)
        guard !lab.isStopping else { return }
        guard case .write(let value, let target) = step.action else { return steps.begin(step.action) }
        steps.note(step.action.text)
        for service in DrillAction.services(of: target, lab.topology) {
            writes.add { [clients] in await clients.person(at: service, writes: value) }
        }
    }

    private func showProgress() async {
        while !isOver {
            progress.show(atMs: nowMs)
            await lab.pause(Self.progressMs)
        }
    }

    // MARK: Verdict

    private func judge() async throws(LabError) -> Result {
        if progress.isTerminal { say("checking the history of \(recorder.samples.count) requests ...") }
        await clients.ended()
        var verdict = await clients.judge(kills: steps.kills)
        try lab.checkNotStopping()
        // If a step failed, the run differs from the description of the drill, so do not report on it.
        if let problem = steps.problems.first { throw LabError("\(drill.name): \(problem)") }
        verdict.convergedInMs = convergedInMs
        let ends = [0, drill.phaseMs[0], drill.healAtMs, drill.durationMs].map(Double.init)
        let phases = Drill.PhaseName.allCases.enumerated().map { index, name in
            RunSummary.Phase(name: name.rawValue, fromMs: ends[index], toMs: ends[index + 1])
        }
        let summary = RunSummary(
            recorder.samples, phases: phases, services: lab.topology.services, conflicts: recorder.conflictKeys.count,
            verdict: verdict)
        let recording = recorder.recording(
            name: drill.name, title: drill.title, description: drill.description, steps: steps.log, summary: summary)
        return Result(summary: summary, recording: recording)
    }
}
