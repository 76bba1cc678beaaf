import Authentication
import EventLoop
import Glibc
import HTTP
import Logging
import Redis
import Replication
import Telemetry
import Tracing

/// Starts a service on a reactor, waits for a signal, and stops it.
public struct ServiceRunner: Sendable {
    private let settings: ServiceSettings
    private let output: LogOutput
    private let logger: Logger
    private let metrics: ServiceMetrics
    private let tracing: ServiceTracing

    /// Makes the engine of one of the two services, on its reactor.
    public typealias EngineMaker =
        @Sendable (_ group: any ReplicaGroup, _ reactor: Reactor, _ metrics: ServiceMetrics, _ logger: Logger)
        -> any ServiceEngine

    /// - Parameter tracer: records a span for each request. ``NoOpTracer`` costs nothing per request.
    public init(settings: ServiceSettings, tracer: any Tracer = NoOpTracer()) {
        self.settings = settings
        tracing = ServiceTracing(tracer)
        let output = LogOutput.standardError(format: settings.logging.format)
        self.output = output
        logger = Logger(label: "app-\(settings.mode.rawValue)") { _ in
            LineLogHandler(output: output, level: settings.logging.level)
        }
        metrics = ServiceMetrics(settings)
    }

    /// Serves until SIGTERM, SIGINT or SIGHUP, and then until in-flight requests are done or the grace period is over.
    /// A second signal exits at once. SIGINT and SIGHUP have no effect if the process inherited them as ignored;
    /// SIGTERM always stops it. With credential or certificate files, SIGHUP reloads them instead. If the service
    /// cannot start, prints one line and exits with code 1, or 2 for an invalid setting.
    /// - Parameter scripts: every script that the engine's commands use.
    public func run(scripts: [Script], makeEngine: @escaping EngineMaker) async {
        signal(SIGPIPE, SIG_IGN)  // hiredis writes with write(2)
        guard DescriptorLimit.raise() >= DescriptorLimit.least else {
            fail(
                "app-\(settings.mode.rawValue): the limit of open files is below \(DescriptorLimit.least) (ulimit -Hn)",
                exitCode: 1)
        }
        let reactor: Reactor
        let instance: ServiceInstance
        let authentication = settings.access.authentication
        let files = WatchedFiles(authentication.paths)
        let certificateFiles = WatchedFiles(settings.tls.paths)
        let credentials: Credentials?
        let certificate: TLSCredentials?
        do throws(SettingError) {
            credentials = try await authentication.credentials(from: try authentication.readFiles())
            certificate = try settings.tls.load()
        } catch { fail("bad setting: \(error)", exitCode: 2) }
        let audit = makeAuditTrail()
        let signals = StopSignals(isReloading: !(files.isEmpty && certificateFiles.isEmpty))
        guard let signals else { fail("app-\(settings.mode.rawValue): cannot wait for signals", exitCode: 1) }
        do {
            reactor = try Reactor(name: "reactor")
            reactor.start()
            instance = try await reactor.perform { [self] in
                let instance = ServiceInstance(
                    reactor: reactor, settings: settings, metrics: metrics, logger: logger, scripts: scripts,
                    credentials: credentials, tls: certificate, audit: audit, tracing: tracing,
                    makeEngine: makeEngine)
                try instance.start()
                return instance
            }
        } catch {
            fail("app-\(settings.mode.rawValue): \(error)", exitCode: 1)
        }
        logger.event(
            .serviceStart, .notice, "serving",
            [
                "mode": .string(settings.mode.rawValue), "node_id": .string(settings.identity.nodeID),
                "address": .string("\(settings.listening.host):\(settings.listening.port)"),
                "version": .string(ServiceVersion.current),
            ])
        if !settings.exposedSecrets.isEmpty {
            logger.event(
                .secretExposed, .warning, "other users of this machine can read or change secrets",
                ["files": .string(settings.exposedSecrets.map(\.description).joined(separator: ", "))])
        }
        audit?.record(AuditRecord(.start, outcome: "success"))
        let reload: @Sendable () -> Void = { [logger] in
            do throws(SettingError) {
                let read = try authentication.readFiles()
                reactor.submit { reactor.spawn { await instance.replaceCredentials(from: read) } }
            } catch {
                logger.rejectedCredentials(error)
                audit?.record(AuditRecord(.replaceCredentials, outcome: "failure"))
            }
        }
        let reloadCertificate: @Sendable () -> Void = { [settings, metrics, logger] in
            do throws(SettingError) {
                guard let read = try settings.tls.load() else { return }
                reactor.submit { instance.replace(read) }
            } catch {
                metrics.tls.reloaded(false)
                logger.rejectedCertificate(error)
                audit?.record(AuditRecord(.replaceCertificate, outcome: "failure"))
            }
        }
        let everySecond: @Sendable () -> Void = { [output] in
            output.flush()
            if files.haveChanged() { reload() }
            if certificateFiles.haveChanged() { reloadCertificate() }
        }
        var reloads: [@Sendable () -> Void] = []
        if !files.isEmpty { reloads.append(reload) }
        if !certificateFiles.isEmpty { reloads.append(reloadCertificate) }
        let reloadAll: @Sendable () -> Void = { [reloads] in
            for reload in reloads { reload() }
        }
        // Ends with the process. The thread for signals refers to the task that waits for it below; otherwise the leak
        // checker would report this task, which nothing could resume.
        let (lifetime, isServing) = AsyncStream<Void>.makeStream()
        let isHandling = signals.handle(everySecond: everySecond, reload: reloadAll) { [logger, output] received in
            logger.event(.serviceStop, .notice, "stopping", ["signal": .string(received)])
            reactor.submit {
                reactor.spawn {
                    let isClean = await instance.stop()
                    logger.event(.serviceStop, .notice, "stopped", ["cut_off": .stringConvertible(!isClean)])
                    output.flush(all: true)
                    audit?.record(AuditRecord(.stop, outcome: isClean ? "success" : "failure"))
                    audit?.stop()
                    withExtendedLifetime(isServing) { exit(0) }
                }
            }
        }
        guard isHandling else { fail("app-\(settings.mode.rawValue): cannot wait for signals", exitCode: 1) }
        // Until `exit`. The thread of the caller belongs to libdispatch, whose pool aborts the process when it finds no
        // descriptor for /proc; waiting here lets that thread end.
        for await _ in lifetime {}
    }
}

extension ServiceRunner {
    private func makeAuditTrail() -> AuditTrail? {
        guard let destination = settings.audit.destination else { return nil }
        if case .file(let path) = destination, !RotatingFile.canOpen(path) {
            fail("bad setting: AUDIT_LOG is not a file that can be written: '\(path)'", exitCode: 2)
        }
        let pseudonym = settings.audit.isPseudonymous ? AuditSettings.pseudonym(secretKey: settings.secrets.key) : nil
        let (written, lost) = (metrics.auditLines, metrics.lostAuditLines)
        return AuditTrail(
            to: destination, node: settings.identity.nodeID, pseudonym: pseudonym,
            onWritten: { written.increment(by: $0) }, onLost: { lost.increment(by: $0) })
    }
}

extension Logger {
    /// The earlier certificate stays in force.
    func rejectedCertificate(_ error: SettingError) {
        event(
            .certificateRejected, .error, "the changed certificate is not used",
            ["reason": .string(error.description)])
    }

    /// The earlier credentials stay in force.
    func rejectedCredentials(_ error: SettingError) {
        event(
            .credentialsRejected, .error, "the changed credentials are not used",
            ["reason": .string(error.description)])
    }
}

extension Reactor {
    /// Runs `body` on the reactor's thread and returns its result; from any thread.
    func perform<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result: Result<Value, Failure> = await withUnsafeContinuation { continuation in
            submit { [self] in
                spawn {
                    do throws(Failure) { continuation.resume(returning: .success(try await body())) } catch {
                        continuation.resume(returning: .failure(error))
                    }
                }
            }
        }
        return try result.get()
    }
}
