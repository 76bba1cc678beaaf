import CMicroHTTPD
import Glibc

extension Response {
    /// The response as a libmicrohttpd object, which the caller destroys.
    ///
    /// The body is copied: up to about 10 KiB that is cheaper than a callback that frees it later.
    /// - Parameters:
    ///   - isStorable: caches could store it (RFC 9111, section 3), so it gets `Cache-Control: no-store`. Caches never store
    ///     responses to changes.
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

    /// Writes the response to a socket that is closed next; at most what the socket buffer has room for.
    func send(to descriptor: Int32) {
        var text = "HTTP/1.1 \(status) \(Self.reason(status))\r\nConnection: close\r\nContent-Length: \(body.count)\r\n"
        if let contentType { text += "Content-Type: \(contentType)\r\n" }
        text += "\r\n"
        let bytes = Array(text.utf8) + body
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
    }
}
