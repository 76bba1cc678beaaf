import Foundation
import Glibc
import TestSupport
import Testing

@testable import CapLab

/// The page of a complete lab: real services, replicas and link faults.
@Suite(.serialized, .timeLimit(.minutes(20))) struct LabPageTests {
    private final class RunningLab {
        let process: ChildProcess
        let directory: String
        let page: PageClient

        init(_ arguments: [String] = []) throws {
            var template = Array("/tmp/caplab-page-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: \(errno)") }
            directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            process = try ChildProcess(
                Executables.runningDirectory + "/caplab",
                ["up", "--free-ports", "--run-dir", directory + "/run"] + arguments)
            let process = process
            guard eventually({ process.outputText.contains("Logs: ") || !process.isRunning }),
                let match = process.outputText.firstMatch(of: /Page: http:\/\/127\.0\.0\.1:([0-9]+)\//),
                let port = UInt16(match.1)
            else { throw TestFailure("the lab does not start: \(process.outputText) \(process.errorText)") }
            page = try PageClient(port: port)
        }

        deinit {
            process.signal(SIGTERM)
            _ = process.wait()
            try? FileManager.default.removeItem(atPath: directory)
        }

        func ask(_ service: String, _ op: String, value: String? = nil) throws -> HTTPAnswer {
            let value = value.map { #","value":"\#($0)""# } ?? ""
            return try page.post("/ask", #"{"service":"\#(service)","op":"\#(op)","key":"seat-12A"\#(value)}"#)
        }
    }

    @Test func aCutOfTheWestIsRefusedByCPAndAnsweredByAP() throws {
        let lab = try RunningLab()
        let events = try EventReader(port: lab.page.port)
        #expect(try events.next().name == "hello")
        for group in ["cp", "ap"] {
            let written = try lab.ask("app_\(group)", "write", value: "ana")
            #expect(written.integer("status") == 200)
            #expect(written.string("outcome") == "applied")
            #expect(try eventually { try lab.ask("app_\(group)_west", "read").string("value") == "ana" })
        }
        #expect(try lab.page.post("/actions/cut", #"{"target":"west"}"#).status == 200)
        // The first requests may wait for their deadline; then the circuit breakers are open.
        #expect(
            try eventually {
                let answer = try lab.ask("app_cp_west", "write", value: "bob")
                return answer.integer("status") == 503 && answer.string("code") == "no_quorum"
                    && answer.string("outcome") == "not_applied"
            })
        let refused = try events.next("answers") { batch in
            batch.array.contains { $0["service"] as? String == "app_cp_west" && $0["status"] as? Int == 503 }
        }
        #expect(refused.array.contains { $0["code"] as? String == "no_quorum" })
        #expect(try lab.ask("app_cp", "write", value: "eve").integer("status") == 200)
        #expect(try eventually { try lab.ask("app_ap_west", "write", value: "bob").integer("status") == 200 })
        #expect(try lab.ask("app_ap_west", "read").string("value") == "bob")
        _ = try events.next("series") { event in
            let services = event.object["services"] as? [String: [String: Any]]
            return (services?["app_ap_west"]?["ok"] as? Int ?? 0) > 0
        }
        #expect(try lab.page.post("/actions/heal", "{}").status == 200)
        #expect(try eventually { try lab.ask("app_cp_west", "read").string("value") == "eve" })
    }

    /// The first violation that the page receives.
    private func violation(_ events: EventReader) throws -> [String: Any] {
        func first(_ event: EventReader.Event) -> [String: Any]? {
            (event.object["violations"] as? [[String: Any]])?.first
        }
        return try #require(first(try events.next("verdict") { first($0) != nil }))
    }

    @Test func aStaleReadOnPurposeIsFoundWithTheWriteThatItContradicts() throws {
        let lab = try RunningLab(["--break", "stale-read"])
        let events = try EventReader(port: lab.page.port)
        let bug = try events.next("hello").object["bug"] as? [String: Any]
        #expect(bug?["name"] as? String == "stale-read" && bug?["service"] as? String == "app_cp_west")
        // Repeat until an answer from the faulty proxy's cache is older than a write. The cache drops an answer after
        // some seconds.
        var round = 0
        func isStale() throws -> Bool {
            round += 1
            _ = try lab.ask("app_cp", "write", value: "old\(round)")
            _ = try lab.ask("app_cp_west", "read")
            let written = try lab.ask("app_cp", "write", value: "new\(round)")
            let read = try lab.ask("app_cp_west", "read")
            return written.integer("status") == 200 && read.string("value") != "new\(round)"
        }
        #expect(try eventually { try isStale() })
        let violation = try violation(events)
        #expect(violation["store"] as? String == "cp" && violation["kind"] as? String == "stale-read")
        let operations = try #require(violation["operations"] as? [[String: Any]])
        #expect(operations.count == 2)
        #expect(operations[0]["service"] as? String == "app_cp" && operations[0]["op"] as? String == "write")
        #expect(operations[1]["service"] as? String == "app_cp_west" && operations[1]["op"] as? String == "read")
    }

    @Test func aWriteThatIsDroppedOnPurposeIsFoundLost() throws {
        let lab = try RunningLab(["--break", "lost-write"])
        let events = try EventReader(port: lab.page.port)
        for value in ["kept", "dropped"] {
            #expect(try lab.ask("app_ap_west", "write", value: value).string("outcome") == "applied")
        }
        let violation = try violation(events)
        #expect(violation["store"] as? String == "ap" && violation["kind"] as? String == "lost-write")
        let operations = try #require(violation["operations"] as? [[String: Any]])
        #expect(operations.map { $0["sent"] as? String } == ["dropped"])
        #expect(try lab.ask("app_ap_west", "read").string("value") == "kept")
    }

    /// A round trip of 200 ms is shorter than `REPLICA_TIMEOUT_MS`, but the first connection needs several round trips.
    @Test func replicasAreAdmittedBehindASlowLink() throws {
        let lab = try RunningLab()
        let events = try EventReader(port: lab.page.port)
        func connects(_ service: String, _ replica: String, _ isConnected: Bool) throws {
            _ = try events.next("state") { event in
                let nodes = event.object["nodes"] as? [String: [String: Any]]
                let connections = nodes?[service]?["connections"] as? [String: [String: Any]]
                return connections?[replica]?["connected"] as? Bool == isConnected
            }
        }
        #expect(try lab.page.post("/actions/cut", #"{"target":"west","mode":"delay=100ms"}"#).status == 200)
        for group in ["cp", "ap"] {
            let replica = "\(group)_db_g3"
            #expect(try lab.page.post("/actions/process", #"{"node":"\#(replica)","do":"kill"}"#).status == 200)
            try connects("app_\(group)", replica, false)
            #expect(try lab.page.post("/actions/process", #"{"node":"\#(replica)","do":"start"}"#).status == 200)
            try connects("app_\(group)", replica, true)
        }
    }

    @Test func aLoadOnAllServicesIsAnswered() throws {
        let lab = try RunningLab()
        let events = try EventReader(port: lab.page.port)
        let rates = ["app_cp", "app_cp_west", "app_ap", "app_ap_west"].map { #""\#($0)":100"# }
        let load = try lab.page.post("/load", #"{"rates":{\#(rates.joined(separator: ","))},"readShare":0.5,"keys":5}"#)
        #expect(load.status == 200)
        _ = try events.next("series") { event in
            guard let services = event.object["services"] as? [String: [String: Any]] else { return false }
            return services.count == 4 && services.values.allSatisfy { ($0["ok"] as? Int ?? 0) > 20 }
        }
        let sampled = try events.next("answers") { !$0.array.isEmpty }.array
        #expect(sampled.count <= 20)
        #expect(sampled.allSatisfy { $0["by"] as? String == "load" })
        #expect(sampled.allSatisfy { ($0["key"] as? String)?.hasPrefix("load-") == true })
    }
}
