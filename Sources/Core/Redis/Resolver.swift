import EventLoop
import Glibc

/// Resolves a host name without blocking the loop: `getaddrinfo` has no asynchronous form, so each lookup has its own
/// thread. A link resolves one name at a time, which bounds the number of threads.
enum Resolver {
    /// Calls `done` on the reactor's thread with a literal address, or nil where the name cannot be resolved.
    static func resolve(_ host: String, on reactor: Reactor, done: @escaping (String?) -> Void) {
        // `done` is made and called on the reactor's thread only; the lookup thread merely carries it.
        let carried = Carried(done: done)
        let request = Request(host: host) { address in
            reactor.submit { carried.done(address) }
        }
        var thread: pthread_t = 0
        let pointer = Unmanaged.passRetained(request).toOpaque()
        let status = pthread_create(
            &thread, nil,
            { pointer in
                let request = Unmanaged<Request>.fromOpaque(pointer!).takeRetainedValue()
                request.answer(Resolver.firstAddress(of: request.host))
                return nil
            }, pointer)
        if status == 0 {
            pthread_detach(thread)
        } else {
            Unmanaged<Request>.fromOpaque(pointer).release()
            reactor.submit { carried.done(nil) }
        }
    }

    private struct Carried: @unchecked Sendable {
        // Safe because only `Reactor.submit` calls it, on the thread that made it.
        let done: (String?) -> Void
    }

    private final class Request: Sendable {
        let host: String
        let answer: @Sendable (String?) -> Void

        init(host: String, answer: @escaping @Sendable (String?) -> Void) {
            self.host = host
            self.answer = answer
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
