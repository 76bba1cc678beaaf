import ArgumentParser
import FoundationEssentials
import Glibc
import TLS

/// `probe`: requests the health of the service on this machine, for example as a container's health check.
///
/// It reads only `HTTP_PORT` and `TLS_CERT_FILE` from the environment, because it may be started without the service's
/// other settings. It exits within `--timeout-sec`.
public struct ProbeCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Ask the service on this machine for its health. Exits with 0 if it answers 200, else with 1.",
        discussion: """
            With TLS, the certificate is not verified, because nothing is done with the answer. If the service asks for \
            a certificate of the client (TLS_CLIENT_CA_FILE), it is alive: exit code 0 for /health/live.
            """)

    @Argument(help: "What to ask for.")
    var path = "/health/ready"
    @Option(help: "The port of the service. Default: HTTP_PORT, or else the default port of the container's program.")
    var port: UInt16?
    @Flag(help: "Ask over TLS, as is done anyway if TLS_CERT_FILE is set.")
    var tls = false
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
        signal(SIGPIPE, SIG_IGN)
        // A total limit, which a peer that sends single bytes cannot prolong.
        signal(SIGALRM) { _ in _exit(1) }
        alarm(UInt32(timeoutSec))
        let port = port ?? Self.text("HTTP_PORT").flatMap { UInt16($0) } ?? Self.defaultPort
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        let request = Array("GET \(path) HTTP/1.1\r\nHost: localhost:\(port)\r\nConnection: close\r\n\r\n".utf8)
        var answer: [UInt8]?
        if Self.isConnected(descriptor, port: port) {
            answer =
                if tls || Self.text("TLS_CERT_FILE") != nil { try answerOverTLS(to: request, by: descriptor) } else {
                    Self.answer(to: request, by: descriptor)
                }
        }
        guard let answer, answer.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) else {
            print("no answer from port \(port)")
            throw ExitCode(1)
        }
        let status = String(decoding: answer, as: UTF8.self)
        print(status)
        guard status.hasPrefix("HTTP/1.1 200 ") else { throw ExitCode(1) }
    }

    private static func answer(to request: [UInt8], by descriptor: Int32) -> [UInt8]? {
        guard send(descriptor, request, request.count, 0) == request.count else { return nil }
        return firstLine { recv(descriptor, $0.baseAddress, $0.count, 0) }
    }

    /// At most 256 bytes up to the end of the first line; nil if the peer ends before.
    private static func firstLine(_ receive: (UnsafeMutableRawBufferPointer) -> Int) -> [UInt8]? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count < 256, withUnsafeMutableBytes(of: &byte, receive) == 1 {
            if byte == UInt8(ascii: "\r") { return line }
            line.append(byte)
        }
        return nil
    }

    private func answerOverTLS(to request: [UInt8], by descriptor: Int32) throws -> [UInt8]? {
        let trust = try TLSClientSession.Credentials(authority: nil)
        let session = try TLSClientSession(descriptor: descriptor, host: "localhost", credentials: trust)
        if session.handshake() == 0, request.withUnsafeBytes({ session.send($0) }) == request.count,
            let line = Self.firstLine({ session.receive(into: $0) })
        {
            return line
        }
        guard session.isAskedForCertificate, path == "/health/live" else { return nil }
        print("the service asks for a certificate: it is alive")
        throw ExitCode.success
    }

    private static func isConnected(_ descriptor: Int32, port: UInt16) -> Bool {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        // A service that listens on all interfaces also accepts connections to loopback.
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    /// The value of an environment variable; nil if it is unset or empty.
    private static func text(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// In a container the service is process 1, and one image has all programs. Elsewhere, each program probes itself.
    private static var defaultPort: UInt16 {
        let ports: [String: UInt16] = ["app-cp": 5001, "app-ap": 5002, "caplab": 5000]
        let first = (try? String(contentsOfFile: "/proc/1/comm", encoding: .utf8)) ?? ""
        let own = CommandLine.arguments.first?.split(separator: "/").last.map(String.init) ?? ""
        return ports[first.filter { $0 != "\n" }] ?? ports[own] ?? 5001
    }
}
