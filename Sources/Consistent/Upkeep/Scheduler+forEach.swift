import EventLoop

extension Scheduler {
    /// Runs `body` for every item, at most `limit` of them at a time, and returns when all are done.
    func forEach<Item>(_ items: [Item], atOnce limit: Int, _ body: @escaping (Item) async -> Void) async {
        guard !items.isEmpty else { return }
        let crew = Crew(size: min(limit, items.count))
        for _ in 0..<crew.size {
            spawn {
                while crew.next < items.count {
                    crew.next += 1
                    await body(items[crew.next - 1])
                }
                crew.leave()
            }
        }
        await crew.wait()
    }
}

/// Workers that share a list, all on one thread.
private final class Crew {
    let size: Int
    var next = 0
    private var leftCount = 0
    private var waiter: UnsafeContinuation<Void, Never>?

    init(size: Int) { self.size = size }

    func leave() {
        leftCount += 1
        if leftCount == size { waiter.take()?.resume() }
    }

    func wait() async {
        guard leftCount < size else { return }
        await withUnsafeContinuation { waiter = $0 }
    }
}
