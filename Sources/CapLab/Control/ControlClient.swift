import FoundationEssentials
import Glibc

/// Sends a request to the lab of a run directory and waits for its reply.
enum ControlClient {
    /// Longer than the slowest command: `start` waits for its process.
    private static let timeoutSec = 60

    static func ask(_ request: ControlRequest, in directory: RunDirectory) throws(LabError) -> ControlReply {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw LabError("socket: \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var timeout = timeval(tv_sec: timeoutSec, tv_usec: 0)
        let length = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, length)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, length)
        let path = directory.socketPath
        guard path.utf8.count < 108, withAddress(path, { connect(descriptor, $0, $1) == 0 }) else {
            throw LabError("no lab is running (looked for \(path)); start one with: caplab up")
        }
        guard let line = try? JSONEncoder().encode(request) else { throw LabError("the request cannot be encoded") }
        let bytes = Array(line) + [10]
        guard bytes.count <= ControlRequest.maxBytes else { throw LabError("the request is too long", exitCode: 2) }
        guard send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw LabError("the lab closed the connection")
        }
        return try readReply(descriptor)
    }

    private static func readReply(_ descriptor: Int32) throws(LabError) -> ControlReply {
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while answer.last != 10, answer.count <= ControlReply.maxBytes {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            answer += buffer[..<count]
        }
        guard let reply = try? JSONDecoder().decode(ControlReply.self, from: Data(answer)) else {
            throw LabError("the lab did not answer")
        }
        return reply
    }

    /// - Parameter path: shorter than 108 bytes.
    static func withAddress<Result>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
