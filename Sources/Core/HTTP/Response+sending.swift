import CMicroHTTPD
import Glibc

extension Response {
    /// The answer in libmicrohttpd's form, to be destroyed by the caller.
    ///
    /// The body is copied once more: for answers of up to some 10 KiB that is cheaper than a callback that frees it later.
    /// - Parameters:
    ///   - isStorable: caches on the way may take it for one that they can give to others (RFC 9111, section 3), and are told
    ///     not to: it is true at this moment and for this client. Answers to changes are not stored anyway.
    ///   - isLast: the connection is closed after it.
    func prepared(isStorable: Bool, isLast: Bool) -> OpaquePointer? {
        let response = body.withUnsafeBytes { bytes in
            MHD_create_response_from_buffer(
                bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress), .RESPMEM_MUST_COPY)
        }
        guard let response else { return nil }
        if let contentType { MHD_add_response_header(response, "Content-Type", contentType) }
        for header in headers { MHD_add_response_header(response, header.name, header.value) }
        if isStorable { MHD_add_response_header(response, "Cache-Control", "no-store") }
        if isLast { MHD_add_response_header(response, "Connection", "close") }
        return response
    }

    /// Writes a whole answer straight to a socket that is closed next; as much as the socket takes at once.
    func send(to descriptor: Int32) {
        var text = "HTTP/1.1 \(status) \(Self.reason(status))\r\nConnection: close\r\nContent-Length: \(body.count)\r\n"
        if let contentType { text += "Content-Type: \(contentType)\r\n" }
        text += "\r\n"
        let bytes = Array(text.utf8) + body
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
    }
}
