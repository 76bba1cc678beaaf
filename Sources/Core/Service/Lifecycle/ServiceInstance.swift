import Authentication
import EventLoop
import Glibc
import HTTP
import Logging
import RateLimiting
import Redis
import Replication
import Telemetry

/// The service on its reactor: replica group, engine and HTTP server.
final class ServiceInstance: @unchecked Sendable {
    // Safe because everything is used on the reactor's thread only, which `checkIsolated` enforces.
    private let reactor: Reactor
    private let stopGraceNs: UInt64
    private let infoTimeoutNs: UInt64
    private let group: RedisReplicaGroup
    private let engine: any ServiceEngine
    private let monitor: GroupMonitor
    private let operations: OperationsEndpoints
    private let server: HTTPServer
    private let metrics: ServiceMetrics
    private let logger: Logger
    private let authentication: AuthenticationSettings
    private let authenticator: Authenticator?
    private let audit: RequestAudit?
    /// How often the credential files were read.
    private var reloads = 0
    private var isRunning = false

    init(
        reactor: Reactor, settings: ServiceSettings, metrics: ServiceMetrics, logger: Logger, scripts: [Script],
        credentials: Credentials?, tls: TLSCredentials?, audit trail: AuditTrail?, tracing: ServiceTracing,
        makeEngine: ServiceRunner.EngineMaker
    ) {
        reactor.checkIsolated()
        self.reactor = reactor
        stopGraceNs = settings.load.stopGraceMs * nsPerMs
        infoTimeoutNs = settings.redis.timeouts.callMs * nsPerMs
        group = RedisReplicaGroup(
            reactor: reactor, replicas: settings.replicas,
            scripts: scripts + (settings.limits == nil ? [] : ClientLimiter.scripts), settings: settings.redis)
        engine = makeEngine(tracing.group(group), reactor, metrics, logger)
        monitor = GroupMonitor(
            group: group, reactor: reactor, metrics: metrics, logger: logger,
            reportsPartitions: !engine.reportsPartitions)
        operations = OperationsEndpoints(
            settings: settings, reactor: reactor, group: group, engine: engine, metrics: metrics)
        self.metrics = metrics
        self.logger = logger
        authentication = settings.access.authentication
        authenticator = credentials.map { Authenticator($0) { Int64(time(nil)) } }
        let router = Self.router(metrics: metrics, logger: logger)
        audit = trail.map { RequestAudit($0) { reactor.nowNs } }
        let reports = AccessReports(metrics: metrics, logger: logger, audit: audit) { reactor.nowNs }
        router.policy = AccessControl(
            settings.access, serviceName: settings.identity.nodeID, authenticator: authenticator, reports: reports)
        router.limiter = settings.limits.map { [group] in
            RequestLimits(
                $0, group: group, scheduler: reactor, replicaTimeoutMs: settings.redis.timeouts.callMs,
                secret: settings.secrets.key, metrics: metrics.limits, logger: logger)
        }
        KeyValueEndpoints(
            settings: settings, scheduler: reactor, handler: engine.keyValue, metrics: metrics, logger: logger,
            reports: reports, audit: audit
        ).addRoutes(to: router)
        operations.addRoutes(to: router)
        engine.addRoutes(to: router)
        let document = OpenAPIEndpoint()
        document.addRoute(to: router)
        document.build(from: router, settings: settings, summary: engine.declaration.summary)
        var http = HTTPServerSettings(host: settings.listening.host, port: settings.listening.port)
        http.trustedProxies = settings.access.proxies
        http.requests.maxInFlight = settings.load.maxInFlight
        http.connections.limit = DescriptorLimit.connections(atMost: http.connections.limit)
        // One client address may hold half of this, so half of it must fit the longest value.
        http.buffers.maxTotalBodyBytes = max(http.buffers.maxTotalBodyBytes, 2 * settings.requests.maxValueBytes)
        http.tls = tls
        server = HTTPServer(reactor: reactor, settings: http, router: router)
        if let audit {
            router.onRefusal = { audit.refusedChange($1, $0, code: $2.problemCode) }
            router.onCutOff = { audit.cutOff($1, $0, code: $2.problemCode) }
        }
        var random = SystemRandomNumberGenerator()
        server.traces = RequestTraces(random: &random, spans: tracing.spans)
        if let tls {
            let reports = TLSReports(metrics: metrics.tls, logger: logger) { reactor.nowNs }
            server.onHandshake = { reports.handshakeEnded($0) }
            metrics.tls.isInForce(tls)
        }
        server.onLibraryMessage = { logger.debug("libmicrohttpd: \($0)") }
        var limitLog = ConnectionLimitLog(connectionLimit: http.connections.limit, logger: logger)
        server.onConnectionLimit = { limit, count in
            metrics.connectionLimits.with(limit.rawValue).increment(by: count)
            limitLog.add(limit, count, atNs: reactor.nowNs)
        }
        group.observer = monitor
    }

    private static func router(metrics: ServiceMetrics, logger: Logger) -> Router {
        let router = Router()
        let counter = RequestCounter(metrics: metrics)
        router.onResponse = { request, operation, response in
            let startNs = request.receivedNs
            let tookNs = startNs == 0 ? 0 : monotonicNs() &- startNs
            counter.count(operation: operation, status: response.status, tookNs: tookNs, trace: request.trace)
        }
        router.onUnexpectedError = { request, error in
            logger.error(
                "a request failed unexpectedly",
                metadata: request.traceFields.merging(["error": .string("\(error)")]) { $1 })
        }
        return router
    }

    /// Connects to the replicas, starts the engine, and listens.
    /// - Throws: ``HTTPServerError``.
    func start() throws(HTTPServerError) {
        reactor.checkIsolated()
        group.start()
        engine.start()
        try server.start()
        isRunning = true
        reactor.spawn { [weak self] in
            while let self, isRunning {
                monitor.updateGauges()
                monitor.logSummaries()
                let busy = server.requestsInFlight
                metrics.requestsInFlight.set(Double(busy))
                metrics.busyConnections.set(Double(busy))
                metrics.idleConnections.set(Double(max(0, server.connectionCount - busy)))
                await reactor.sleep(forNs: 250 * nsPerMs)
            }
        }
        reactor.spawn { [weak self] in
            while let self, isRunning {
                await metrics.redisServers.update(group, reactor, timeoutNs: infoTimeoutNs)
                await reactor.sleep(forNs: RedisServerMetrics.intervalNs)
            }
        }
    }

    /// Replaces the credentials that verify tokens. Invalid files change nothing.
    func replaceCredentials(from files: AuthenticationSettings.Files) async {
        reactor.checkIsolated()
        do throws(SettingError) {
            reloads += 1
            let number = reloads
            guard let authenticator, let credentials = try await authentication.credentials(from: files),
                // Otherwise, files that were read later replace these.
                number == reloads
            else { return }
            authenticator.replace(credentials)
            audit?.replacedCredentials(true)
            logger.event(.credentialsReplaced, .notice, "the changed credentials are in force")
        } catch {
            logger.rejectedCredentials(error)
            audit?.replacedCredentials(false)
        }
    }

    /// New connections use `certificate`.
    func replace(_ certificate: TLSCredentials) {
        reactor.checkIsolated()
        server.replace(certificate)
        metrics.tls.isInForce(certificate)
        metrics.tls.reloaded(true)
        audit?.replacedCertificate(true)
        logger.event(
            .certificateReplaced, .notice, "new connections use the changed certificate",
            ["expires_at": .stringConvertible(certificate.expiresAtS)])
    }

    /// Finishes in-flight requests within the grace period, then closes everything.
    /// - Returns: true if no request was cut off.
    func stop() async -> Bool {
        reactor.checkIsolated()
        operations.stop()
        server.stopAccepting()
        let isClean = await server.drain(deadlineNs: reactor.nowNs + stopGraceNs)
        server.stop()
        isRunning = false
        engine.stop()
        group.close()
        return isClean
    }
}
