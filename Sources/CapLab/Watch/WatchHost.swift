import EventLoop

/// Serves a read-only page of a watched pair until a signal stops it.
final class WatchHost: HostedProgram {
    private static let stopCheckMs: UInt64 = 50

    private let pair: WatchedPair
    private let settings: PageSettings
    private var isStopping = false

    private init(_ pair: WatchedPair, _ settings: PageSettings) {
        self.pair = pair
        self.settings = settings
    }

    /// - Returns: the exit code.
    static func run(_ pair: WatchedPairSettings, _ page: PageSettings) -> Int32 {
        ReactorHost.run { reactor in WatchHost(WatchedPair(pair, on: reactor), page) }
    }

    func run() async -> Int32 {
        let page = LabPage(pair, settings)
        let observation = Observation(pair, messages: nil, page.hub)
        page.show(observation)
        // Observe the pair even without a viewer, so that the page can show when a fault began.
        observation.viewerCount = { 1 }
        observation.onRejection { complain("caplab: \($0.name) rejects a read: \($1)") }
        do throws(LabError) { try page.start() } catch {
            complain("caplab: \(error.message)")
            return 1
        }
        observation.start()
        pair.follow(observation)
        say("Page: http://127.0.0.1:\(settings.address.publishedPort ?? settings.address.port)/ (read-only)")
        while !isStopping { await pair.reactor.sleep(forNs: Self.stopCheckMs * nsPerMs) }
        pair.stop()
        observation.stop()
        page.stop()
        return 0
    }

    func requestStop(signal: Int32) { isStopping = true }
    func reap() {}
}
