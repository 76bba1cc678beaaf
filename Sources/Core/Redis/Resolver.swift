import EventLoop
import Glibc

/// Returns the addresses of a host name; empty if the name has none. Blocks the calling thread.
public typealias HostLookup = @Sendable (_ host: String) -> [String]

/// Resolves the name of one host without blocking the loop. `getaddrinfo` has no asynchronous form, so each lookup runs
/// in a thread. At most one lookup runs at a time, however long a name server does not answer. A request during a
/// lookup waits for its answer. An answer for which no request waits is kept for the next request.
public final class Resolver {
    private let host: String
    private let reactor: Reactor
    private let lookUp: HostLookup
    private var isLookingUp = false
    private var lateAnswer: [String]?
    private var waiting: (([String]) -> Void)?

    public init(host: String, reactor: Reactor, lookUp: @escaping HostLookup) {
        self.host = host
        self.reactor = reactor
        self.lookUp = lookUp
    }

    /// Calls `body` with the IP addresses of the host, in the order in which to try them. Does not call it after
    /// ``cancel()`` or another call of this method.
    public func resolve(then body: @escaping ([String]) -> Void) {
        if Self.isLiteral(host) { return body([host]) }
        if let answer = lateAnswer.take() { return body(answer) }
        waiting = body
        guard !isLookingUp else { return }
        isLookingUp = true
        reactor.spawn { [self] in
            let addresses = Self.interleaved(await answer())
            isLookingUp = false
            if let waiting = waiting.take() { waiting(addresses) } else { lateAnswer = addresses }
        }
    }

    public func cancel() { waiting = nil }

    /// Runs the lookup in a new thread: a thread pool may have no thread left when descriptors or memory are short.
    private func answer() async -> [String] {
        await withUnsafeContinuation { continuation in
            let lookup = Lookup(host: host, lookUp: lookUp, continuation: continuation)
            var thread = pthread_t()
            let context = Unmanaged.passRetained(lookup)
            let status = pthread_create(
                &thread, nil,
                { pointer in
                    Unmanaged<Lookup>.fromOpaque(pointer!).takeRetainedValue().run()
                    return nil
                }, context.toOpaque())
            if status == 0 {
                pthread_detach(thread)
            } else {
                context.release()
                continuation.resume(returning: [])
            }
        }
    }

    private final class Lookup: Sendable {
        let host: String
        let lookUp: HostLookup
        let continuation: UnsafeContinuation<[String], Never>

        init(host: String, lookUp: @escaping HostLookup, continuation: UnsafeContinuation<[String], Never>) {
            self.host = host
            self.lookUp = lookUp
            self.continuation = continuation
        }

        func run() { continuation.resume(returning: lookUp(host)) }
    }

    private static func isLiteral(_ host: String) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1
    }

    /// Alternates between IPv6 and IPv4, beginning with the family that the system prefers. If one family does not
    /// work, this costs only one attempt (RFC 8305, section 4).
    static func interleaved(_ addresses: [String]) -> [String] {
        let isV6 = addresses.first?.contains(":") ?? false
        let preferred = addresses.filter { $0.contains(":") == isV6 }
        let others = addresses.filter { $0.contains(":") != isV6 }
        return (0..<max(preferred.count, others.count)).flatMap { index in
            preferred.dropFirst(index).prefix(1) + others.dropFirst(index).prefix(1)
        }
    }

    /// Looks up a name with `getaddrinfo`: all addresses in the order of RFC 6724, each once.
    public static let system: HostLookup = { host in
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var addresses: [String] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ai_next
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let status = getnameinfo(
                entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            guard status == 0 else { continue }
            let address = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            if !addresses.contains(address) { addresses.append(address) }
        }
        return addresses
    }
}
