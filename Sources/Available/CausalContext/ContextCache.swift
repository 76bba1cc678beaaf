import Replication

/// Caches the most recently signed texts by key, so that a read of a hot key signs nothing. Per key, these are its
/// context, and the token of a session that has seen only this key. The cache has two generations: when the younger one
/// is full, the older one is dropped.
final class ContextCache {
    struct Entry {
        let vector: Bytes
        let text: String
        let session: String
    }

    private let signer: ContextSigner
    private let sessions: SessionSigner
    private let generationCount: Int
    private var young: [Bytes: Entry] = [:]
    private var old: [Bytes: Entry] = [:]

    init(signer: ContextSigner, sessions: SessionSigner, maxEntries: Int) {
        self.signer = signer
        self.sessions = sessions
        generationCount = max(1, maxEntries / 2)
        young.reserveCapacity(generationCount)
    }

    /// Returns `vector` signed as a context for `key`, and as a session token.
    func signed(vector: Bytes, key: Bytes) -> Entry {
        if let entry = young[key] {
            if entry.vector == vector { return entry }
        } else if let entry = old[key], entry.vector == vector {
            keep(entry, key)
            return entry
        }
        let packed = VectorCode.pack([vector])
        let entry = Entry(
            vector: vector, text: signer.text(packed: packed, key: key),
            session: sessions.text(bytes: SessionToken.bytes(ofOnly: key, packed: packed)))
        keep(entry, key)
        return entry
    }

    /// The vector of the context `text`; nil if it is not a valid context for `key`. A cached text needs no check of
    /// its signature.
    func vector(of text: String, key: Bytes) -> Bytes? {
        if let entry = young[key] ?? old[key], entry.text == text { return entry.vector }
        return signer.vector(of: text, key: key)
    }

    private func keep(_ entry: Entry, _ key: Bytes) {
        if young.count >= generationCount, young[key] == nil {
            old = young
            young = Dictionary(minimumCapacity: generationCount)
        }
        young[key] = entry
    }

    var count: Int { young.count + old.count }
}
