/// Decides whether the sender of a request keeps to its limits. Used on the reactor's thread only.
public protocol RequestLimiter: AnyObject {
    /// Decides when the headers are complete, before any body is buffered. Never waits, and does not consume a permit.
    /// - Throws: the problem to respond with, if this instance already has the information that the limit is exhausted.
    func check(_ request: Request) throws(Problem)

    /// Consumes a permit for a request that is refused for another reason, so that a flood of such requests is limited,
    /// too. Never waits.
    /// - Throws: the problem to respond with instead, if the limit is exhausted.
    func charge(_ request: Request) throws(Problem)

    /// Decides before the handler runs, and sets ``Request/quotaFields``.
    /// - Returns: false if ``admit(_:)`` has to be called, because the decision takes time.
    /// - Throws: the problem to respond with, instead of calling the handler.
    func admitAtOnce(_ request: Request) throws(Problem) -> Bool

    /// Decides on a request for which ``admitAtOnce(_:)`` returned false.
    /// - Throws: the problem to respond with, instead of calling the handler.
    func admit(_ request: Request) async throws(Problem)

    /// The problems that ``check(_:)``, ``charge(_:)`` and ``admit(_:)`` may throw, for the declarations of endpoints.
    var problems: [DeclaredProblem] { get }

    /// The fields that ``Request/quotaFields`` may have, for the declarations of endpoints.
    var headers: [DeclaredHeader] { get }
}
