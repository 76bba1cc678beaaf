import EventLoop

/// Reads the page's key at every service once per second, for a read-only page, which cannot send requests itself.
final class KeyReader {
    private static let intervalMs: UInt64 = 1_000

    private let services: [String]
    private let asker: Asker
    private let reactor: Reactor
    private let key: () -> String?
    /// The services that have not answered yet. A service is not asked again until it answers, or until the request
    /// times out.
    private var busy: Set<String> = []
    private lazy var repeater = Repeater(everyMs: Self.intervalMs, on: reactor) { [unowned self] in readAll() }

    /// - Parameter key: returns the key to read, or nil while no page is open.
    init(_ services: [String], _ asker: Asker, on reactor: Reactor, key: @escaping () -> String?) {
        self.services = services
        self.asker = asker
        self.reactor = reactor
        self.key = key
    }

    func start() { repeater.start() }
    func stop() { repeater.stop() }

    private func readAll() {
        guard let key = key() else { return }
        for service in services where busy.insert(service).inserted {
            reactor.spawn { [weak self] in
                await self?.asker.send(AskRequest(service: service, op: .read, key: key), by: .page)
                self?.busy.remove(service)
            }
        }
    }
}
