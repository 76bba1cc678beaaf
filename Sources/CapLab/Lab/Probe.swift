import EventLoop
import Glibc

/// One question and its answer over a connection of its own to 127.0.0.1: how the lab asks whether a process serves.
final class Probe: DescriptorHandler {
    /// An answer is read this far.
    private static let maxAnswerBytes = 16 << 10

    private let reactor: Reactor
    private let descriptor: Int32
    private var unsent: ArraySlice<UInt8>
    private var answer: [UInt8] = []
    private let isComplete: (String) -> Bool
    private var continuation: UnsafeContinuation<String?, Never>?
    private var timer: LoopTimer?

    /// Sends `request` and reads until `isComplete` likes what came so far.
    /// - Returns: nil where the connection failed or ended before that, or after `timeoutMs`.
    static func ask(
        port: UInt16, _ request: String, timeoutMs: UInt64 = 1_000, on reactor: Reactor,
        until isComplete: @escaping (String) -> Bool
    ) async -> String? {
        guard let descriptor = try? Sockets.connect(port: port) else { return nil }
        let probe = Probe(descriptor, request, reactor, isComplete)
        return await withUnsafeContinuation { continuation in
            probe.continuation = continuation
            reactor.watch(descriptor, events: EventMask.readable | EventMask.writable, handler: probe)
            probe.timer = LoopTimer(on: reactor, atNs: reactor.nowNs &+ timeoutMs * nsPerMs) {
                probe.settle(nil)
            }
        }
    }

    private init(_ descriptor: Int32, _ request: String, _ reactor: Reactor, _ isComplete: @escaping (String) -> Bool) {
        self.descriptor = descriptor
        self.reactor = reactor
        self.isComplete = isComplete
        unsent = Array(request.utf8)[...]
    }

    func ready(events: UInt32) {
        if events & EventMask.writable != 0, !unsent.isEmpty {
            let count = unsent.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno != EAGAIN { return settle(nil) }
            unsent = unsent.dropFirst(max(0, count))
            if unsent.isEmpty { reactor.watch(descriptor, events: EventMask.readable, handler: self) }
        }
        guard events & ~EventMask.writable != 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == EAGAIN { return }
        guard count > 0 else { return settle(nil) }
        answer += buffer[..<count]
        let text = String(decoding: answer, as: UTF8.self)
        if isComplete(text) {
            settle(text)
        } else if answer.count > Self.maxAnswerBytes {
            settle(nil)
        }
    }

    private func settle(_ result: String?) {
        guard let continuation = continuation.take() else { return }
        timer?.cancel()
        reactor.unwatch(descriptor)
        close(descriptor)
        continuation.resume(returning: result)
    }
}
