import DequeModule

/// Keeps the last elements, up to a limit per key and a limit for all keys together.
struct KeyedWindow<Element> {
    let maxPerKey: Int
    let maxCount: Int
    private(set) var count = 0
    private(set) var byKey: [String: Deque<(order: Int, element: Element)>] = [:]
    private var order = 0

    init(maxPerKey: Int, maxCount: Int) {
        self.maxPerKey = maxPerKey
        self.maxCount = maxCount
    }

    mutating func append(_ element: Element, key: String) {
        order += 1
        count += 1
        byKey[key, default: []].append((order, element))
        if let own = byKey[key]?.count, own > maxPerKey { dropFirst(of: key) }
        guard count > maxCount else { return }
        let oldest = byKey.min { ($0.value.first?.order ?? .max) < ($1.value.first?.order ?? .max) }
        if let key = oldest?.key { dropFirst(of: key) }
    }

    private mutating func dropFirst(of key: String) {
        guard byKey[key]?.popFirst() != nil else { return }
        count -= 1
        if byKey[key]?.isEmpty == true { byKey[key] = nil }
    }

    mutating func remove(_ key: String) { count -= byKey.removeValue(forKey: key)?.count ?? 0 }

    func elements(of key: String) -> [Element] { (byKey[key] ?? []).map(\.element) }

    /// The keys, in the order of their last elements, the most recent first.
    var recentKeys: [String] {
        byKey.sorted { ($0.value.last?.order ?? 0) > ($1.value.last?.order ?? 0) }.map(\.key)
    }
}
