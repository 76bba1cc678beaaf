import EventLoop
import Glibc
import HTTP
import Logging
import Telemetry
import UnixSignals

/// Starts a service on a reactor, waits for a signal, and stops it.
public struct ServiceRunner: Sendable {
    private let settings: ServiceSettings
    private let output: LogOutput
    private let logger: Logger
    private let metrics: ServiceMetrics

    public init(settings: ServiceSettings) {
        self.settings = settings
        output = LogOutput.standardError(format: settings.logFormat)
        logger = Self.makeLogger(settings, output: output)
        metrics = ServiceMetrics(mode: settings.mode, version: ServiceVersion.current)
        metrics.show(maxStalenessMs: settings.maxStalenessMs)
    }

    static func makeLogger(_ settings: ServiceSettings, output: LogOutput) -> Logger {
        Logger(label: "app-\(settings.mode.rawValue)") { _ in
            LineLogHandler(output: output, level: settings.logLevel)
        }
    }

    /// Serves until SIGTERM, SIGINT or SIGHUP, and then until in-flight requests are done. A second signal exits at
    /// once.
    /// - Returns: the exit code: 0 after a signal, 1 if the service could not start.
    public func run(_ makeFactory: @Sendable (ServiceMetrics, Logger) -> EngineFactory) async -> Int32 {
        signal(SIGPIPE, SIG_IGN)  // hiredis writes with write(2)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let reactor: Reactor
        let instance: ServiceInstance
        do {
            reactor = try Reactor(name: "reactor")
            instance = try await start(on: reactor, makeFactory(metrics, logger))
        } catch {
            StandardError.print("app-\(settings.mode.rawValue): \(error)")
            return 1
        }
        logger.event(
            .serviceStart, .notice, "serving",
            [
                "mode": .string(settings.mode.rawValue), "node_id": .string(settings.nodeID),
                "address": .string("\(settings.httpHost):\(settings.httpPort)"),
                "version": .string(ServiceVersion.current),
            ])
        let flusher = Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                output.flush()
            }
        }
        defer { flusher.cancel() }
        var isStopping = false
        for await received in signals {
            guard !isStopping else { _exit(130) }
            isStopping = true
            logger.event(.serviceStop, .notice, "stopping", ["signal": .string("\(received)")])
            Task {
                let isClean = await reactor.perform { await instance.stop() }
                reactor.stop()
                reactor.join()
                logger.event(.serviceStop, .notice, "stopped", ["cut_off": .stringConvertible(!isClean)])
                output.flush(all: true)
                exit(0)
            }
        }
        return 0
    }

    private func start(on reactor: Reactor, _ factory: EngineFactory) async throws -> ServiceInstance {
        reactor.start()
        return try await reactor.perform { [self] () -> Result<ServiceInstance, HTTPServerError> in
            let instance = ServiceInstance(
                reactor: reactor, settings: settings, metrics: metrics, logger: logger, factory: factory)
            do throws(HTTPServerError) { try instance.start() } catch { return .failure(error) }
            return .success(instance)
        }.get()
    }
}

extension Reactor {
    /// Runs `body` on the reactor's thread and returns its result; from any thread.
    func perform<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) async -> Value {
        await withUnsafeContinuation { continuation in
            submit { [self] in
                spawn { continuation.resume(returning: await body()) }
            }
        }
    }
}

/// Prints lines to standard error without the log.
public enum StandardError {
    public static func print(_ line: String) {
        var text = line + "\n"
        text.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
