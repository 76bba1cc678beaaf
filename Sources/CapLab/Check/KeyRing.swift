/// The keys that clients fight for. Each gives way to a new one after a number of operations, so that its history stays short
/// enough to be judged whole; lasting ones after many more, so that they see many faults.
struct KeyRing {
    private static let lastingFactor = 20

    private let prefix: String
    private let lasting: Int
    private let slots: Int
    private let usesPerKey: Int
    private var uses: [Int]
    private var generation: [Int]
    private(set) var all: [String] = []

    init(prefix: String, lasting: Int, passing: Int, usesPerKey: Int) {
        self.prefix = prefix
        self.lasting = lasting
        slots = lasting + passing
        self.usesPerKey = usesPerKey
        uses = Array(repeating: 0, count: slots)
        generation = Array(repeating: 0, count: slots)
        all = (0..<slots).map { "\(prefix)\($0)" }
    }

    /// A key for the next operation. A lasting one is drawn a quarter as often as a passing one.
    mutating func draw(_ random: inout SeededRandom) -> String {
        var slot = random.below(slots)
        if slot < lasting, !random.isTrue(percent: 25) { slot = random.below(slots) }
        uses[slot] += 1
        if uses[slot] > usesPerKey * (slot < lasting ? Self.lastingFactor : 1) {
            uses[slot] = 1
            generation[slot] += 1
            all.append(name(slot))
        }
        return name(slot)
    }

    private func name(_ slot: Int) -> String {
        generation[slot] == 0 ? "\(prefix)\(slot)" : "\(prefix)\(slot)-\(generation[slot])"
    }
}
