import Replication
import Testing

@testable import Available

@Suite(.timeLimit(.minutes(20))) struct ContextTests {
    private let signer = ContextSigner(secret: "s", groupName: "demo")
    private let key = Bytes("k".utf8)
    private let vector = Bytes("g1.a=5".utf8)

    @Test func aContextIsValidForItsKeyOnly() {
        let text = signer.text(vector: vector, key: key)
        #expect(signer.vector(of: text, key: key) == vector)
        #expect(signer.vector(of: text, key: Bytes("l".utf8)) == nil)
        #expect(ContextSigner(secret: "s", groupName: "other").vector(of: text, key: key) == nil)
        #expect(ContextSigner(secret: "t", groupName: "demo").vector(of: text, key: key) == nil)
        #expect(text.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != 43 && $0 != 47 && $0 != 61 })
    }

    @Test func duringASecretRotationAllInstancesAcceptEachOther() {
        // Three steps; during each, some instances still have the configuration of the previous step.
        let steps: [GroupSecret] = [
            "old", GroupSecret(key: "old", fallback: "new"), GroupSecret(key: "new", fallback: "old"), "new",
        ]
        for (before, after) in zip(steps, steps.dropFirst()) {
            for (from, to) in [(before, after), (after, before)] {
                let text = ContextSigner(secret: from, groupName: "demo").text(vector: vector, key: key)
                #expect(ContextSigner(secret: to, groupName: "demo").vector(of: text, key: key) == vector)
                #expect(ContextSigner(secret: to, groupName: "other").vector(of: text, key: key) == nil)
            }
        }
        let old = signer(steps[0]).text(vector: vector, key: key)
        #expect(signer(steps[2]).vector(of: old, key: key) == vector, "issued before, and still valid")
        #expect(signer(steps[3]).vector(of: old, key: key) == nil)
        #expect(signer(steps[2]).text(vector: vector, key: key) == signer(steps[3]).text(vector: vector, key: key))
    }

    private func signer(_ secret: GroupSecret) -> ContextSigner { ContextSigner(secret: secret, groupName: "demo") }

    @Test func noChangedCharacterIsAccepted() {
        let text = signer.text(vector: vector, key: key)
        for index in text.indices {
            var changed = text
            changed.replaceSubrange(index...index, with: text[index] == "A" ? "B" : "A")
            #expect(signer.vector(of: changed, key: key) == nil)
        }
    }

    @Test func keyAndVectorCannotBeShiftedIntoEachOther() {
        let text = signer.text(packed: Bytes("bc".utf8), key: Bytes("a".utf8))
        let other = signer.text(packed: Bytes("c".utf8), key: Bytes("ab".utf8))
        #expect(text != other)
        let payload = Base64URL.decode(text).map { Array($0[1..<17]) }
        #expect(payload != Base64URL.decode(other).map { Array($0[1..<17]) })
    }

    @Test func theCacheIsBoundedAndNeverReturnsAnotherVector() {
        let cache = ContextCache(
            signer: signer, sessions: SessionSigner(secret: "s", groupName: "demo"), maxEntries: 10)
        for round in 0..<200 {
            let key = Bytes("k\(round % 23)".utf8)
            let vector = Bytes("g1.a=\(round)".utf8)
            let text = cache.signed(vector: vector, key: key).text
            #expect(text == signer.text(vector: vector, key: key))
            #expect(cache.vector(of: text, key: key) == vector)
            #expect(cache.count <= 10)
        }
    }
}
