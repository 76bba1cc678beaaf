import EventLoop
import HTTP
import Logging
import Redis
import Replication
import Telemetry

/// Makes an engine on a reactor: the one thing in which the two services differ.
public struct EngineFactory: Sendable {
    /// Every script that the engine's commands use.
    public let scripts: [Script]
    public let make: @Sendable (_ group: RedisReplicaGroup, _ reactor: Reactor) -> any ServiceEngine

    public init(
        scripts: [Script],
        make: @escaping @Sendable (_ group: RedisReplicaGroup, _ reactor: Reactor) -> any ServiceEngine
    ) {
        self.scripts = scripts
        self.make = make
    }
}

/// One reactor's share of the service: its replica group, engine, and HTTP server, all on its thread.
final class ServiceInstance: @unchecked Sendable {
    // Safe because everything but `reactor` is touched on the reactor's thread only: `perform` is the way in from other
    // threads, and `checkIsolated` guards the rest.
    let reactor: Reactor
    private let settings: ServiceSettings
    private let metrics: ServiceMetrics
    private let logger: Logger
    private let gauges: InstanceGauges.Share

    private var group: RedisReplicaGroup!
    private var engine: (any ServiceEngine)!
    private var server: HTTPServer!
    private var monitor: GroupMonitor!
    private var operations: OperationsEndpoints!
    private var isRunning = false

    init(
        reactor: Reactor, settings: ServiceSettings, metrics: ServiceMetrics, gauges: InstanceGauges.Share,
        logger: Logger
    ) {
        self.reactor = reactor
        self.settings = settings
        self.metrics = metrics
        self.logger = logger
        self.gauges = gauges
    }

    /// Runs `body` on the reactor's thread and returns what it gives. From any thread.
    func perform<Value: Sendable>(_ body: @escaping @Sendable (ServiceInstance) async -> Value) async -> Value {
        await withUnsafeContinuation { continuation in
            reactor.submit { [self] in
                reactor.spawn { [self] in continuation.resume(returning: await body(self)) }
            }
        }
    }

    /// Makes group and engine, and begins to connect.
    func connect(_ factory: EngineFactory) {
        reactor.checkIsolated()
        group = RedisReplicaGroup(
            reactor: reactor, replicas: settings.replicas, scripts: factory.scripts, settings: settings.redis)
        monitor = GroupMonitor(
            group: group, metrics: metrics, gauges: gauges, logger: logger,
            tellsPartitions: settings.mode == .cp)
        group.observer = monitor
        engine = factory.make(group, reactor)
        group.start()
        engine.start()
        isRunning = true
    }

    /// Listens. `peers` are the instances of all reactors, in an order that is the same for each of them.
    /// - Throws: ``HTTPServerError``.
    func listen(peers: [ServiceInstance]) throws(HTTPServerError) {
        reactor.checkIsolated()
        let router = Router()
        KeyValueEndpoints(
            settings: settings, handler: engine.keyValue,
            onRefusal: { [metrics] in metrics.refusals($0).increment() },
            onChange: { [logger] in ChangeLog.note($0, $1, $2, logger: logger) }
        ).addRoutes(to: router)
        operations = OperationsEndpoints(
            settings: settings, reactor: reactor, group: group, engine: engine, metrics: metrics)
        operations.addRoutes(to: router)
        engine.addRoutes(to: router)
        let counter = RequestCounter(metrics: metrics)
        router.onResponse = { request, operation, response in
            let startNs = request.receivedNs
            let tookNs = startNs == 0 ? 0 : monotonicNs() &- startNs
            counter.count(operation: operation, status: response.status, tookNs: tookNs)
        }
        router.onUnexpectedError = { [logger] _, error in
            logger.error("a request failed in an unexpected way", metadata: ["error": .string("\(error)")])
        }
        var http = HTTPServerSettings(host: settings.httpHost, port: settings.httpPort)
        http.isPortShared = peers.count > 1
        http.maxRequestsInFlight = settings.maxRequestsInFlight
        http.maxBufferedBodyBytes = max(http.maxBufferedBodyBytes, settings.maxValueBytes)
        server = HTTPServer(reactor: reactor, settings: http, handler: router)
        server.onLibraryMessage = { [logger] in logger.debug("libmicrohttpd: \($0)") }
        try server.start()
        reactor.spawn { [weak self] in
            while let self, isRunning {
                monitor.updateGauges()
                gauges.requestsInFlight.set(Double(server.requestsInFlight))
                await reactor.sleep(forNs: 250 * nsPerMs)
            }
        }
    }

    /// Finishes what is under way within the grace period, then closes everything. True where nothing was cut off.
    func stop() async -> Bool {
        reactor.checkIsolated()
        operations?.stop()
        var isClean = true
        if let server {
            server.stopAccepting()
            isClean = await server.drain(deadlineNs: reactor.nowNs + settings.stopGraceMs * nsPerMs)
            server.stop()
        }
        isRunning = false
        engine?.stop()
        group?.close()
        return isClean
    }
}
