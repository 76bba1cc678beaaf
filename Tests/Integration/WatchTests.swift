import Foundation
import Glibc
import TestSupport
import Testing

@testable import CapLab

/// The read-only page for services and replicas that another program runs, here a lab.
@Suite(.serialized, .timeLimit(.minutes(20))) struct WatchTests {
    /// A lab, and a watcher that gets only the lab's ports and its password.
    private final class WatchedLab {
        let lab: ChildProcess
        let watcher: ChildProcess
        let directory: String
        private let pagePortReservation: ReservedPort
        var pagePort: UInt16 { pagePortReservation.port }
        let ports: [String: UInt16]

        /// - Parameters:
        ///   - password: the password of the replicas that the watcher uses; nil for the right one.
        ///   - scopes: of the watcher's token; nil if the services need none. With a token, they also serve HTTPS.
        init(password: String? = nil, scopes: String? = nil) throws {
            var template = Array("/tmp/caplab-watch-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: \(errno)") }
            directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let program = Executables.runningDirectory + "/caplab"
            var (further, ownAccess): ([String], [String]) = ([], [])
            if let scopes {
                let tokens = directory + "/tokens"
                for (name, scopes) in [("lab", "read,write,admin,metrics"), ("watcher", scopes)] {
                    let made = try ServiceProcess.run(
                        "app-cp", ["token", name, "--scopes", scopes, "--file", tokens], environment: [:])
                    try made.output.write(toFile: directory + "/" + name, atomically: true, encoding: .utf8)
                }
                further = ["--tls", "--service-env", "AUTH_TOKENS_FILE=\(tokens)", "--token-file", directory + "/lab"]
                ownAccess = ["--token-file", directory + "/watcher", "--ca", directory + "/run/ca.pem"]
            }
            let lab = try ChildProcess(program, ["up", "--free-ports", "--run-dir", directory + "/run"] + further)
            self.lab = lab
            guard eventually({ lab.outputText.contains("Logs: ") || !lab.isRunning }), lab.isRunning else {
                throw TestFailure("the lab does not start: \(lab.outputText) \(lab.errorText)")
            }
            let run = RunDirectory(path: directory + "/run")
            let status = try ControlSocket.ask(ControlRequest(command: .status), in: run).status
            let access = try ControlSocket.ask(ControlRequest(command: .redis, target: "cp_db_g1"), in: run).redis
            guard let status, let access else { throw TestFailure("the lab reports no ports") }
            ports = Dictionary(uniqueKeysWithValues: status.nodes.map { ($0.name, $0.port) })
            let pagePort = try ReservedPort()
            pagePortReservation = pagePort
            // Use a host name, as in Compose.
            let nodes = status.nodes.map { "--node=\($0.name)=localhost:\($0.port)" }
            let watcher = try ChildProcess(
                program, ["watch", "--page-port", "\(pagePort.port)", "--commands", "caplab"] + nodes + ownAccess,
                environment: ["REDIS_PASSWORD": password ?? access.password])
            self.watcher = watcher
            guard eventually({ watcher.outputText.contains("Page: ") || !watcher.isRunning }), watcher.isRunning else {
                throw TestFailure("the watcher does not start: \(watcher.outputText) \(watcher.errorText)")
            }
        }

        deinit {
            for process in [watcher, lab] {
                process.signal(SIGTERM)
                _ = process.wait()
            }
            try? FileManager.default.removeItem(atPath: directory)
        }

        func control(_ command: ControlRequest.Command, _ target: String? = nil) throws {
            let reply = try ControlSocket.ask(
                ControlRequest(command: command, target: target), in: RunDirectory(path: directory + "/run"))
            guard reply.exitCode == 0 else { throw TestFailure(reply.message ?? "failed") }
        }

        func write(_ value: String, at service: String) throws -> HTTPAnswer {
            try PageClient.exchange(ports[service] ?? 0, "POST", "/write/seat-12A/\(value)", [])
        }

        func choose(key: String) throws -> HTTPAnswer {
            try PageClient.exchange(
                pagePort, "POST", "/key", ["Content-Type: application/json"], Array(#"{"key":"\#(key)"}"#.utf8))
        }
    }

    /// The labels of the faults that have not ended.
    private func lasting(_ event: EventReader.Event) -> [String] {
        let faults = event.object["faults"] as? [[String: Any]] ?? []
        return faults.filter { $0["toMs"] is NSNull }.compactMap { $0["label"] as? String }
    }

    private func nodes(_ event: EventReader.Event) -> [String: [String: Any]] {
        event.object["nodes"] as? [String: [String: Any]] ?? [:]
    }

    /// By replica: the values that it stores for the chosen key. Replicas that do not answer are left out.
    private func values(_ event: EventReader.Event) -> [String: [String]] {
        let copies = event.object["copies"] as? [String: [String: Any]] ?? [:]
        return copies.filter { $0.value["reachable"] as? Bool == true }.compactMapValues { $0["values"] as? [String] }
    }

    @Test func aCutIsSeenInStateCopiesAndAnswers() throws {
        let pair = try WatchedLab()
        let events = try EventReader(port: pair.pagePort)
        let hello = try events.next().object
        #expect(hello["readOnly"] as? Bool == true)
        #expect(hello["messages"] as? Bool == false)
        #expect(hello["commands"] as? String == "caplab")
        for service in ["app_cp", "app_ap"] { #expect(try pair.write("ana", at: service).status == 200) }
        _ = try events.next("copies") { event in
            values(event).count == 6 && values(event).values.allSatisfy { $0 == ["ana"] }
        }
        _ = try events.next("state") { event in
            nodes(event).values.allSatisfy { $0["process"] as? String == "running" }
                && nodes(event)["app_cp_west"]?["majority"] as? Bool == true
        }

        try pair.control(.partition, "west")
        let cut = try events.next("faults") { !lasting($0).isEmpty }
        #expect(lasting(cut) == ["west unreachable"])
        let refused = try events.next("answers") { batch in
            batch.array.contains { $0["service"] as? String == "app_cp_west" && $0["status"] as? Int == 503 }
        }
        #expect(refused.array.allSatisfy { $0["by"] as? String == "page" && $0["op"] as? String == "read" })
        #expect(try pair.write("eve", at: "app_cp").status == 200)
        // The watcher reaches both sites, so it reads from g1 the value that the west cannot receive.
        _ = try events.next("copies") { event in
            values(event)["cp_db_g1"] == ["eve"] && values(event)["cp_db_g3"] == ["ana"]
        }
        _ = try events.next("series") { event in
            let services = event.object["services"] as? [String: [String: Any]]
            return services?["app_cp_west"]?["refused"] as? Int == 1 && services?["app_ap_west"]?["ok"] as? Int == 1
        }

        try pair.control(.heal)
        _ = try events.next("faults") { lasting($0).isEmpty }
        _ = try events.next("answers") { batch in
            batch.array.contains { $0["service"] as? String == "app_cp_west" && $0["value"] as? String == "eve" }
        }
    }

    @Test func servicesWithTLSAndTokensAreWatched() throws {
        let pair = try WatchedLab(scopes: "read,metrics")
        let events = try EventReader(port: pair.pagePort)
        let first = try #require((try events.next().object["nodes"] as? [[String: Any]])?.first)
        #expect(first["token"] as? String == pair.directory + "/watcher")
        #expect(first["authority"] as? String == pair.directory + "/run/ca.pem")
        _ = try events.next("state") { event in
            nodes(event)["app_cp_west"]?["majority"] as? Bool == true
                && nodes(event).values.allSatisfy { $0["process"] as? String == "running" }
        }
        _ = try events.next("answers") { batch in
            batch.array.contains { $0["service"] as? String == "app_cp" && $0["status"] as? Int == 404 }
        }
        #expect(pair.watcher.errorText.isEmpty, "\(pair.watcher.errorText)")
    }

    @Test func aTokenWithoutScopesIsReportedOnceForEachService() throws {
        let pair = try WatchedLab(scopes: "write")
        let events = try EventReader(port: pair.pagePort)
        _ = try events.next("series") { !$0.object.isEmpty }
        #expect(eventually { pair.watcher.errorText.split(separator: "\n").count == 4 })
        _ = try events.next("answers") { batch in
            batch.array.contains { $0["service"] as? String == "app_ap_west" && $0["status"] as? Int == 403 }
        }
        let complaints = pair.watcher.errorText.split(separator: "\n")
        #expect(complaints.count == 4)
        #expect(complaints.allSatisfy { $0.hasSuffix("rejects a read: 403 insufficient_scope") }, "\(complaints)")
    }

    @Test func aNodeThatDoesNotAnswerIsSeen() throws {
        let pair = try WatchedLab()
        let events = try EventReader(port: pair.pagePort)
        for node in ["ap_db_g2", "app_cp_west"] {
            try pair.control(.pause, node)
            #expect(try lasting(events.next("faults") { !lasting($0).isEmpty }) == ["\(node) does not answer"])
            _ = try events.next("state") { nodes($0)[node]?["process"] as? String == "unreachable" }
            try pair.control(.resume, node)
            _ = try events.next("faults") { lasting($0).isEmpty }
        }
    }

    @Test func aWrongPasswordIsReportedOnceForEachReplica() throws {
        let pair = try WatchedLab(password: "wrong")
        func complaints() -> [Substring] { pair.watcher.errorText.split(separator: "\n") }
        #expect(eventually { complaints().count == 6 })
        let events = try EventReader(port: pair.pagePort)
        // Later rounds are rejected too, but not reported again.
        _ = try events.next("series") { !$0.object.isEmpty }
        #expect(complaints().count == 6)
        #expect(complaints().allSatisfy { $0.contains("_db_g") && $0.contains("NOAUTH") })
        #expect(try values(EventReader(port: pair.pagePort).next("copies")).isEmpty)
    }

    @Test func theKeyMayBeChosenAndNothingChanged() throws {
        let pair = try WatchedLab()
        let events = try EventReader(port: pair.pagePort)
        #expect(try pair.choose(key: "other").status == 200)
        _ = try events.next("hello") { $0.object["key"] as? String == "other" }
        _ = try events.next("answers") { $0.array.contains { $0["key"] as? String == "other" } }
        let headers = ["Content-Type: application/json"]
        for (path, body) in [
            ("/actions/cut", #"{"target":"west"}"#), ("/actions/process", #"{"node":"app_cp","do":"kill"}"#),
            ("/ask", #"{"service":"app_cp","op":"write","key":"k","value":"v"}"#),
            ("/load", #"{"rates":{"app_cp":9}}"#),
        ] {
            let answer = try PageClient.exchange(pair.pagePort, "POST", path, headers, Array(body.utf8))
            #expect(answer.string("code") == "read_only", "\(path)")
        }
    }
}
