import EventLoop
import Glibc
import HTTP
import Logging
import Telemetry
import UnixSignals

/// Starts a service on its reactors, waits for a signal, and stops it.
public struct ServiceRunner: Sendable {
    private let settings: ServiceSettings
    private let output: LogOutput
    private let logger: Logger
    private let metrics: ServiceMetrics

    /// - Throws: ``MetricError``, which is a mistake in this program.
    public init(settings: ServiceSettings) throws(MetricError) {
        self.settings = settings
        output = LogOutput.standardError(format: settings.logFormat)
        logger = Self.makeLogger(settings, output: output)
        metrics = try ServiceMetrics(mode: settings.mode, version: ServiceVersion.current)
        metrics.show(maxStalenessMs: settings.maxStalenessMs)
    }

    static func makeLogger(_ settings: ServiceSettings, output: LogOutput) -> Logger {
        Logger(label: "app-\(settings.mode.rawValue)") { _ in
            LineLogHandler(output: output, level: settings.logLevel)
        }
    }

    /// Serves until SIGTERM, SIGINT or SIGHUP, and then until what is under way is done. A second signal ends the process at once.
    /// - Returns: the exit code: 0 after a stop by signal, 1 where it could not start.
    public func run(_ makeFactory: @Sendable (ServiceMetrics, Logger) -> EngineFactory) async -> Int32 {
        signal(SIGPIPE, SIG_IGN)  // hiredis writes with write(2)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let instances: [ServiceInstance]
        do {
            instances = try await start(makeFactory(metrics, logger))
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
                "reactors": .stringConvertible(instances.count),
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
                let isClean = await stop(instances)
                logger.event(.serviceStop, .notice, "stopped", ["cut_off": .stringConvertible(!isClean)])
                output.flush(all: true)
                exit(0)
            }
        }
        return 0
    }

    private func start(_ factory: EngineFactory) async throws -> [ServiceInstance] {
        // Where several servers share a port, the kernel would let them share it with another process too.
        try HTTPServer.checkPortIsFree(host: settings.httpHost, port: settings.httpPort)
        let gauges = InstanceGauges(
            metrics: metrics, nodes: settings.replicas.map(\.name), reactorCount: settings.reactorCount)
        var instances: [ServiceInstance] = []
        for index in 0..<settings.reactorCount {
            let reactor = try Reactor(name: "reactor-\(index)")
            reactor.start()
            instances.append(
                ServiceInstance(
                    reactor: reactor, settings: settings, metrics: metrics, gauges: gauges.shares[index],
                    logger: logger))
        }
        for instance in instances { await instance.perform { $0.connect(factory) } }
        let peers = instances
        for instance in instances {
            let failure = await instance.perform { instance -> HTTPServerError? in
                do throws(HTTPServerError) { try instance.listen(peers: peers) } catch { return error }
                return nil
            }
            if let failure { throw failure }
        }
        return instances
    }

    private func stop(_ instances: [ServiceInstance]) async -> Bool {
        var isClean = true
        await withTaskGroup(of: Bool.self) { group in
            for instance in instances { group.addTask { await instance.perform { await $0.stop() } } }
            for await result in group { isClean = isClean && result }
        }
        for instance in instances { instance.reactor.stop() }
        for instance in instances { instance.reactor.join() }
        return isClean
    }
}

/// One line to standard error, for what happens before there is a log or must be read without one.
public enum StandardError {
    public static func print(_ line: String) {
        var text = line + "\n"
        text.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
