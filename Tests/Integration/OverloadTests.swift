import Foundation
import Glibc
import Synchronization
import Testing
import TestSupport

/// Clients that ask for more than the real executables can serve. `make bench-overload` and `make soak` measure such
/// loads on the release build.
@Suite(.serialized, .timeLimit(.minutes(20))) struct OverloadTests {
    /// The answers to large requests by status, until they are over.
    private final class Answers: Sendable {
        let counts = Mutex<[Int: Int]>([:])
        let isOver = Mutex(false)

        func add(_ status: Int) { counts.withLock { $0[status, default: 0] += 1 } }
    }

    /// Repeats a request on one connection until `answers.isOver`; status 0 if the connection fails.
    private func repeatRequest(
        _ method: String, _ target: String, body: [UInt8], port: UInt16, answers: Answers
    ) -> DispatchSemaphore {
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            var client: HTTPClient?
            while !answers.isOver.withLock({ $0 }) {
                do {
                    if client == nil { client = try HTTPClient(port: port, timeoutMs: 60_000) }
                    answers.add(try client?.request(method, target, body: body).status ?? 0)
                } catch {
                    client = nil
                    answers.add(0)
                }
            }
            done.signal()
        }
        return done
    }

    @Test(arguments: ["cp", "ap"])
    func largeRequestsNeitherFailSmallOnesNorOpenABreaker(mode: String) throws {
        // A busy machine must not make the replicas look unresponsive: the test is about requests that wait in the
        // service.
        let app = try ServiceOnReplicas.make(
            mode, settings: ["REPLICA_TIMEOUT_MS": "10000", "NETWORK_TIMEOUT_SEC": "60"])
        let value = [UInt8](repeating: 120, count: 1 << 20)
        for key in ["large0", "large1"] {
            #expect(try app.session.http("POST", "/write/\(key)", body: value).status == 200)
        }
        let large = Answers()
        let done = (0..<32).map { number in
            let (method, target) = number % 2 == 0 ? ("POST", "/write/large") : ("GET", "/read/large")
            return repeatRequest(
                method, "\(target)\(number / 2 % 2)", body: number % 2 == 0 ? value : [], port: app.service.port,
                answers: large)
        }
        var small: [Int: Int] = [:]
        for number in 0..<60 {
            small[try app.write("small\(number % 5)", "\(number)").status, default: 0] += 1
            small[try app.read("small\(number % 5)").status, default: 0] += 1
            for path in ["/health", "/metrics"] {
                small[try app.service.http("GET", path).status, default: 0] += 1
            }
        }
        large.isOver.withLock { $0 = true }
        for each in done { each.wait() }
        #expect(small == [200: 240])
        let counts = large.counts.withLock { $0 }
        #expect(counts[200] ?? 0 > 0)
        #expect(Set(counts.keys).isSubset(of: [200, 503]), "\(counts)")
        #expect(try app.total("circuit_breaker_changes_total") == 0)
        #expect(try app.total("db_connection_failures_total") == 0)
    }

    /// Connections of the address 127.0.0.2 that send nothing.
    private final class IdleConnections {
        private var descriptors: [Int32] = []

        init(count: Int, port: UInt16) {
            for _ in 0..<count {
                let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
                descriptors.append(descriptor)
                var own = Self.address(0x7F00_0002, port: 0)
                var other = Self.address(0x7F00_0001, port: port)
                let length = socklen_t(MemoryLayout<sockaddr_in>.size)
                _ = withUnsafePointer(to: &own) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
                }
                _ = withUnsafePointer(to: &other) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, length) }
                }
            }
        }

        private static func address(_ host: UInt32, port: UInt16) -> sockaddr_in {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = host.bigEndian
            return address
        }

        func close() {
            for descriptor in descriptors { Glibc.close(descriptor) }
            descriptors = []
        }
    }

    /// Lets this process open more files than the usual soft limit allows.
    private func raiseOwnLimit() throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        try #require(limit.rlim_max >= 2_048)
    }

    @Test(arguments: ["cp", "ap"])
    func aThousandIdleConnectionsOfOneAddressKeepNobodyOut(mode: String) throws {
        try raiseOwnLimit()
        let app = try ServiceOnReplicas.make(mode, descriptorLimit: 256)
        #expect(try app.metrics()["process_max_fds"] == 256, "raised to the hard limit")
        let idle = IdleConnections(count: 1_000, port: app.service.port)
        defer { idle.close() }
        for number in 0..<50 {
            #expect(try app.write("k", "\(number)").status == 200)
            #expect(try app.read("k").string("value") == "\(number)")
        }
        app.servers[0].kill()
        #expect(try eventually { try app.service.http("GET", "/health").string("status") == "degraded" })
        try app.servers[0].start()
        #expect(try eventually { try app.service.http("GET", "/health").string("status") == "ok" })
        #expect(try app.metrics()["process_open_fds"] ?? 256 < 256)
        #expect(try app.total("app_connection_limits_total") > 0)
        #expect(app.service.log.contains("\"event\":\"CONNECTION_LIMIT\""))
        #expect(app.service.isRunning)
    }

    @Test func withoutADescriptorIdleConnectionsAreClosedForNewOnes() throws {
        let app = try ServiceOnReplicas.cp(descriptorLimit: 256)
        func setLimit(_ count: Int) throws {
            let prlimit = try ChildProcess(
                "/usr/bin/prlimit", ["--pid", "\(app.service.processID)", "--nofile=\(count):256"])
            #expect(prlimit.wait() == 0)
        }
        let used = try #require(try app.metrics()["process_open_fds"])
        // Leave descriptors for only a few connections. The service computed its connection limit when it started, from
        // the higher descriptor limit, so it runs out of descriptors before it reaches that limit.
        try setLimit(Int(used) + 4)
        let idle = IdleConnections(count: 20, port: app.service.port)
        defer { idle.close() }
        for _ in 0..<3 { #expect(try app.service.http("GET", "/health/live").status == 200) }
        try setLimit(256)
        #expect(try app.metrics()["app_connection_limits_total{limit=\"descriptors\"}"] ?? 0 > 0)
        #expect(app.service.log.contains("\"event\":\"CONNECTION_LIMIT\""))
        #expect(try app.write("k", "v").status == 200)
    }
}
