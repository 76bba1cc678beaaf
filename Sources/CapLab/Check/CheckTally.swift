/// The counts of a check, for the progress line and for the tables at the end.
struct CheckTally {
    private var outcomes: [String: [String: Int]] = [:]
    private var lastSuccessNs: [Site: UInt64] = [:]
    private var longestGapNs: [Site: UInt64] = [:]
    private var isOver = false
    private(set) var operations = 0
    private(set) var successes = 0

    init(startNs: UInt64) {
        for site in Site.allCases { lastSuccessNs[site] = startNs }
    }

    /// - Parameter isSuccess: true if the service performed the operation, or reported that the key's state forbids it.
    mutating func note(_ kind: String, _ outcome: String, site: Site, isSuccess: Bool, atNs: UInt64) {
        operations += 1
        outcomes[kind, default: [:]][outcome, default: 0] += 1
        guard isSuccess, !isOver else { return }
        successes += 1
        closeGap(site, atNs)
    }

    /// Ends the counting of successes and gaps. A gap is a time without a success. The time since the last success is
    /// the last gap. Operations and their outcomes are still counted after this call.
    mutating func end(atNs: UInt64) {
        for site in Site.allCases { closeGap(site, atNs) }
        isOver = true
    }

    private mutating func closeGap(_ site: Site, _ atNs: UInt64) {
        let lastNs = lastSuccessNs[site] ?? atNs
        if atNs > lastNs { longestGapNs[site] = max(longestGapNs[site] ?? 0, atNs - lastNs) }
        lastSuccessNs[site] = max(lastNs, atNs)
    }

    func gapText(_ site: Site) -> String { "\(Answer.seconds(Double((longestGapNs[site] ?? 0) / 1_000_000))) s" }

    /// A table with a row per kind of operation and a column per outcome.
    func table(outcomes order: [String]) -> String {
        let rows = outcomes.keys.sorted().map { kind in
            [kind] + order.map { "\(outcomes[kind]?[$0] ?? 0)" }
        }
        return TextLayout.table([["operation"] + order] + rows)
    }

    static func faultTable(_ counts: [FaultKind: Int]) -> String {
        let rows = FaultKind.allCases.map { [$0.rawValue, "\(counts[$0] ?? 0)"] }
        return TextLayout.table([["fault", "times"]] + rows)
    }
}
