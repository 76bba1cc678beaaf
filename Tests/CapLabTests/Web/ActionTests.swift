import HTTP
import Testing

@testable import CapLab

@Suite struct ActionTests {
    private func code(_ body: () throws(Problem) -> Void) -> String? {
        do throws(Problem) {
            try body()
            return nil
        } catch {
            #expect(error.status == 400)
            return error.code
        }
    }

    private func ask(_ json: String) throws(Problem) -> AskRequest {
        try AskRequest(json: Array(json.utf8), topology: .pair)
    }

    // MARK: The lab

    @Test func cutsAndHealsSelectLinksAsOnTheCommandLine() throws {
        func cut(_ json: String) throws -> ControlRequest { try LabActions.links(.partition, Array(json.utf8)) }
        #expect(try cut(#"{"target":"west"}"#) == ControlRequest(command: .partition, target: "west"))
        #expect(
            try cut(#"{"from":"east","to":"west","group":"cp","mode":"delay=20ms"}"#)
                == ControlRequest(command: .partition, from: "east", to: "west", group: .cp, mode: "delay=20ms"))
        #expect(
            try cut(#"{"link":"app_cp>cp_db_g3","mode":"drop"}"#)
                == ControlRequest(command: .partition, link: "app_cp>cp_db_g3", mode: "drop"))
        #expect(try LabActions.links(.heal, Array("{}".utf8)) == ControlRequest(command: .heal))
    }

    @Test(arguments: ["", "[]", "null", "{", #"{"target":7}"#, #"{"group":"xp"}"#, "\u{0}"])
    func anInvalidBodyOfACutIsRejected(json: String) {
        #expect(code { () throws(Problem) in _ = try LabActions.links(.partition, Array(json.utf8)) } == "bad_json")
    }

    @Test(arguments: ["pause", "resume", "kill", "start", "wipe"])
    func processesAreControlled(action: String) throws {
        let request = try LabActions.process(Array(#"{"node":"cp_db_g3","do":"\#(action)"}"#.utf8))
        #expect(request.command.rawValue == action)
        #expect(request.target == "cp_db_g3")
    }

    @Test(arguments: [#"{"node":"cp_db_g3"}"#, #"{"do":"kill"}"#, #"{"node":"cp_db_g3","do":"status"}"#])
    func anUnknownProcessActionIsRejected(json: String) {
        #expect(code { () throws(Problem) in _ = try LabActions.process(Array(json.utf8)) } == "bad_json")
    }

    @Test func aReplyBecomesAMessageOrAProblem() throws {
        #expect(try LabActions.message(of: ControlReply(message: "healed")) == "healed")
        let wrong = #expect(throws: Problem.self) {
            try LabActions.message(of: ControlReply(exitCode: 2, message: "unknown node"))
        }
        #expect(wrong?.code == "bad_action" && wrong?.detail == "unknown node")
        let failed = #expect(throws: Problem.self) {
            try LabActions.message(of: ControlReply(exitCode: 1, message: "it is paused"))
        }
        #expect(failed?.code == "action_failed" && failed?.status == 409)
    }

    // MARK: Requests to services

    @Test func aRequestIsThatOfItsCurlCommand() throws {
        let read = try ask(#"{"service":"app_cp","op":"read","key":"seat 12/A"}"#)
        #expect(read.request.path == "/read/seat%2012%2FA")
        #expect(read.curl(CurlTarget(port: 5_001)) == "curl http://127.0.0.1:5001/read/seat%2012%2FA")
        let write = try ask(#"{"service":"app_ap","op":"write","key":"k","value":"it's","context":"a.b~c="}"#)
        #expect(write.request.method == "POST")
        #expect(
            write.curl(CurlTarget(port: 5_002))
                == "curl -X POST -H 'X-Context: a.b~c=' http://127.0.0.1:5002/write/k/it%27s")
        let empty = try ask(#"{"service":"app_ap","op":"write","key":"k","value":""}"#)
        #expect(empty.curl(CurlTarget(port: 1)) == "curl -X POST http://127.0.0.1:1/write/k")
        let delete = try ask(#"{"service":"app_ap","op":"delete","key":"k"}"#)
        #expect(delete.curl(CurlTarget(port: 1)) == "curl -X DELETE http://127.0.0.1:1/delete/k")
        let set = try ask(#"{"service":"app_cp","op":"cas","key":"k","value":"v","version":"7"}"#)
        #expect(set.curl(CurlTarget(port: 1)) == #"curl -X POST -H 'If-Match: "7"' http://127.0.0.1:1/write/k/v"#)
        let create = try ask(#"{"service":"app_cp","op":"cas","key":"k","value":"v"}"#)
        #expect(create.curl(CurlTarget(port: 1)) == "curl -X POST -H 'If-None-Match: *' http://127.0.0.1:1/write/k/v")
    }

    @Test(arguments: [
        (#"{"service":"cp_db_g1","op":"read","key":"k"}"#, "unknown_service"),
        (#"{"service":"app_cp","op":"erase","key":"k"}"#, "bad_op"),
        (#"{"service":"app_cp","op":"read","key":""}"#, "bad_key"),
        (#"{"service":"app_cp","op":"read"}"#, "bad_json"),
        (#"{"service":"app_cp","op":"read","key":7}"#, "bad_json"),
        (#"{"service":"app_cp","op":"read","key":"k","value":"v"}"#, "bad_value"),
        (#"{"service":"app_cp","op":"write","key":"k"}"#, "bad_value"),
        (#"{"service":"app_cp","op":"cas","key":"k","value":"v","version":"7'"}"#, "bad_version"),
        (#"{"service":"app_cp","op":"write","key":"k","value":"v","version":"7"}"#, "bad_version"),
        (#"{"service":"app_ap","op":"write","key":"k","value":"v","context":"a'b"}"#, "bad_context"),
        (#"{"service":"app_ap","op":"write","key":"k","value":"v","context":"a\r\nb"}"#, "bad_context"),
        (#"{"service":"app_ap","op":"read","key":"k","context":"a"}"#, "bad_context"),
        ("nonsense", "bad_json"),
    ])
    func anInvalidRequestIsRejected(json: String, expected: String) {
        #expect(code { () throws(Problem) in _ = try ask(json) } == expected)
    }

    @Test func longKeysAndValuesAreRejected() {
        let key = String(repeating: "k", count: 513)
        let value = String(repeating: "v", count: 1_001)
        #expect(
            code { () throws(Problem) in
                _ = try ask(#"{"service":"app_cp","op":"read","key":"\#(key)"}"#)
            } == "bad_key")
        #expect(
            code { () throws(Problem) in
                _ = try ask(#"{"service":"app_cp","op":"write","key":"k","value":"\#(value)"}"#)
            } == "bad_value")
        #expect(code { () throws(Problem) in _ = try LabActions.key(Array(#"{"key":""}"#.utf8)) } == "bad_key")
    }

    // MARK: The load

    @Test func aLoadKeepsWhatIsNotGiven() throws {
        let services = Topology.pair.services.map(\.name)
        var plan = LoadPlan()
        plan = try plan.changed(by: Array(#"{"rates":{"app_cp":200},"readShare":0.5}"#.utf8), services: services)
        plan = try plan.changed(by: Array(#"{"rates":{"app_ap":1000},"keys":3}"#.utf8), services: services)
        #expect(plan == LoadPlan(rates: ["app_cp": 200, "app_ap": 1_000], readShare: 0.5, keys: 3))
    }

    @Test(arguments: [
        (#"{"rates":{"app_cp":1001}}"#, "bad_rate"), (#"{"rates":{"app_cp":-1}}"#, "bad_rate"),
        (#"{"rates":{"app_cp":1.5}}"#, "bad_json"), (#"{"rates":{"cp_db_g1":1}}"#, "unknown_service"),
        (#"{"readShare":1.1}"#, "bad_read_share"), (#"{"readShare":-0.1}"#, "bad_read_share"),
        (#"{"keys":0}"#, "bad_keys"), (#"{"keys":10001}"#, "bad_keys"), (#"{"keys":"ten"}"#, "bad_json"),
    ])
    func anInvalidLoadIsRejected(json: String, expected: String) {
        let services = Topology.pair.services.map(\.name)
        #expect(
            code { () throws(Problem) in _ = try LoadPlan().changed(by: Array(json.utf8), services: services) }
                == expected)
    }
}
