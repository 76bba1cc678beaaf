import Available
import Consistent
import Testing

@testable import CapLab

@Suite(.timeLimit(.minutes(20))) struct CommandInterpreterTests {
    private let interpreter = CommandInterpreter(scripts: ScriptNames())

    static func sha(_ name: String, of engine: ScriptNames.Engine) -> String {
        let scripts = engine == .consistent ? ConsistentScripts.all : AvailableScripts.all
        let source = scripts.first { $0.name == name }?.source ?? []
        return String(decoding: ScriptNames.sha(of: source), as: UTF8.self)
    }

    static func command(_ arguments: [String]) -> String {
        "*\(arguments.count)\r\n" + arguments.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
    }

    private func message(_ text: String) throws -> RESPMessage {
        var reader = RESPReader()
        var messages: [RESPMessage] = []
        Array(text.utf8).withUnsafeBytes { reader.read($0) { message, _ in messages.append(message) } }
        return try #require(messages.first)
    }

    private func interpret(_ arguments: [String], chosenKey: String = "") throws -> TappedCommand {
        try #require(interpreter.interpret(try message(Self.command(arguments)), chosenKey: chosenKey))
    }

    private let accept = [
        "EVALSHA", Self.sha("accept", of: .consistent), "2", "cp:a", "cp:b", "group", "1", "inc",
        "7:00000000000000aa", "8:00000000000000aa", "3", "ana", "0", "", "w", "0",
        "9:00000000000000aa", "10:00000000000000aa", "4", "bob", "0", "", "w", "0",
    ]

    @Test func theSHA1IsThatOfRedis() {
        // The reply to `redis-cli SCRIPT LOAD "return 1"`.
        let sha = String(decoding: ScriptNames.sha(of: Array("return 1".utf8)), as: UTF8.self)
        #expect(sha == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
    }

    @Test func anAcceptShowsTheChosenKeyOfItsBatch() throws {
        let first = try interpret(accept)
        #expect(first.kind == "accept" && first.key == "a" && first.value == "ana" && first.keys == 2)
        #expect(first.proposer == "00000000000000aa" && !first.isBackground)
        let chosen = try interpret(accept, chosenKey: "b")
        #expect(chosen.key == "b" && chosen.value == "bob" && chosen.position == 1)
    }

    @Test func aWriteOfAPShowsItsValue() throws {
        let head = [
            "EVALSHA", Self.sha("put", of: .available), "1", "ap:seat", "inc", "0", "g1.inc", "8", "9", "0", "2", "g2",
            "g3",
        ]
        let put = try interpret(head + ["V0123456789abcdef::ana", "0", "-", "first", "99"])
        #expect(put.kind == "put" && put.key == "seat" && put.value == "ana")
        let delete = try interpret(head + ["T0123456789abcdef::", "0", "-", "first", "99"])
        #expect(delete.kind == "delete" && delete.value == nil)
    }

    @Test func aMergeShowsTheValueOfItsRecord() throws {
        let merge = try interpret(
            [
                "EVALSHA", Self.sha("merge", of: .available), "2", "ap:a", "ap:b", "g1.i=1", "-", "2", "g1.i@1",
                "V0123456789abcdef::ana", "g2.i@1", "V0123456789abcdee::bob", "g1.i=2", "-", "1", "g1.i@2",
                "V0123456789abcded::eve", "", "", "inc",
            ], chosenKey: "b")
        #expect(merge.kind == "merge" && merge.key == "b" && merge.value == "eve")
    }

    @Test func backgroundTrafficIsRecognised() throws {
        #expect(try interpret(["PING"]).isBackground)
        #expect(try interpret(["EVALSHA", Self.sha("probe", of: .consistent), "1", "cap:identity"]).isBackground)
        #expect(try interpret(["HMGET", "cap:identity", "group"]).isBackground)
        #expect(try interpret(["EVALSHA", String(repeating: "0", count: 40), "0"]).kind == "script")
        let read = try interpret(["HMGET", "cp:seat", "ballot"])
        #expect(read.kind == "read" && read.key == "seat" && !read.isBackground)
    }

    @Test func malformedArgumentsAreNoValue() throws {
        let prepare = try interpret(["EVALSHA", Self.sha("prepare", of: .consistent), "99999", "cp:a"])
        #expect(prepare.proposer == nil && prepare.value == nil)
        let merge = try interpret(["EVALSHA", Self.sha("merge", of: .available), "1", "ap:a", "v", "-", "many"])
        #expect(merge.value == nil)
        let reply = try message("+OK\r\n")
        #expect(interpreter.interpret(reply, chosenKey: "") == nil)
    }

    // MARK: Replies

    private func reply(_ text: String, to arguments: [String], chosenKey: String = "") throws -> TappedReply {
        TappedReply(try message(text), to: try interpret(arguments, chosenKey: chosenKey))
    }

    @Test func aReplyIsThatOfTheKeyInItsBatch() throws {
        let text = "*2\r\n:1\r\n*2\r\n$8\r\nREJECTED\r\n$3\r\n9:a\r\n"
        #expect(try reply(text, to: accept).result == .ok)
        #expect(try reply(text, to: accept, chosenKey: "b").result == .rejected)
        #expect(try reply("*2\r\n-OOM\r\n:1\r\n", to: accept).result == .error)
        #expect(try reply("-NOSCRIPT\r\n", to: accept).result == .error)
    }

    @Test func aPromiseShowsTheAcceptedValue() throws {
        let prepare = [
            "EVALSHA", Self.sha("prepare", of: .consistent), "1", "cp:a", "group", "1", "inc", "7:00000000000000aa",
        ]
        let fields = ["6:a", "3", "ana", "0", "", "", "0"].map { "$\($0.count)\r\n\($0)\r\n" }.joined()
        #expect(try reply("*1\r\n*7\r\n" + fields, to: prepare) == TappedReply(.ok, value: "ana"))
    }

    @Test func aReadShowsItsValue() throws {
        let consistent = Self.command(["6:a", "3", "ana", "0", ""])
        #expect(try reply(consistent, to: ["HMGET", "cp:a", "ballot"]).value == "ana")
        let available = Self.command(["vv", "g1.i=5", "at", "5", "g1.i@5", "V0123456789abcdef::bob"])
        #expect(try reply(available, to: ["HGETALL", "ap:a"]).value == "bob")
        #expect(try reply("*0\r\n", to: ["HGETALL", "ap:a"]) == TappedReply(.ok))
    }

    @Test func aRefusalOfAPIsRejected() throws {
        let merge = ["EVALSHA", Self.sha("merge", of: .available), "1", "ap:a", "v", "-", "0", "", "", "inc"]
        #expect(try reply("*2\r\n$9\r\nNOTMEMBER\r\n$0\r\n\r\n", to: merge).result == .rejected)
        #expect(try reply("*2\r\n$2\r\nOK\r\n:1\r\n", to: merge).result == .ok)
    }
}
