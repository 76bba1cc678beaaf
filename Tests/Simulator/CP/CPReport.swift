import Linearizability

extension CPSimulation {
    /// The result of one seed.
    public struct Report: Sendable {
        public var seed: UInt64
        public var history: [RegisterOperation] = []
        public var violations: [String] = []
        /// Keys that the checker gave up on, or a schedule that did not happen: neither good nor bad.
        public var undecided: [String] = []
        public var faults: [FaultKind: Int] = [:]
        public var virtualMs: UInt64 = 0
        public var events = 0

        init(seed: UInt64) { self.seed = seed }

        /// Every key must be linearizable.
        mutating func judge() {
            for (key, verdict) in LinearizabilityChecker().check(history) {
                switch verdict {
                case .linearizable: break
                case .violation(let stuckAt):
                    violations.append(
                        "key \(key) is not linearizable; stuck at "
                            + stuckAt.prefix(4).map { "\($0.call) -> \($0.result) at \($0.callNs / 1_000) us" }
                            .joined(separator: ", "))
                case .undecided: undecided.append("key \(key): the checker could not decide")
                }
            }
        }
    }
}
