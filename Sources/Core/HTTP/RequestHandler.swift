/// Answers requests. All calls are made on the reactor's thread.
public protocol RequestHandler: AnyObject {
    /// Called when headers and body are complete. A response returned without suspending is sent in the same turn.
    ///
    /// If the client disconnects first, the request stays valid and the response is dropped.
    func respond(to request: Request) async -> Response

    /// Longest accepted body, in bytes; called when the headers are complete and announce a body. A longer body gets 413
    /// `value_too_large`, and at most this much is ever buffered.
    func maxBodyBytes(for request: Request) -> Int

    /// The server itself responded (413, 400 for a malformed message, 503 above its limits); for metrics and logs.
    func refused(_ request: Request, with response: Response)
}

extension RequestHandler {
    public func refused(_ request: Request, with response: Response) {}
}
