/// A counter that clients increment by compare-and-set.
///
/// It complements the linearizability checker: it needs no search and shows every lost or repeated increment.
struct CounterTally {
    /// By value: how many clients were acknowledged to have set it.
    private var applied: [Int: Int] = [:]
    private(set) var increments = 0
    private(set) var unknown = 0

    mutating func noteApplied(_ count: Int) {
        applied[count, default: 0] += 1
        increments += 1
    }

    mutating func noteUnknown() { unknown += 1 }

    /// - Parameter final: the counter at the end; 0 if it does not exist.
    func violations(final: Int) -> [String] {
        var found: [String] = []
        for (count, clients) in applied.sorted(by: { $0.key < $1.key }) where clients > 1 {
            found.append("\(clients) clients set the counter to \(count): an increment is lost")
        }
        if final < increments {
            found.append("the counter is \(final) after \(increments) acknowledged increments")
        }
        if final > increments + unknown {
            found.append(
                "the counter is \(final) after \(increments) acknowledged increments and \(unknown) with an unknown outcome"
            )
        }
        return found
    }

    /// A value is the count and its writer, because values must be unique: "17-c3-120".
    static func count(of value: String) -> Int { value.split(separator: "-").first.flatMap { Int($0) } ?? 0 }
}
