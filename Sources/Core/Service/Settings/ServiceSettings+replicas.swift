import Redis

extension ServiceSettings {
    static func replicas(from reader: inout SettingsReader) -> [RedisReplica] {
        let password = reader.secret(
            "REDIS_PASSWORD", default: "",
            help: "Password of replicas without one in their URL; empty for no password.")
        return reader.value(
            "REPLICAS",
            default: "g1=redis://127.0.0.1:6379,g2=redis://127.0.0.1:6380,g3=redis://127.0.0.1:6381",
            help: "The replicas, the same list for all instances: name=redis://host:port, separated by commas."
        ) { text throws(SettingError) in try parse(text, password: password) }
    }

    static func nearReplicas(among replicas: [RedisReplica], from reader: inout SettingsReader) -> Set<String> {
        let areReplicasKnown = reader.isValid("REPLICAS")
        return reader.value(
            "NEAR_REPLICAS", default: "",
            help: "Replicas of this site, asked first; separated by commas. Empty to order by latency alone."
        ) { text throws(SettingError) in
            let names = text.split(separator: ",").map { String($0.drop { $0 == " " }) }
            let unknown = names.first { name in !replicas.contains { $0.name == name } }
            if areReplicasKnown, let unknown {
                throw SettingError("names '\(unknown)', which REPLICAS does not")
            }
            return Set(names)
        }
    }

    /// Parses `name=url,name=url`.
    private static func parse(_ text: String, password: String) throws(SettingError) -> [RedisReplica] {
        var replicas: [RedisReplica] = []
        for (index, item) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
            let parts = item.split(separator: "=", maxSplits: 1).map(String.init)
            // An entry may contain a password, even in place of its name, so the message shows only its number.
            let entry = "entry \(index + 1)"
            guard parts.count == 2 else {
                throw SettingError("must list replicas as name=redis://host:port; \(entry) is none")
            }
            let name = String(parts[0].drop { $0 == " " })
            guard isName(name) else { throw SettingError("has no valid name in \(entry): \(nameRule)") }
            do throws(RedisEndpointError) {
                var endpoint = try RedisEndpoint(url: parts[1])
                if endpoint.password == nil, !password.isEmpty { endpoint.password = password }
                replicas.append(RedisReplica(name: name, endpoint: endpoint))
            } catch {
                throw SettingError("has a bad URL for '\(name)': it \(error)")
            }
        }
        guard Set(replicas.map(\.name)).count == replicas.count else { throw SettingError("names a replica twice") }
        let addresses = replicas.map { "\($0.endpoint.host):\($0.endpoint.port)" }
        guard Set(addresses).count == replicas.count else {
            throw SettingError("names one server twice: each replica needs its own server")
        }
        guard (1...maxReplicas).contains(replicas.count) else {
            throw SettingError("must list 1 to \(maxReplicas) replicas")
        }
        return replicas
    }
}

extension RedisTLSFiles {
    init(from reader: inout SettingsReader, replicas: [RedisReplica]) {
        self.init()
        authorities = reader.path(
            "REDIS_TLS_CA_FILE",
            help: "Authorities, as PEM, that may sign the certificate of a rediss:// replica. Empty: the system's.")
        certificate = reader.path(
            "REDIS_TLS_CERT_FILE",
            help: "Certificate that this service presents to rediss:// replicas, and those between it and the root, as "
                + "PEM. Empty: none.")
        key = reader.path("REDIS_TLS_KEY_FILE", help: "Private key of that certificate, as PEM.")
        if let (name, problem) = problem(areUsed: replicas.contains(where: \.endpoint.isTLS)),
            reader.isValid("REPLICAS")
        {
            reader.reject(name, problem)
        }
    }

    private func problem(areUsed: Bool) -> (name: String, problem: String)? {
        if certificate != nil, key == nil {
            return (Role.key.settingName, "must be set, because REDIS_TLS_CERT_FILE is")
        }
        if key != nil, certificate == nil {
            return (Role.certificate.settingName, "must be set, because REDIS_TLS_KEY_FILE is")
        }
        guard areUsed else {
            // Otherwise the connections would silently be plain TCP.
            let role = Role.allCases.first { self[$0] != nil }
            return role.map { ($0.settingName, "is set, but no URL in REPLICAS begins with rediss://") }
        }
        do throws(RedisTLSError) { try check() } catch {
            // Without a role, the cause is usually the list of the system's authorities, which this file replaces.
            guard let role = error.role else { return (Role.authorities.settingName, "may be necessary: \(error)") }
            return (role.settingName, error.problem)
        }
        return nil
    }

    private subscript(role: Role) -> String? {
        switch role {
        case .authorities: authorities
        case .certificate: certificate
        case .key: key
        }
    }
}

extension RedisTLSFiles.Role {
    fileprivate var settingName: String {
        switch self {
        case .authorities: "REDIS_TLS_CA_FILE"
        case .certificate: "REDIS_TLS_CERT_FILE"
        case .key: "REDIS_TLS_KEY_FILE"
        }
    }
}

extension SettingsReader {
    /// - Returns: nil if the setting is empty.
    fileprivate mutating func path(_ name: String, help: String) -> String? {
        let text = string(name, default: "", help: help)
        return text.isEmpty ? nil : text
    }
}

extension RedisGroupSettings {
    /// - Parameter requestTimeoutMs: the deadline of a complete request, in milliseconds.
    init(from reader: inout SettingsReader, requestTimeoutMs: UInt64) {
        self.init()
        timeouts.callMs = reader.integer(
            "REPLICA_TIMEOUT_MS", default: max(10, requestTimeoutMs / 4), in: 1...60_000,
            help: "A replica that does nothing for a command for this long has failed once, in milliseconds; default: "
                + "a quarter of NETWORK_TIMEOUT_SEC.")
        // Long enough to distinguish a stopped replica from a slow one, and short enough that requests in flight to it
        // are answered before their deadline.
        timeouts.stallMs = timeouts.callMs * 2
        timeouts.connectMs = timeouts.callMs * 2
        limits.maxInFlight = reader.integer(
            "MAX_IN_FLIGHT_PER_REPLICA", default: limits.maxInFlight, in: 1...100_000,
            help: "Unanswered commands per connection; above it 503 overloaded.")
        breaker.failureThreshold = reader.integer(
            "BREAKER_FAILURES", default: breaker.failureThreshold, in: 1...1_000,
            help: "Failures in a row that open a replica's breaker.")
        breaker.openForMs = reader.integer(
            "BREAKER_OPEN_MS", default: breaker.openForMs, in: 10...60_000,
            help: "First pause before an open breaker retries its replica, in milliseconds; doubles up to "
                + "BREAKER_MAX_OPEN_MS.")
        breaker.maxOpenForMs = reader.integer(
            "BREAKER_MAX_OPEN_MS", default: breaker.maxOpenForMs, in: 10...600_000,
            help: "Longest such pause, in milliseconds: the delay until a healed replica is used again.")
        if breaker.maxOpenForMs < breaker.openForMs, reader.isValid("BREAKER_OPEN_MS"),
            reader.isValid("BREAKER_MAX_OPEN_MS")
        {
            reader.reject("BREAKER_MAX_OPEN_MS", "must not be below BREAKER_OPEN_MS")
        }
    }
}
