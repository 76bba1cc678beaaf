import EventLoop
import Redis
import Replication
import TestSupport
import Testing

@testable import Available

private func bytes(_ text: String) -> Bytes { Bytes(text.utf8) }

@Suite(.timeLimit(.minutes(20))) struct SessionTokenTests {
    let signer = SessionSigner(secret: "a secret of tests", groupName: "demo")

    @Test func aTokenListsTheVersionOfEachKey() {
        var token = SessionToken()
        #expect(token.seen(of: bytes("k")) == .unlisted)
        token.note(bytes("k"), bytes("g1.a=5"))
        token.note(bytes("k"), bytes("g1.a=3 g2.b=1"))
        token.note(bytes("gone"), [])
        #expect(token.seen(of: bytes("k")) == .upTo(bytes("g1.a=5 g2.b=1")))
        #expect(token.seen(of: bytes("gone")) == .upTo([]))
        #expect(signer.token(signer.text(token)) == token)
    }

    @Test func aKeyThatFoundNoRoomIsNeverListedLater() {
        var token = SessionToken()
        let keys = (0..<200).map { bytes("key \($0)") }
        for key in keys { token.note(key, bytes("g1.0011223344556677=1700000000000000")) }
        #expect(token.isFull)
        let listed = keys.filter { token.seen(of: $0) != .unlisted }
        #expect(listed == Array(keys.prefix(listed.count)))
        #expect(listed.count > 10)
        // A vector that outgrows the token is dropped for good, and no other key gets its space.
        token.note(
            keys[0], bytes((0..<40).map { "g1.00112233445566\(10 + $0)=17000000000\($0)" }.joined(separator: " ")))
        #expect(token.seen(of: keys[0]) == .lost)
        token.note(keys[0], bytes("g1.0011223344556677=1"))
        #expect(token.seen(of: keys[0]) == .lost)
        token.note(keys[199], bytes("g1.a=1"))
        #expect(token.seen(of: keys[199]) == .unlisted)
        #expect(!token.canNote(keys[0]) && !token.canNote(keys[199]) && token.canNote(keys[1]))
        #expect(signer.text(token).utf8.count <= SessionSigner.maxTextCount)
        #expect(signer.token(signer.text(token)) == token)
    }

    @Test func noChangedOrForeignTokenIsAccepted() {
        var token = SessionToken()
        token.note(bytes("k"), bytes("g1.a=5"))
        let text = signer.text(token)
        for index in text.indices {
            var changed = text
            changed.replaceSubrange(index...index, with: text[index] == "A" ? "B" : "A")
            #expect(signer.token(changed) == nil)
        }
        for other in ["", "A", "new", String(text.dropLast()), text + "A", String(repeating: "A", count: 5_000)] {
            #expect(signer.token(other) == nil)
        }
        #expect(SessionSigner(secret: "a secret of tests", groupName: "other").token(text) == nil)
        // A context is not a token, although the secret is the same.
        let context = ContextSigner(secret: "a secret of tests", groupName: "demo").text(vector: [0], key: [])
        #expect(signer.token(context) == nil)
    }
}

/// A client that sends its latest token with each request.
private final class Session {
    var token: String?

    func read(
        _ key: String, at instance: APInstance, isRequired: Bool = false
    ) async throws(AvailableFailure) -> ReadResult {
        var request = ReadRequest(key: bytes(key), deadlineNs: instance.reactor.nowNs + 15_000 * nsPerMs)
        request.session.token = token
        request.session.isRequired = isRequired
        let result = try await instance.engine.read(request)
        token = result.session.token
        return result
    }

    @discardableResult
    func write(_ key: String, _ value: String, at instance: APInstance) async throws(AvailableFailure) -> ChangeResult {
        var request = ChangeRequest(
            key: bytes(key), kind: .write(bytes(value)), deadlineNs: instance.reactor.nowNs + 15_000 * nsPerMs)
        request.session.token = token
        let result = try await instance.engine.change(request)
        token = result.session.token
        return result
    }

    func delete(
        _ key: String, at instance: APInstance, isRequired: Bool = false
    ) async throws(AvailableFailure) -> ChangeResult {
        var request = ChangeRequest(
            key: bytes(key), kind: .delete, deadlineNs: instance.reactor.nowNs + 15_000 * nsPerMs)
        request.session.token = token
        request.session.isRequired = isRequired
        let result = try await instance.engine.change(request)
        token = result.session.token
        return result
    }
}

@Suite(.serialized, .timeLimit(.minutes(20))) struct SessionTests {
    @Test func aSessionDeletesItsOwnWriteOrReportsNoGuarantee() async throws {
        try await withTwoSites({ $0.background.handoffDelayMs = 60_000 }) { east, west, _ in
            let session = Session()
            try await session.write("first", "v", at: east)
            east.group.cut = [1, 2]
            west.group.cut = [0, 1]
            try await session.write("k", "mine", at: east)
            // The west reaches only a replica without the write, so its answer that the key is absent is not
            // guaranteed.
            await #expect { try await session.delete("k", at: west, isRequired: true) } throws: {
                ($0 as? AvailableFailure)?.code == .sessionUnmet && ($0 as? AvailableFailure)?.outcome == .notApplied
            }
            let nothing = try await session.delete("k", at: west)
            #expect(!nothing.existed)
            #expect(nothing.session.isGuaranteed == false)
            // The instance finds the replica that has the write, although a nearer one lacks it.
            west.group.cut = [1]
            let deleted = try await session.delete("k", at: west, isRequired: true)
            #expect(deleted.existed)
            #expect(deleted.session.isGuaranteed == true)
            #expect(try await session.read("k", at: west, isRequired: true).value == nil)
            // Now the key is deleted, and a required session can be met.
            let again = try await session.delete("k", at: west, isRequired: true)
            #expect(!again.existed)
            #expect(again.session.isGuaranteed == true)
        }
    }

    @Test func aSessionReadsItsOwnWriteOrReportsNoGuarantee() async throws {
        try await withTwoSites { east, west, _ in
            let session = Session()
            try await session.write("k", "before", at: east)
            #expect(await east.converged("k"))
            east.group.cut = [2]
            west.group.cut = [0, 1]
            #expect(try await session.write("k", "mine", at: east).session.isGuaranteed == true)
            #expect(try await session.read("k", at: east).session.isGuaranteed == true)
            // The west reaches only a replica without the write.
            let behind = try await session.read("k", at: west)
            #expect(behind.text == "before")
            #expect(behind.session.isGuaranteed == false)
            await #expect { try await session.read("k", at: west, isRequired: true) } throws: {
                ($0 as? AvailableFailure)?.code == .sessionUnmet
            }
            // The instance finds the replica that has the write, although a nearer one lacks it.
            west.group.cut = [0]
            let found = try await session.read("k", at: west, isRequired: true)
            #expect(found.text == "mine")
            #expect(found.session.isGuaranteed == true)
        }
    }

    @Test func recordsThatCoverTheSessionOnlyTogetherAreJoined() async throws {
        try await withTwoSites({ $0.background.handoffDelayMs = 60_000 }) { east, west, _ in
            east.group.cut = [1, 2]
            west.group.cut = [0, 1]
            let session = Session()
            try await session.write("k", "east", at: east)
            try await session.write("k", "west", at: west)
            west.group.cut = [1]
            let joined = try await session.read("k", at: west, isRequired: true)
            #expect(Set(joined.conflictTexts) == ["east", "west"])
            #expect(joined.session.isGuaranteed == true)
            // The version of the answer covers both values, so a write with it resolves the conflict.
            west.group.cut = []
            east.group.cut = []
            try await west.write("k", "both", context: joined.version)
            #expect(await east.converged("k"))
            #expect(try await east.read("k").conflicts.isEmpty)
        }
    }

    @Test func aKeyThatTheTokenDoesNotListIsNotGuaranteed() async throws {
        try await withInstance { instance, _ in
            try await instance.write("k", "v")
            let session = Session()
            try await session.write("other", "v", at: instance)
            await #expect { try await session.read("k", at: instance, isRequired: true) } throws: {
                ($0 as? AvailableFailure)?.code == .sessionUnmet
            }
            #expect(try await session.read("k", at: instance).session.isGuaranteed == false)
            // From then on, the token lists the key.
            #expect(try await session.read("k", at: instance, isRequired: true).session.isGuaranteed == true)
            #expect(try await session.read("none", at: instance).value == nil)
            #expect(try await session.read("none", at: instance, isRequired: true).value == nil)
        }
    }

    @Test func withoutATokenNothingIsGuaranteedAndATokenIsReturned() async throws {
        try await withInstance { instance, _ in
            let written = try await instance.write("k", "v")
            #expect(written.session.isGuaranteed == nil)
            let session = Session()
            session.token = written.session.token
            #expect(try await session.read("k", at: instance, isRequired: true).text == "v")
            session.token = nil
            await #expect { try await session.read("k", at: instance, isRequired: true) } throws: {
                ($0 as? AvailableFailure)?.code == .sessionUnmet
            }
            session.token = "forged"
            await #expect { try await session.read("k", at: instance) } throws: {
                ($0 as? AvailableFailure)?.code == .badToken
            }
            await #expect { try await session.write("k", "w", at: instance) } throws: {
                ($0 as? AvailableFailure)?.code == .badToken && ($0 as? AvailableFailure)?.outcome == .notApplied
            }
            #expect(try await instance.read("k").text == "v")
        }
    }
}
