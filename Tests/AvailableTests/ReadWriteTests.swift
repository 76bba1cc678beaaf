import EventLoop
import Redis
import Replication
import TestSupport
import Testing

@testable import Available

@Suite(.timeLimit(.minutes(20))) struct ReadWriteTests {
    @Test func aWrittenValueIsReadAndReachesEveryReplica() async throws {
        try await withInstance { instance, _ in
            let written = try await instance.write("user:7", "Ada")
            #expect(written.replicasAcked == 1)
            let read = try await instance.read("user:7")
            #expect(read.text == "Ada")
            #expect(read.conflicts.isEmpty)
            #expect(read.version == written.version)
            #expect(await instance.converged("user:7"))
        }
    }

    @Test func aDeliveredWriteLeavesNoHint() async throws {
        try await withInstance { instance, _ in
            for round in 0..<50 { try await instance.write("k\(round % 10)", "v\(round)") }
            let isPaid = await instance.reactor.eventually {
                for (owner, peer) in [(0, 1), (0, 2), (1, 0), (2, 0)] where await instance.hints(owner, peer) != 0 {
                    return false
                }
                return true
            }
            #expect(isPaid)
        }
    }

    @Test func anAbsentKeyHasAVersionThatCoversNothing() async throws {
        try await withInstance { instance, _ in
            let absent = try await instance.read("absent")
            #expect(absent.value == nil)
            try await instance.write("absent", "first")
            try await instance.write("absent", "second", context: absent.version)
            let read = try await instance.read("absent")
            #expect(Set(read.conflictTexts) == ["first", "second"])
            #expect(read.text == "second")
        }
    }

    @Test func keysAndValuesMayHoldAnyBytes() async throws {
        try await withInstance { instance, _ in
            let key: Bytes = [0, 255, 13, 10, 32, 61, 64, 37]
            let value = Bytes((0..<2_000).map { UInt8(truncatingIfNeeded: $0) })
            let deadlineNs = instance.reactor.nowNs + 15_000 * nsPerMs
            _ = try await instance.engine.change(ChangeRequest(key: key, kind: .write(value), deadlineNs: deadlineNs))
            let read = try await instance.engine.read(ReadRequest(key: key, deadlineNs: deadlineNs))
            #expect(read.value == value)
        }
    }

    @Test func internalKeyNamesAreOrdinaryKeys() async throws {
        try await withInstance { instance, _ in
            for key in ["pending:g2", "conflicts", "identity", "vv", "at"] {
                try await instance.write(key, "mine")
                #expect(try await instance.read(key).text == "mine")
                #expect(await instance.converged(key))
            }
        }
    }

    @Test func anEmptyValueIsAValue() async throws {
        try await withInstance { instance, _ in
            try await instance.write("empty", "")
            #expect(try await instance.read("empty").value == [])
        }
    }

    @Test func aDeletedKeyIsAbsentEverywhere() async throws {
        try await withInstance { instance, _ in
            try await instance.write("k", "v")
            let deleted = try await instance.delete("k")
            #expect(deleted.existed)
            #expect(try await instance.read("k").value == nil)
            #expect(try await instance.delete("k").existed == false)
            #expect(await instance.converged("k"))
        }
    }

    @Test func deletingAnAbsentKeyWritesNothing() async throws {
        try await withInstance { instance, _ in
            let deleted = try await instance.delete("nothing")
            #expect(deleted.existed == false)
            #expect(await instance.raw(0, "EXISTS", "ap:nothing") == .integer(0))
        }
    }

    @Test func aDeleteWithAContextKeepsUnseenValues() async throws {
        try await withInstance { instance, _ in
            let first = try await instance.write("k", "one")
            let absent = try await instance.read("other")
            _ = absent
            try await instance.write("k", "two", context: first.version)
            try await instance.delete("k", context: first.version)
            let read = try await instance.read("k")
            #expect(Set(read.conflictTexts) == [nil, "two"])
        }
    }

    /// A replica may lack the values that the client has seen, for example because they are on the other side of a
    /// partition.
    @Test func aDeleteWithAContextIsAppliedAlsoIfTheReplicaHoldsNothing() async throws {
        try await withInstance { instance, _ in
            let first = try await instance.write("k", "one")
            try await instance.delete("k")
            #expect(try await instance.delete("k", context: first.version).existed)
        }
    }

    @Test func aValueExpiresByItsTimeToLive() async throws {
        try await withInstance { instance, _ in
            try await instance.write("brief", "here", ttlMs: 150)
            let read = try await instance.read("brief")
            #expect(read.expiresMs != nil)
            let isGone = await instance.reactor.eventually {
                ((try? await instance.read("brief"))?.value == nil)
            }
            #expect(isGone)
            #expect(try await instance.delete("brief").existed == false)
            #expect(await instance.converged("brief"))
        }
    }

    @Test func theLargestTimeToLiveIsAccepted() async throws {
        try await withInstance { instance, _ in
            try await instance.write("long", "here", ttlMs: .max)
            #expect(try await instance.read("long").text == "here")
        }
    }

    @Test func aWriteWithTheVersionOfAReadResolvesTheConflict() async throws {
        try await withInstance { instance, _ in
            let seen = try await instance.read("k")
            try await instance.write("k", "a", context: seen.version)
            try await instance.write("k", "b", context: seen.version)
            let conflict = try await instance.read("k")
            #expect(Set(conflict.conflictTexts) == ["a", "b"])
            #expect(try await instance.conflicts().keys == [Bytes("k".utf8)])
            #expect(await instance.reactor.eventually { instance.engine.status().map(\.conflictKeys) == [1, 1, 1] })
            let resolved = try await instance.write("k", "ab", context: conflict.version)
            #expect(resolved.overwritten.isEmpty)
            let read = try await instance.read("k")
            #expect(read.text == "ab")
            #expect(read.conflicts.isEmpty)
            #expect(try await instance.conflicts().keys.isEmpty)
            #expect(await instance.converged("k"))
            #expect(await instance.reactor.eventually { instance.engine.status().map(\.conflictKeys) == [0, 0, 0] })
        }
    }

    /// The `version` of an answer covers the whole record. If an answer left out a value, a client could overwrite it
    /// without having seen it.
    @Test func aWriteThatKeepsOtherValuesReportsThemAll() async throws {
        try await withInstance { instance, _ in
            let seen = try await instance.read("k")
            let first = try await instance.write("k", "a", context: seen.version)
            #expect(first.conflicts.isEmpty)
            let second = try await instance.write("k", "b", context: seen.version)
            #expect(second.conflicts == [Bytes("b".utf8), Bytes("a".utf8)])
            let deleted = try await instance.delete("k", context: seen.version)
            #expect(deleted.conflicts == [nil, Bytes("b".utf8), Bytes("a".utf8)])
            let last = try await instance.write("k", "c", context: deleted.version)
            #expect(last.conflicts.isEmpty)
            #expect(last.overwritten.isEmpty)
            #expect(await instance.converged("k"))
            #expect(try await instance.read("k").conflicts.isEmpty)
        }
    }

    @Test func aWriteWithoutAContextReportsWhatItOverwroteUnseen() async throws {
        try await withInstance { instance, _ in
            let seen = try await instance.read("k")
            for value in ["a", "b", "c"] { try await instance.write("k", value, context: seen.version) }
            let written = try await instance.write("k", "last")
            #expect(written.overwritten == [Bytes("b".utf8), Bytes("a".utf8)])
            #expect(instance.events.overwritten == 2)
            #expect(await instance.converged("k"))
            #expect(try await instance.read("k").conflicts.isEmpty)
        }
    }

    @Test func anOldContextThatWouldKeepTooManyBytesIsRejected() async throws {
        try await withInstance {
            $0.limits.maxSiblingBytes = 2_000
        } _: { instance, _ in
            let seen = try await instance.read("k")
            let long = String(repeating: "x", count: 900)
            // A single value may be longer than the limit for siblings.
            try await instance.write("alone", long + long + long)
            for _ in 0..<2 { try await instance.write("k", long, context: seen.version) }
            await #expect { try await instance.write("k", long, context: seen.version) } throws: { error in
                (error as? AvailableFailure)?.code == .tooManySiblings
            }
            try await instance.write("k", long, context: try await instance.read("k").version)
            #expect(try await instance.read("k").conflicts.isEmpty)
        }
    }

    @Test func anOldContextThatWouldKeepTooManyValuesIsRejected() async throws {
        try await withInstance {
            $0.limits.maxSiblings = 3
        } _: { instance, _ in
            let seen = try await instance.read("k")
            for value in ["a", "b", "c"] { try await instance.write("k", value, context: seen.version) }
            await #expect { try await instance.write("k", "d", context: seen.version) } throws: { error in
                (error as? AvailableFailure)?.code == .tooManySiblings
                    && (error as? AvailableFailure)?.outcome == .notApplied
            }
            let now = try await instance.read("k")
            try await instance.write("k", "d", context: now.version)
            #expect(try await instance.read("k").text == "d")
        }
    }

    @Test func aContextOfAnotherKeyOrAChangedOneIsRejected() async throws {
        try await withInstance { instance, _ in
            let written = try await instance.write("k", "v")
            let text = written.version
            let last = text.last == "A" ? "B" : "A"
            let forgeries = [text.dropLast() + last, "", "x", "é", text + "AAAA"].map { String($0) }
            for forged in forgeries {
                await #expect { try await instance.write("k", "w", context: forged) } throws: { error in
                    (error as? AvailableFailure)?.code == .badContext
                        && (error as? AvailableFailure)?.outcome == .notApplied
                }
            }
            await #expect(throws: AvailableFailure.self) {
                try await instance.write("other", "w", context: written.version)
            }
            #expect(try await instance.read("k").text == "v")
        }
    }

    @Test func conflictsArePagedInOrder() async throws {
        try await withInstance { instance, _ in
            for index in 0..<7 {
                let key = "c\(index)"
                let seen = try await instance.read(key)
                try await instance.write(key, "a", context: seen.version)
                try await instance.write(key, "b", context: seen.version)
            }
            var keys: [Bytes] = []
            var cursor: Bytes?
            for _ in 0..<3 {
                let page = try await instance.conflicts(after: cursor, limit: 3)
                #expect(page.keys.count <= 3)
                keys += page.keys
                cursor = page.next
            }
            #expect(cursor == nil)
            #expect(keys == (0..<7).map { Bytes("c\($0)".utf8) })
        }
    }
}
