import EventLoop

/// Reads the page's key at every service once a second, for a page that may not ask by itself.
final class KeyReader {
    private static let intervalMs: UInt64 = 1_000

    private let services: [String]
    private let asker: Asker
    private let reactor: Reactor
    private let key: () -> String?
    /// Services that have not answered yet: they are not asked again before.
    private var busy: Set<String> = []
    private lazy var repeater = Repeater(everyMs: Self.intervalMs, on: reactor) { [unowned self] in readAll() }

    /// - Parameter key: nil while nobody looks.
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
