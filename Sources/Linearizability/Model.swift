/// A sequential specification: what one object does when operations reach it one at a time.
///
/// A model is four small functions, as in Porcupine: the initial state, the step, equality of states (`State` is
/// hashable), and a description for people. A counter, for example:
///
/// ```swift
/// struct Counter: Model {
///     enum Call: Codable, Equatable { case increment, read }
///     enum Result: OperationResult { case done, value(Int), unknown }
///     let initialState = 0
///     func step(_ count: Int, _ operation: Operation<Counter>) -> Int? {
///         switch (operation.call, operation.result) {
///         case (.increment, _): count + 1
///         case (.read, .value(let value)): value == count ? count : nil
///         case (.read, _): count
///         }
///     }
///     static func describe(_ operation: Operation<Counter>) -> (call: String, result: String) {
///         ("\(operation.call)", "\(operation.result)")
///     }
/// }
/// ```
public protocol Model {
    /// A client's request.
    associatedtype Call: Sendable, Equatable, Codable
    /// The response to a request.
    associatedtype Result: OperationResult
    /// The state of the object. Its equality and hash decide which configurations of the search are the same.
    associatedtype State: Hashable

    /// Creates the model of an object that does not depend on other objects of the history.
    init()

    var initialState: State { get }

    /// The state after the operation took effect in `state`; nil if its result is impossible there. For an operation
    /// with an unknown result, returns the state after its effect. The checker also tries to leave it out.
    func step(_ state: State, _ operation: Operation<Self>) -> State?

    static func describe(_ operation: Operation<Self>) -> (call: String, result: String)

    // MARK: Optional

    /// Splits the history by object, and creates a model for each. Linearizability is local, so each object is checked
    /// by itself. By default, objects are distinguished by ``Operation/key``.
    static func partition(_ history: [Operation<Self>]) -> [(key: String, model: Self, operations: [Operation<Self>])]

    /// Called before a search over the operations of one object. Returns the operations that constrain the order; by
    /// default all.
    mutating func prepare(_ operations: [Operation<Self>]) -> [Operation<Self>]

    /// Returns false if the operation at `index`, whose result is unknown, need not be tried in `state`, because no
    /// order can follow, or because an equivalent operation is tried instead. The answer may only save time, never
    /// change a verdict. By default true.
    func isWorthTrying(_ index: Int, _ operation: Operation<Self>, in state: State, isLinearized: (Int) -> Bool) -> Bool
}

extension Model {
    public static func partition(
        _ history: [Operation<Self>]
    ) -> [(key: String, model: Self, operations: [Operation<Self>])] {
        Dictionary(grouping: history, by: \.key).map { ($0, Self(), $1) }
    }

    public mutating func prepare(_ operations: [Operation<Self>]) -> [Operation<Self>] { operations }

    public func isWorthTrying(
        _ index: Int, _ operation: Operation<Self>, in state: State, isLinearized: (Int) -> Bool
    ) -> Bool { true }
}
