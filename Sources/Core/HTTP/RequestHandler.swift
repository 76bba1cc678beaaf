/// What answers requests. All calls come on the reactor's thread.
public protocol RequestHandler: AnyObject {
    /// Called once headers and body are complete. An answer given without suspending goes out in the same turn.
    ///
    /// The client may be gone before the answer is there; the request stays valid, and the answer is dropped.
    func respond(to request: Request) async -> Response

    /// The longest body to take, in bytes; asked when the headers are complete, only if a body is announced. Past it the
    /// client gets 413 `value_too_large`, and no more than this is ever kept.
    func maxBodyBytes(for request: Request) -> Int

    /// The server itself answered (413, 400 for a malformed message, 503 past its limits); for metrics and logs.
    func refused(_ request: Request, with response: Response)
}

extension RequestHandler {
    public func refused(_ request: Request, with response: Response) {}
}
