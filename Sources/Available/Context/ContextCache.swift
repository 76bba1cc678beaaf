import Replication

/// The last signed contexts by key, so that a read of a hot key signs nothing. Bounded: two generations, the older one is
/// dropped whole when the younger is full.
struct ContextCache {
    private struct Entry {
        let vector: Bytes
        let text: String
    }

    private let signer: ContextSigner
    private let generationCount: Int
    private var young: [Bytes: Entry] = [:]
    private var old: [Bytes: Entry] = [:]

    init(signer: ContextSigner, maxEntries: Int) {
        self.signer = signer
        generationCount = max(1, maxEntries / 2)
        young.reserveCapacity(generationCount)
    }

    /// The signed context of `vector` for `key`.
    mutating func text(vector: Bytes, key: Bytes) -> String {
        if let entry = young[key] {
            if entry.vector == vector { return entry.text }
        } else if let entry = old[key], entry.vector == vector {
            keep(entry, key)
            return entry.text
        }
        let entry = Entry(vector: vector, text: signer.text(vector: vector, key: key))
        keep(entry, key)
        return entry.text
    }

    /// The vector that `text` signs for `key`, else nil.
    func vector(of text: String, key: Bytes) -> Bytes? {
        if let entry = young[key] ?? old[key], entry.text == text { return entry.vector }
        return signer.vector(of: text, key: key)
    }

    private mutating func keep(_ entry: Entry, _ key: Bytes) {
        if young.count >= generationCount, young[key] == nil {
            old = young
            young = Dictionary(minimumCapacity: generationCount)
        }
        young[key] = entry
    }

    var count: Int { young.count + old.count }
}
