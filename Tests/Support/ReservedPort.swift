import CLinux
import Glibc

/// A port that is free when this object is created. No other test and no lab on this machine gets the port until this
/// object is released, so a server can be stopped and started again on it. The port is random, below the range that
/// Linux by default uses for outgoing connections.
public final class ReservedPort: Sendable {
    public let port: UInt16
    private let reservation: Int32

    public init() throws {
        for _ in 0..<100 {
            let port = UInt16.random(in: 10_240..<32_768)
            let reservation = clinux_reserve_port(UInt32(port))
            guard reservation >= 0 else { continue }
            if Self.isFree(port) {
                self.port = port
                self.reservation = reservation
                return
            }
            close(reservation)
        }
        throw TestFailure("no free port")
    }

    deinit { close(reservation) }

    private static func isFree(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        return Loopback.bind(descriptor, port: port)
    }
}
