import EventLoop

extension Scheduler {
    /// Runs `body` for every item, at most `limit` of them concurrently, and returns when all are done.
    func forEach<Item>(_ items: [Item], limit: Int, _ body: @escaping (Item) async -> Void) async {
        guard !items.isEmpty else { return }
        let pool = WorkerPool(size: min(limit, items.count))
        for _ in 0..<pool.size {
            spawn {
                while pool.next < items.count {
                    pool.next += 1
                    await body(items[pool.next - 1])
                }
                pool.finish()
            }
        }
        await pool.wait()
    }
}

/// Workers that share a list, all on one thread.
private final class WorkerPool {
    let size: Int
    var next = 0
    private var finishedCount = 0
    private var waiter: UnsafeContinuation<Void, Never>?

    init(size: Int) { self.size = size }

    func finish() {
        finishedCount += 1
        if finishedCount == size { waiter.take()?.resume() }
    }

    func wait() async {
        guard finishedCount < size else { return }
        await withUnsafeContinuation { waiter = $0 }
    }
}
