import Dispatch
import Glibc

/// Resolves a host name without blocking the loop: `getaddrinfo` has no asynchronous form, so each lookup has its own
/// thread. A link resolves one name at a time, which bounds the number of threads.
enum Resolver {
    /// The first literal address of `host`; nil where it cannot be resolved.
    static func address(of host: String) async -> String? {
        await withUnsafeContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: firstAddress(of: host)) }
        }
    }

    private static func firstAddress(of host: String) -> String? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0, let first = list else { return nil }
        defer { freeaddrinfo(list) }
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let status = getnameinfo(
            first.pointee.ai_addr, first.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
        guard status == 0 else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
