import TLS
import TestSupport

/// Three replicas and one instance of a service on them: no relays, no sites.
final class ServiceOnReplicas: Sendable {
    let servers: [RedisServer]
    let service: ServiceProcess
    /// The session that ``write(_:_:headers:)`` and ``read(_:)`` use.
    let session: ClientSession

    private init(
        _ name: String, servers: [RedisServer], settings: [String: String], token: String? = nil,
        descriptorLimit: Int? = nil, trust: TLSClientSession.Credentials? = nil
    ) throws {
        self.servers = servers
        service = try ServiceProcess(
            name, environment: Self.environment(servers).merging(settings) { $1 }, descriptorLimit: descriptorLimit,
            trust: trust)
        let service = service
        session = ClientSession(service)
        let headers = token.map { ["Authorization": "Bearer \($0)"] } ?? [:]
        guard try eventually({ try service.http("GET", "/health", headers: headers).string("status") == "ok" }) else {
            throw TestFailure("\(name) does not reach all replicas")
        }
        // In a new AP group, anti-entropy first compares the blank replicas. Until it has finished, the staleness is
        // unknown.
        guard try name == "app-cp" || eventually({ try Self.areAgesKnown(service, headers) }) else {
            throw TestFailure("\(name) does not know how old its answers are")
        }
    }

    private static func areAgesKnown(_ service: ServiceProcess, _ headers: [String: String]) throws -> Bool {
        try service.http("GET", "/replicas", headers: headers).objects("replicas").allSatisfy {
            $0["staleness_ms"] is Int
        }
    }

    static func environment(_ servers: [RedisServer]) -> [String: String] {
        let replicas = servers.enumerated().map { "g\($0 + 1)=\($1.url)" }.joined(separator: ",")
        return ["REPLICAS": replicas]
    }

    /// Starts `app-cp` on a new group that was initialised.
    static func cp(
        settings: [String: String] = [:], token: String? = nil, descriptorLimit: Int? = nil,
        trust: TLSClientSession.Credentials? = nil
    ) throws -> ServiceOnReplicas {
        let servers = try (0..<3).map { _ in try RedisServer() }
        let result = try ServiceProcess.run("app-cp", ["init"], environment: environment(servers))
        guard result.code == 0 else { throw TestFailure("init: \(result.errors)") }
        return try ServiceOnReplicas(
            "app-cp", servers: servers, settings: settings, token: token, descriptorLimit: descriptorLimit,
            trust: trust)
    }

    static func ap(
        settings: [String: String] = [:], token: String? = nil, descriptorLimit: Int? = nil,
        trust: TLSClientSession.Credentials? = nil
    ) throws -> ServiceOnReplicas {
        try ServiceOnReplicas(
            "app-ap", servers: (0..<3).map { _ in try RedisServer() }, settings: settings, token: token,
            descriptorLimit: descriptorLimit, trust: trust)
    }

    /// - Parameter token: a token with the scopes `admin` and `metrics`; nil if requests need none.
    static func make(
        _ mode: String, settings: [String: String] = [:], token: String? = nil, descriptorLimit: Int? = nil,
        trust: TLSClientSession.Credentials? = nil
    ) throws -> ServiceOnReplicas {
        mode == "cp"
            ? try cp(settings: settings, token: token, descriptorLimit: descriptorLimit, trust: trust)
            : try ap(settings: settings, token: token, descriptorLimit: descriptorLimit, trust: trust)
    }

    /// The values of `/metrics` by series.
    func metrics() throws -> [String: Double] {
        let lines = try service.http("GET", "/metrics").text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        let samples = lines.compactMap { line in
            line.lastIndex(of: " ").map { (String(line[..<$0]), Double(line[line.index(after: $0)...]) ?? .nan) }
        }
        return Dictionary(uniqueKeysWithValues: samples)
    }

    /// The sum of all labelled series of a metric.
    func total(_ metric: String) throws -> Double {
        try metrics().filter { $0.key.hasPrefix(metric + "{") }.values.reduce(0, +)
    }

    func write(_ key: String, _ value: String, headers: [String: String] = [:]) throws -> HTTPAnswer {
        try session.write(key, value, headers: headers)
    }

    func read(_ key: String) throws -> HTTPAnswer { try session.read(key) }
}
