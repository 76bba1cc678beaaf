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
    /// The request of a client.
    associatedtype Call: Sendable, Equatable, Codable
    /// The response to it.
    associatedtype Result: OperationResult
    /// Equality and hash decide which configurations of the search are the same.
    associatedtype State: Hashable

    /// The model of an object that is alone in its history.
    init()

    var initialState: State { get }

    /// The state after the operation took effect in `state`; nil if its result is impossible there. An operation with
    /// an unknown result takes effect here; the checker also tries leaving it out.
    func step(_ state: State, _ operation: Operation<Self>) -> State?

    static func describe(_ operation: Operation<Self>) -> (call: String, result: String)

    // MARK: Optional

    /// The history by object, each with its model. Linearizability is local, so each object is checked by itself.
    /// Default: by ``Operation/key``.
    static func partition(_ history: [Operation<Self>]) -> [(key: String, model: Self, operations: [Operation<Self>])]

    /// Called before a search over `operations` of one object. Returns those that constrain the order. Default: all.
    mutating func prepare(_ operations: [Operation<Self>]) -> [Operation<Self>]

    /// False if the operation at `index`, whose result is unknown, need not be tried in `state`: no order can follow,
    /// or an equivalent operation is tried instead. May only save time, never change a verdict. Default: true.
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
