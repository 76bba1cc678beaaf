import ArgumentParser
import FoundationEssentials
import Glibc

/// `probe`: asks the service of this machine for its health, as a container's health check does.
///
/// It reads `HTTP_PORT` only, not all settings, because it must work within seconds and beside a service whose settings
/// it does not have.
public struct ProbeCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Ask the service on this machine for its health. Exits with 0 if it answers 200, else with 1.")

    @Argument(help: "What to ask for.")
    var path = "/health/ready"
    @Option(help: "The port of the service. Default: HTTP_PORT, or else the default port of the container's program.")
    var port: UInt16?
    @Option(name: .customLong("timeout-sec"), help: "How long to wait for the answer, in seconds.")
    var timeoutSec = 2

    public init() {}

    public func validate() throws {
        guard path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw ValidationError("the path must begin with '/' and have no spaces")
        }
        guard (1...60).contains(timeoutSec) else { throw ValidationError("--timeout-sec must be 1 to 60") }
    }

    public func run() throws {
        let port = port ?? getenv("HTTP_PORT").flatMap { UInt16(String(cString: $0)) } ?? Self.defaultPort
        guard let status = Self.statusLine(of: path, port: port, timeoutSec: timeoutSec) else {
            print("no answer from port \(port)")
            throw ExitCode(1)
        }
        print(status)
        guard status.hasPrefix("HTTP/1.1 200 ") else { throw ExitCode(1) }
    }

    /// In a container the service is process 1, and one image has all programs. Elsewhere, each program probes itself.
    private static var defaultPort: UInt16 {
        let ports: [String: UInt16] = ["app-cp": 5001, "app-ap": 5002, "caplab": 5000]
        let first = (try? String(contentsOfFile: "/proc/1/comm", encoding: .utf8)) ?? ""
        let own = CommandLine.arguments.first?.split(separator: "/").last.map(String.init) ?? ""
        return ports[first.filter { $0 != "\n" }] ?? ports[own] ?? 5001
    }

    /// The first line of the answer; nil if none arrives in time. The socket is on loopback: a service that listens on
    /// all interfaces answers there, too.
    private static func statusLine(of path: String, port: UInt16, timeoutSec: Int) -> String? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var limit = timeval(tv_sec: timeoutSec, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        let request = "GET \(path) HTTP/1.1\r\nHost: localhost:\(port)\r\nConnection: close\r\n\r\n"
        guard connected == 0, send(descriptor, request, request.utf8.count, Int32(MSG_NOSIGNAL)) > 0 else {
            return nil
        }
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count < 256, recv(descriptor, &byte, 1, 0) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }
}
