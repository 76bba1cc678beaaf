import EventLoop
import Glibc

/// One client connection of a ``BugProxy``, joined to a connection to the service. Only one request is in flight at a
/// time.
///
/// The endpoints keep this object alive until ``close(reset:)``.
final class BugConnection {
    /// While more than this many bytes wait to be sent to one end, the proxy does not read from the other end.
    private static let maxUnsentBytes = 256 << 10

    private struct End {
        var endpoint: Endpoint?
        /// Splits the bytes from this end into messages.
        var framer: MessageFramer
        /// The bytes that wait to be sent to this end.
        var unsent: [UInt8] = []
        var hasFinished = false
    }

    /// How the proxy handles the request in flight.
    private enum Exchange {
        case none
        /// The request was forwarded. `copy` collects the bytes of its answer for
        /// ``RequestTampering/note(_:to:nowNs:)``; nil if they are not wanted.
        case forwarding(MessageHead, copy: [UInt8]?)
        /// The request is not forwarded. `answer` is sent once the request's body has arrived.
        case dropping(answer: [UInt8])
    }

    private unowned let proxy: BugProxy
    private var client: End
    private var service: End
    private var exchange = Exchange.none
    private var isConnected = false
    private var isClosed = false

    init(client clientDescriptor: Int32, service serviceDescriptor: Int32, proxy: BugProxy) {
        self.proxy = proxy
        client = End(framer: MessageFramer(.request))
        service = End(framer: MessageFramer(.answer))
        client.endpoint = Endpoint(clientDescriptor, on: proxy.reactor) { [self] in handle($0, \.client) }
        service.endpoint = Endpoint(serviceDescriptor, on: proxy.reactor) { [self] in handle($0, \.service) }
    }

    func begin() { updateInterests() }

    func close(reset: Bool) {
        guard !isClosed else { return }
        isClosed = true
        client.endpoint?.close(reset: reset)
        service.endpoint?.close(reset: reset)
        proxy.forget(self)
    }

    // MARK: Events

    private func handle(_ events: UInt32, _ end: ReferenceWritableKeyPath<BugConnection, End>) {
        guard let endpoint = self[keyPath: end].endpoint else { return }
        if !isConnected, endpoint === service.endpoint {
            // The proxy has already accepted the client's connection, so it can no longer refuse that connection, and
            // resets it instead.
            guard Sockets.takeError(endpoint.descriptor) == 0, events & EventMask.error == 0 else {
                return close(reset: true)
            }
            isConnected = true
        }
        if events & EventMask.writable != 0 { endpoint.isBlocked = false }
        if events & ~EventMask.writable != 0, !self[keyPath: end].hasFinished {
            switch endpoint.read(into: proxy.scratch) {
            case .blocked: break
            case .finished: self[keyPath: end].hasFinished = true
            case .failed: return close(reset: true)
            case .bytes(let count):
                self[keyPath: end].framer.append(UnsafeRawBufferPointer(rebasing: proxy.scratch[..<count]))
            }
        }
        forward()
    }

    private func forward() {
        var isMoving = true
        while isMoving {
            let hasAnswers = forwardAnswers()
            isMoving = forwardRequests() || hasAnswers
        }
        flush(\.service)
        flush(\.client)
        endIfDone()
        guard !isClosed else { return }
        updateInterests()
    }

    // MARK: Requests and answers

    /// False while an earlier request waits for its answer. The rest of a request's body may always be read.
    private var mayTakeRequest: Bool {
        if case .none = exchange { return true }
        return client.framer.isInBody || !client.framer.isFramed
    }

    /// - Returns: true if anything was forwarded or answered.
    private func forwardRequests() -> Bool {
        var hasMoved = false
        while mayTakeRequest, let piece = client.framer.next() {
            hasMoved = true
            switch piece {
            case .head(let head, let bytes, let bodyBytes): take(head, bytes, bodyBytes: bodyBytes)
            case .body(let bytes, let isLast):
                guard case .dropping(let answer) = exchange else {
                    service.unsent += bytes
                    continue
                }
                guard isLast else { continue }
                client.unsent += answer
                exchange = .none
            case .unframed(let bytes):
                service.framer.stopFraming()
                service.unsent += bytes
            }
        }
        return hasMoved
    }

    private func take(_ head: MessageHead, _ bytes: [UInt8], bodyBytes: Int) {
        guard let answer = proxy.tampering.answer(to: head, nowNs: proxy.reactor.nowNs) else {
            service.unsent += bytes
            exchange = .forwarding(head, copy: proxy.tampering.wantsAnswer(to: head) ? [] : nil)
            return
        }
        if bodyBytes > 0 {
            exchange = .dropping(answer: answer)
        } else {
            client.unsent += answer
        }
    }

    /// - Returns: true if anything was forwarded.
    private func forwardAnswers() -> Bool {
        var hasMoved = false
        while let piece = service.framer.next() {
            hasMoved = true
            switch piece {
            case .head(let head, let bytes, let bodyBytes):
                client.unsent += bytes
                keep(bytes, isWanted: head.status == 200)
                if bodyBytes == 0, head.status >= 200 { endAnswer() }
            case .body(let bytes, let isLast):
                client.unsent += bytes
                keep(bytes, isWanted: true)
                if isLast { endAnswer() }
            case .unframed(let bytes):
                client.framer.stopFraming()
                client.unsent += bytes
            }
        }
        return hasMoved
    }

    /// Appends bytes to the copy of the answer, if there is one. Drops the copy if the answer is not wanted or too
    /// long.
    private func keep(_ bytes: [UInt8], isWanted: Bool) {
        guard case .forwarding(let head, let copy?) = exchange else { return }
        let fits = copy.count + bytes.count <= ReadCache.maxAnswerBytes
        exchange = .forwarding(head, copy: isWanted && fits ? copy + bytes : nil)
    }

    private func endAnswer() {
        if case .forwarding(let head, let copy?) = exchange {
            proxy.tampering.note(copy, to: head, nowNs: proxy.reactor.nowNs)
        }
        exchange = .none
    }

    // MARK: Sending and ending

    private func flush(_ end: ReferenceWritableKeyPath<BugConnection, End>) {
        guard let endpoint = self[keyPath: end].endpoint, endpoint.isOpen else { return }
        guard isConnected || endpoint === client.endpoint else { return }
        while !endpoint.isBlocked, !self[keyPath: end].unsent.isEmpty {
            let count = self[keyPath: end].unsent.withUnsafeBytes { endpoint.write($0) }
            guard count >= 0 else { return close(reset: true) }
            if count == 0 { endpoint.isBlocked = true }
            self[keyPath: end].unsent.removeFirst(count)
        }
    }

    /// Closes the connection once the service has finished and its last answer was sent. If the client has finished,
    /// waits until its requests are answered.
    private func endIfDone() {
        if service.hasFinished, client.unsent.isEmpty { return close(reset: false) }
        guard client.hasFinished, client.unsent.isEmpty, service.unsent.isEmpty else { return }
        if case .none = exchange { close(reset: false) }
        if !client.framer.isFramed { service.endpoint?.finishWriting() }
    }

    private func updateInterests() {
        let toService = service.unsent.count + client.framer.bufferedBytes
        client.endpoint?.watch(interest(of: client, mayRead: toService < Self.maxUnsentBytes))
        guard isConnected else {
            service.endpoint?.watch(EventMask.writable)
            return
        }
        service.endpoint?.watch(interest(of: service, mayRead: client.unsent.count < Self.maxUnsentBytes))
    }

    private func interest(of end: End, mayRead: Bool) -> UInt32 {
        (mayRead && !end.hasFinished ? EventMask.readable : 0) | (end.unsent.isEmpty ? 0 : EventMask.writable)
    }
}
