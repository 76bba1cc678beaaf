/// Decides whether the sender of a request keeps to its limits. Used on the reactor's thread only.
public protocol RequestLimiter: AnyObject {
    /// Decides when the headers are complete, before any body is buffered. Never waits, and counts nothing as used.
    /// - Throws: the response, if the limit is known to be exhausted.
    func check(_ request: Request) throws(Problem)

    /// Decides before the handler runs, and sets ``Request/quotaFields``.
    /// - Returns: false if ``admit(_:)`` has to be called, because the decision takes time.
    /// - Throws: the response instead of the handler's.
    func admitAtOnce(_ request: Request) throws(Problem) -> Bool

    /// Decides after ``admitAtOnce(_:)`` could not.
    /// - Throws: the response instead of the handler's.
    func admit(_ request: Request) async throws(Problem)

    /// What ``check(_:)`` and ``admit(_:)`` may throw, for the declarations of endpoints.
    var problems: [DeclaredProblem] { get }

    /// The fields that ``Request/quotaFields`` may have, for the declarations of endpoints.
    var headers: [DeclaredHeader] { get }
}
