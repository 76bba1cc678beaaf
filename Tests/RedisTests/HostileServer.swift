import Glibc
import Synchronization
import TestSupport

/// A server that answers the first commands on a connection as Redis does, and then sends zeros until the client
/// closes.
final class HostileServer: Sendable {
    var port: UInt16 { reservation.port }
    private let reservation: ReservedPort
    private let listener: Int32
    private let sent = Atomic<Int>(0)

    /// - Parameter answer: the beginning of the reply to every `GET`, before the zeros.
    init(answer: String) throws {
        reservation = try ReservedPort()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard Loopback.bind(listener, port: reservation.port), listen(listener, 8) == 0 else {
            throw TestFailure("cannot listen on port \(reservation.port)")
        }
        let server = Unmanaged.passRetained(Accepting(self, answer))
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { pointer in
                Unmanaged<Accepting>.fromOpaque(pointer!).takeRetainedValue().run()
                return nil
            }, server.toOpaque())
        pthread_detach(thread)
    }

    /// Bytes of replies to `GET` that the kernel accepted.
    var sentBytes: Int { sent.load(ordering: .relaxed) }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private final class Accepting {
        let server: HostileServer
        let answer: String

        init(_ server: HostileServer, _ answer: String) {
            self.server = server
            self.answer = answer
        }

        func run() {
            while true {
                let client = accept(server.listener, nil, nil)
                guard client >= 0 else { break }
                serve(client)
                close(client)
            }
            close(server.listener)
        }

        private func serve(_ client: Int32) {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(client, &buffer, buffer.count)
                guard count > 0 else { return }
                let text = String(decoding: buffer[..<count], as: UTF8.self)
                if text.contains("GET") { return flood(client) }
                // Send one reply per command. Each read gets complete commands, because they are short.
                for _ in text.matches(of: /\*[0-9]+\r\n\$/) { send(client, "+PONG\r\n") }
            }
        }

        private func flood(_ client: Int32) {
            send(client, answer)
            let zeros = [UInt8](repeating: 0, count: 1 << 20)
            while true {
                let count = Glibc.send(client, zeros, zeros.count, Int32(MSG_NOSIGNAL))
                guard count > 0 else { return }
                server.sent.add(count, ordering: .relaxed)
            }
        }

        private func send(_ client: Int32, _ text: String) {
            let bytes = Array(text.utf8)
            _ = Glibc.send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
    }
}
