/// Decides whether a history is linearizable (Herlihy and Wing, 1990): whether its operations can be put in one order
/// that the model allows. If one operation returned before another was called, it also comes first in this order.
///
/// The search is that of Wing and Gong (1993) with Lowe's cache of visited configurations (*Testing for
/// linearizability*, 2017), as in Porcupine. A configuration is the set of linearized operations and the state that
/// they led to.
public struct LinearizabilityChecker: Sendable {
    public enum Verdict<M: Model>: Equatable, Sendable {
        case linearizable
        /// No order exists. `stuckAt` are the candidates for the next place in the longest order that the search found.
        /// None of them fits.
        case violation(stuckAt: [Operation<M>])
        /// The search gave up, because it would visit more than ``LinearizabilityChecker/maxConfigurations``.
        case undecided
    }

    /// The most configurations that one search may visit. Each takes about 100 bytes.
    public var maxConfigurations = 2_000_000

    public init() {}

    /// Checks each object of a history by itself: a history is linearizable if and only if each object's part is.
    /// - Parameter history: the history of all objects from the beginning, in any order.
    /// - Returns: the verdict on each object, sorted by key.
    public func check<M: Model>(_ history: [Operation<M>]) -> [(key: String, verdict: Verdict<M>)] {
        M.partition(history).map { ($0.key, verdict(on: $0.operations, $0.model)) }.sorted { $0.key < $1.key }
    }

    func verdict<M: Model>(on operations: [Operation<M>], _ model: M) -> Verdict<M> {
        var model = model
        let relevant = model.prepare(operations)
        var search = Search(relevant, model, maxConfigurations: maxConfigurations)
        return search.run()
    }
}

// Overloads for the register, compiled inside this module to be fast. The generic functions, called from another
// module, would look up every member of the model at run time.
extension LinearizabilityChecker {
    public func check(_ history: [RegisterOperation]) -> [(key: String, verdict: Verdict<RegisterModel>)] {
        RegisterModel.partition(history).map { ($0.key, verdict(on: $0.operations, $0.model)) }
            .sorted { $0.key < $1.key }
    }

    public func failingPrefix(of key: String, in history: [RegisterOperation]) -> FailingPrefix<RegisterModel>? {
        shortestFailingPrefix(of: key, in: history)
    }
}
