import Foundation
import Glibc
import TestSupport
import Testing

@testable import CapLab

/// The page of a running lab, with stand-ins for the services.
@Suite(.serialized, .timeLimit(.minutes(20))) struct LabPageTests {
    private func page(of lab: LabProcess) throws -> PageClient {
        guard let match = lab.page.firstMatch(of: /^Page: http:\/\/127\.0\.0\.1:([0-9]+)\//) else {
            throw TestFailure("the text does not begin with the page: \(lab.page)")
        }
        return try PageClient(port: try #require(UInt16(match.1)))
    }

    @Test func thePageIsServedWithItsTokenAndSafeHeaders() throws {
        let lab = try LabProcess()
        let page = try page(of: lab)
        #expect(page.token.count == 32)
        let answer = try page.get("/?present=1")
        #expect(answer.status == 200)
        #expect(answer.headers["content-type"] == "text/html; charset=utf-8")
        #expect(answer.headers["cache-control"] == "no-store")
        #expect(answer.headers["x-content-type-options"] == "nosniff")
        #expect(answer.headers["content-security-policy"]?.hasPrefix("default-src 'self'; style-src 'self'") == true)
        #expect(try page.get("/page/none.mjs").status == 404)
        #expect(try page.get("/page/..%2Findex.html").status == 404)
        for file in PageFiles.all.keys {
            #expect(try page.get("/page/\(file)").body == PageFiles.all[file])
        }
        // A page of another origin must not get the token.
        let foreign = try PageClient.exchange(page.port, "GET", "/", ["Origin: http://example.org"])
        #expect(foreign.status == 403)
        #expect(!foreign.text.contains(page.token))
    }

    @Test func helloDescribesTheLab() throws {
        let lab = try LabProcess()
        let page = try page(of: lab)
        let events = try EventReader(port: page.port)
        #expect(events.head.contains("text/event-stream"))
        let hello = try events.next().object
        #expect(hello["readOnly"] as? Bool == false)
        #expect(hello["key"] as? String == "seat-12A")
        let nodes = try #require(hello["nodes"] as? [[String: Any]])
        let links = try #require(hello["links"] as? [[String: Any]])
        #expect(nodes.count == 10 && links.count == 12)
        let status = try lab.status()
        for node in nodes {
            #expect(node["port"] as? UInt16 == status.nodes.first { $0.name == node["name"] as? String }?.port)
        }
        #expect(links[0]["id"] as? String == "app_cp>cp_db_g1")
        #expect(try page.post("/key", #"{"key":"other"}"#).status == 200)
        #expect(try events.next("hello").object["key"] as? String == "other")
        let again = try EventReader(port: page.port).next("hello").object
        #expect(again["start"] as? String == hello["start"] as? String)
        #expect(try events.next("series") { !$0.object.isEmpty }.object["services"] != nil)
    }

    /// A read-only page cannot send requests to the services, so the lab reads for it.
    @Test func aReadOnlyPageIsReadForAndChangesNothing() throws {
        let lab = try LabProcess(nil, ["--free-ports", "--read-only"])
        let page = try page(of: lab)
        #expect(page.token.isEmpty)
        let events = try EventReader(port: page.port)
        let hello = try events.next().object
        #expect(hello["readOnly"] as? Bool == true)
        #expect(hello["messages"] as? Bool == true)
        #expect(hello["program"] as? String == LabProcess.program)
        #expect(hello["options"] as? String == " --run-dir \(lab.runDirectory)")
        var services: Set<String> = []
        while services.count < 4 {
            let batch = try events.next("answers").array
            #expect(batch.allSatisfy { $0["op"] as? String == "read" && $0["key"] as? String == "seat-12A" })
            services.formUnion(batch.compactMap { $0["service"] as? String })
        }
        #expect(try page.post("/actions/cut", #"{"target":"west"}"#).string("code") == "read_only")
        #expect(try page.post("/ask", #"{"service":"app_cp","op":"read","key":"k"}"#).string("code") == "read_only")
        #expect(try lab.status().links.allSatisfy { $0.state == "open" })
    }

    @Test func actionsChangeTheLabAndWrongOnesAreProblems() throws {
        let lab = try LabProcess()
        let page = try page(of: lab)
        let cut = try page.post("/actions/cut", #"{"target":"west"}"#)
        #expect(cut.status == 200)
        #expect(cut.string("message") == "partition west: drop on 6 links")
        #expect(try page.post("/actions/cut", #"{"link":"app_cp>cp_db_g1","mode":"delay=20ms"}"#).status == 200)
        #expect(try lab.status().links.first?.state == "delay 20 ms")
        #expect(try page.post("/actions/heal", "{}").string("message") == "healed everything: 12 links open")
        #expect(try lab.status().links.allSatisfy { $0.state == "open" })

        #expect(try page.post("/actions/process", #"{"node":"ap_db_g2","do":"pause"}"#).status == 200)
        #expect(try lab.node("ap_db_g2").state == "paused")
        let started = try page.post("/actions/process", #"{"node":"ap_db_g2","do":"start"}"#)
        #expect(started.string("code") == "action_failed")
        #expect(try page.post("/actions/process", #"{"node":"nowhere","do":"kill"}"#).string("code") == "bad_action")
        #expect(try page.post("/actions/cut", #"{"target":"nowhere"}"#).string("code") == "bad_action")
        #expect(try page.post("/actions/cut", "{").string("code") == "bad_json")
        #expect(try page.post("/load", #"{"rates":{"app_cp":5000}}"#).string("code") == "bad_rate")
        let long = #"{"target":""# + String(repeating: "x", count: 20_000) + #""}"#
        #expect(try page.post("/actions/cut", long).status == 413)
        let headers = ["Content-Type: application/json", "X-Lab-Token: x"]
        let wrong = try PageClient.exchange(page.port, "POST", "/actions/heal", headers, Array("{}".utf8))
        #expect(wrong.status == 403)
        #expect(wrong.string("code") == "bad_token")
        #expect(wrong.headers["x-content-type-options"] == "nosniff")
    }

    @Test func aWipedReplicaStartsBlank() throws {
        let lab = try LabProcess()
        let page = try page(of: lab)
        #expect(try lab.caplab("redis", "cp_db_g3", "SET", "k", "v").output == "OK\n")
        let pid = try lab.node("cp_db_g3").pid
        let wiped = try page.post("/actions/process", #"{"node":"cp_db_g3","do":"wipe"}"#)
        #expect(wiped.status == 200)
        #expect(try lab.node("cp_db_g3").state == "running")
        #expect(try lab.node("cp_db_g3").pid != pid)
        #expect(try lab.caplab("redis", "cp_db_g3", "DBSIZE").output == "0\n")
        // A replica that has ended can be wiped, too, here from a second terminal.
        #expect(try lab.caplab("kill", "cp_db_g3").exitCode == 0)
        #expect(try lab.caplab("wipe", "cp_db_g3").exitCode == 0)
        #expect(try lab.node("cp_db_g3").state == "running")
        let service = try page.post("/actions/process", #"{"node":"app_cp","do":"wipe"}"#)
        #expect(service.string("code") == "bad_action")
    }

    @Test func answersOfThePageAndItsLoadAreEvents() throws {
        let lab = try LabProcess()
        let page = try page(of: lab)
        let events = try EventReader(port: page.port)
        let answer = try page.post("/ask", #"{"service":"app_cp","op":"read","key":"k"}"#)
        #expect(answer.status == 200)
        #expect(answer.integer("status") == 200)
        #expect(answer.string("body") == "app_cp")
        let id = try #require(answer.integer("id"))
        let batch = try events.next("answers") { $0.array.contains { $0["id"] as? Int == id } }
        #expect(batch.array.first { $0["id"] as? Int == id }?["by"] as? String == "page")
        #expect(try page.post("/load", #"{"rates":{"app_ap":50}}"#).status == 200)
        let load = try events.next("answers") { $0.array.contains { $0["by"] as? String == "load" } }
        #expect(load.array.allSatisfy { $0["service"] as? String == "app_ap" })
        _ = try events.next("series") { event in
            let services = event.object["services"] as? [String: [String: Any]]
            return (services?["app_ap"]?["ok"] as? Int ?? 0) > 10
        }
        #expect(try page.post("/load", #"{"rates":{"app_ap":0}}"#).status == 200)
    }

    @Test func aLabStopsWithOpenPages() throws {
        let lab = try LabProcess()
        let page = try page(of: lab)
        let readers = try (0..<16).map { _ in try EventReader(port: page.port) }
        #expect(try readers[15].next().name == "hello")
        #expect(try PageClient.exchange(page.port, "GET", "/events", []).string("code") == "too_many_viewers")
        #expect(lab.stop() == 0)
    }

    @Test func aTakenPagePortIsReportedBeforeAnythingStarts() throws {
        let directory = try ScratchDirectory()
        try StandIn.install(in: directory.path)
        let listener = try Sockets.listen(port: 0)
        defer { close(listener) }
        let port = Sockets.localPort(listener)
        let result = try LabProcess.run([
            "up", "--bin-dir", directory.path, "--run-dir", directory.path + "/run", "--free-ports", "--page-port",
            "\(port)",
        ])
        #expect(result.exitCode == 1)
        #expect(result.errors.contains("port \(port) for the page is taken, held by "))
        #expect(result.errors.contains("--page-port"))
    }
}
