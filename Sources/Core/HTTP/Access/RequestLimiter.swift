/// Decides whether the sender of a request keeps to its limits. Used on the reactor's thread only.
public protocol RequestLimiter: AnyObject {
    /// Decides when the headers are complete, before any body is buffered. Never waits, and counts nothing as used.
    /// - Throws: the response, if the limit is known to be exhausted.
    func check(_ request: Request) throws(Problem)

    /// Decides before the handler runs, and sets ``Request/quotaFields``.
    /// - Throws: the response instead of the handler's.
    func admit(_ request: Request) async throws(Problem)
}
