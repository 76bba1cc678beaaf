extension Drill {
    static let maxFileBytes = 64 << 10

    /// Reads a drill from YAML.
    /// - Parameters:
    ///   - name: the file's name without its extension.
    ///   - file: the file's path, for error messages.
    /// - Throws: an error with exit code 2, whose one-line message names the file and the line.
    init(yaml: String, name: String, file: String, topology: Topology = .pair) throws(LabError) {
        guard yaml.utf8.count <= Self.maxFileBytes else {
            throw LabError("\(file):1: a drill has at most \(Self.maxFileBytes) bytes", exitCode: 2)
        }
        let fields = try YAMLFields.document(
            yaml, file: file, known: ["title", "description", "load", "phases", "steps"])
        self.name = name
        title = try fields.text("title", maxCharacters: 60)
        description = try fields.text("description", maxCharacters: 400)
        if let node = fields.optional("load") { load = try Load(node, file: file) }
        phaseMs = try Self.phases(try fields.required("phases"), file: file)
        steps = try Self.steps(try fields.required("steps"), file: file, topology)
        try check(fields)
    }

    private static func phases(_ node: YAMLNode, file: String) throws(LabError) -> [Int] {
        let names = PhaseName.allCases.map(\.rawValue)
        let fields = try YAMLFields(node, file: file, known: names)
        var phaseMs: [Int] = []
        for name in names {
            let lengthMs = try fields.duration(name)
            guard lengthMs > 0 else { throw fields.problem("each phase lasts longer than zero", at: name) }
            phaseMs.append(lengthMs)
        }
        guard phaseMs.reduce(0, +) <= maxDurationMs else {
            throw fields.problem("a drill lasts at most \(maxDurationMs / 1_000)s")
        }
        return phaseMs
    }

    private static func steps(_ node: YAMLNode, file: String, _ topology: Topology) throws(LabError) -> [Step] {
        guard let list = node.sequence, (1...maxSteps).contains(list.count) else {
            throw YAMLFields.problem(
                "steps is a list of 1 to \(maxSteps) entries such as {at: 10s, do: heal}", at: node, in: file)
        }
        var steps: [Step] = []
        for entry in list {
            let fields = try YAMLFields(entry, file: file, known: ["at", "do"])
            let atMs = try fields.duration("at")
            guard atMs >= steps.last?.atMs ?? 0 else {
                throw fields.problem("steps are in the order of their time", at: "at")
            }
            let text = try fields.text("do", maxCharacters: 200)
            do throws(LabError) {
                steps.append(Step(atMs: atMs, action: try DrillAction(text, topology: topology)))
            } catch {
                throw fields.problem(error.message, at: "do")
            }
        }
        return steps
    }

    /// Checks the rules that concern several steps or phases.
    private func check(_ fields: YAMLFields) throws(LabError) {
        var written: Set<String> = []
        for (index, step) in steps.enumerated() {
            let line = fields.optional("steps")?.sequence?[index]
            func problem(_ text: String) -> LabError {
                line.map { YAMLFields.problem(text, at: $0, in: fields.file) } ?? fields.problem(text, at: "steps")
            }
            let phase = phase(atMs: step.atMs)
            guard step.atMs < durationMs else { throw problem("the drill ends after \(durationMs / 1_000)s") }
            switch step.action {
            case .write(let value, let target):
                // Each value may be written only once per store, because the checkers use it to find the write that a
                // read returned.
                for service in DrillAction.services(of: target, .pair)
                where !written.insert("\(service.group) \(value)").inserted {
                    throw problem("'\(value)' is written twice; the checkers need different values")
                }
            default:
                guard phase == .during || (phase == .after && step.atMs == healAtMs) else {
                    throw problem("'\(step.action.text)' is not within the phase 'during'; only writes may be")
                }
            }
        }
    }
}

extension Drill.Load {
    fileprivate init(_ node: YAMLNode, file: String) throws(LabError) {
        let fields = try YAMLFields(node, file: file, known: ["rate", "reads", "keys"])
        rate = try fields.number("rate", in: Drill.rates, unit: "/s", default: rate)
        readPercent = try fields.number("reads", in: 0...100, unit: "%", default: readPercent)
        keys = try fields.number("keys", in: Drill.keyCounts, default: keys)
    }
}
