/// The most recently seen clients, at most about `capacity`. There are two generations; the older one is dropped when
/// the newer one is full. A dropped client loses its lease, and the instance asks the replicas again.
struct LimitTable {
    private var recent: [LimitedClient: LimitEntry] = [:]
    private var older: [LimitedClient: LimitEntry] = [:]
    private let generationCount: Int

    init(capacity: Int = 16_384) { generationCount = max(1, capacity / 2) }

    var count: Int { recent.count + older.count }

    mutating func entry(of client: LimitedClient, make: () -> LimitEntry) -> LimitEntry {
        if let known = recent[client] { return known }
        let entry = older.removeValue(forKey: client) ?? make()
        if recent.count >= generationCount { (older, recent) = (recent, [:]) }
        recent[client] = entry
        return entry
    }
}

/// One client, and its requests that wait for a reply of the replicas.
final class LimitEntry {
    let key: LimitKey
    var limit: ClientLimit
    var isAsking = false
    var waiting: [UnsafeContinuation<Bool, Never>] = []

    init(key: LimitKey, limit: ClientLimit) {
        self.key = key
        self.limit = limit
    }
}
