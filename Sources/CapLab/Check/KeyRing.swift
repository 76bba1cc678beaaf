import EventLoop

/// The keys that clients use at the same time. Each key is replaced by a new one after a number of operations, so that
/// its history stays short enough for the checker. A lasting key is replaced after ``lastingFactor`` times as many
/// operations, so that its history spans many faults.
struct KeyRing {
    private static let lastingFactor = 20

    private let prefix: String
    private let lasting: Int
    private let slots: Int
    private let usesPerKey: Int
    private var uses: [Int]
    private var generations: [Int]
    private(set) var all: [String] = []

    init(prefix: String, lasting: Int, shortLived: Int, usesPerKey: Int) {
        self.prefix = prefix
        self.lasting = lasting
        slots = lasting + shortLived
        self.usesPerKey = usesPerKey
        uses = Array(repeating: 0, count: slots)
        generations = Array(repeating: 0, count: slots)
        all = (0..<slots).map { "\(prefix)\($0)" }
    }

    /// Chooses a key for the next operation. A lasting key is chosen less often than a short-lived one: the ring
    /// replaces three of four such choices by another draw.
    mutating func draw(_ random: inout SplitMix64) -> String {
        var slot = random.index(slots)
        if slot < lasting, !random.isTrue(percent: 25) { slot = random.index(slots) }
        uses[slot] += 1
        if uses[slot] > usesPerKey * (slot < lasting ? Self.lastingFactor : 1) {
            uses[slot] = 1
            generations[slot] += 1
            all.append(name(slot))
        }
        return name(slot)
    }

    private func name(_ slot: Int) -> String {
        generations[slot] == 0 ? "\(prefix)\(slot)" : "\(prefix)\(slot)-\(generations[slot])"
    }
}
