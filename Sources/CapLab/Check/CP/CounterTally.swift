/// A counter that clients raise by compare-and-set: read it, write one more on the condition that nobody has meanwhile.
///
/// A check of its own beside the history's: it needs no search, and any lost or doubled increment shows in it.
struct CounterTally {
    /// By value: how many clients were told that they had set it.
    private var applied: [Int: Int] = [:]
    private(set) var increments = 0
    private(set) var unknown = 0

    mutating func noteApplied(_ count: Int) {
        applied[count, default: 0] += 1
        increments += 1
    }

    mutating func noteUnknown() { unknown += 1 }

    /// - Parameter final: the counter at the end; 0 where it does not exist.
    func violations(final: Int) -> [String] {
        var found: [String] = []
        for (count, times) in applied.sorted(by: { $0.key < $1.key }) where times > 1 {
            found.append("the counter was set to \(count) \(times) times: an increment is lost")
        }
        if final < increments {
            found.append("the counter is \(final) after \(increments) acknowledged increments")
        }
        if final > increments + unknown {
            found.append(
                "the counter is \(final) after \(increments) acknowledged increments and \(unknown) of unknown outcome")
        }
        return found
    }

    /// A value says its count, and who wrote it, as values must differ: "17-c3-120".
    static func count(of value: String) -> Int { value.split(separator: "-").first.flatMap { Int($0) } ?? 0 }
}
