/// The clients that were seen last, at most about ``capacity``: two generations, of which the older one is dropped when
/// the younger one is full. A client that is dropped loses its lease, and the instance asks the replicas again.
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

/// One client of one instance, and its requests that wait for a reply of the replicas.
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
