import EventLoop
import FoundationEssentials
import Glibc

extension Lab {
    /// The longest waits: until a redis-server has loaded its data, until a service has connected and loaded its
    /// scripts, and until `app-cp init` has ended.
    private static let redisStartMs: UInt64 = 30_000
    private static let serviceStartMs: UInt64 = 20_000
    private static let initMs: UInt64 = 30_000

    /// Starts everything, and returns when the services are ready. Call ``stop()`` even if this throws.
    func start() async throws(LabError) {
        let executables = try Executables(
            binDirectory: settings.programs.binDirectory, environment: settings.environment)
        try runDirectory.prepare()
        resources.lockDescriptor = try runDirectory.lock()
        try choosePorts()
        try chooseDataPath()
        resources.spawner = try Spawner(
            runDirectory: runDirectory, paths: settings.dataDirectory == nil ? [dataPath] : [])
        try makeDataDirectories()
        try makeCertificate()
        resources.control = try ControlServer(path: runDirectory.socketPath, on: reactor) { [unowned self] in
            await handle($0)
        }

        for node in topology.replicas { try start(node, plan: redisPlan(node, executables)) }
        for node in topology.replicas { try await untilReady(node, timeoutMs: Self.redisStartMs) }
        try await initialise(executables)
        if !settings.isDirect { try makeRelays() }
        try makeBugProxy()
        for node in topology.services { try start(node, plan: servicePlan(node, executables)) }
        for node in topology.services { try await untilReady(node, timeoutMs: Self.serviceStartMs) }
        reactor.spawn { [self] in await limitLogs() }
    }

    // MARK: Preparing

    private func choosePorts() throws(LabError) {
        var chosen = try settings.ports.required(in: topology)
        let pagePort = settings.ports.pagePort
        if let pagePort { try Ports.requireFree(pagePort, for: "the page", besides: "--page-port") }
        for node in topology.nodes {
            if let port = chosen[node.name] { try Ports.requireFree(port, for: node.name) }
        }
        let others = topology.nodes.filter { chosen[$0.name] == nil }
        resources.reservedPorts = try Ports.free(others.count + 2)
        var free = resources.reservedPorts.map(\.port)
        self.pagePort = pagePort ?? (settings.ports.hasPage ? free.removeLast() : 0)
        resources.hiddenPort = settings.bug == nil ? nil : free.removeLast()
        for (node, port) in zip(others, free) { chosen[node.name] = port }
        ports = chosen
    }

    private func chooseDataPath() throws(LabError) {
        if let kept = settings.dataDirectory {
            resources.dataPath = Executables.absolute(kept)
        } else {
            let base = settings.environment["TMPDIR"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp"
            resources.dataPath = "\(base)/caplab-data-\(getpid())-\(Self.randomName(8))"
        }
        guard !dataPath.contains("\n") else {
            throw LabError("the data directory's name must not contain a line break")
        }
    }

    private func makeDataDirectories() throws(LabError) {
        do {
            let files = FileManager.default
            let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o700]
            for directory in ["logs"] + topology.nodes.map(\.name) {
                try files.createDirectory(
                    atPath: "\(dataPath)/\(directory)", withIntermediateDirectories: true, attributes: attributes)
            }
        } catch {
            throw LabError("cannot make the data directory \(dataPath): \(error)")
        }
    }

    private func makeRelays() throws(LabError) {
        for link in topology.links {
            guard let port = ports[link.replica] else { continue }
            do {
                relays[link] = try Relay(link, replicaPort: port, on: reactor)
            } catch {
                throw LabError("cannot make a relay: \(error.message)")
            }
        }
    }

    /// Starts the proxy of the deliberate bug, if the lab has one. The proxy listens on the port that clients use for
    /// the service, and the service itself listens on a hidden port.
    private func makeBugProxy() throws(LabError) {
        guard let bug = settings.bug, let port = ports[bug.service], let hidden = resources.hiddenPort else { return }
        do {
            resources.bugProxy = try BugProxy(bug, port: port, servicePort: hidden, on: reactor)
        } catch {
            throw LabError("cannot put the bug '\(bug.rawValue)' in front of \(bug.service): \(error.message)")
        }
    }

    // MARK: Launch plans

    private func redisPlan(_ node: Node, _ executables: Executables) -> LaunchPlan {
        let directory = "\(dataPath)/\(node.name)"
        // Pass the configuration on standard input: any user could read a password on the command line.
        let lines =
            [
                "bind 127.0.0.1", "port \(ports[node.name] ?? 0)", "dir \(Self.quoted(directory))", "daemonize no",
                "requirepass \(password)", "save \"\"", "appendonly yes",
                "appendfsync \(node.group == .cp ? "always" : "everysec")", "no-appendfsync-on-rewrite no",
                "maxmemory-policy noeviction", "tcp-backlog 128",
            ] + (settings.programs.redisArguments[node.group] ?? [])
        return LaunchPlan(
            program: executables.redisServer, arguments: ["-"],
            environment: clockEnvironment(of: node).merging(["PATH": "/usr/bin:/bin"]) { $1 },
            input: Array((lines.joined(separator: "\n") + "\n").utf8), logPath: logPath(node.name),
            workingDirectory: directory)
    }

    /// The text in quotes, for a configuration file of Redis.
    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    private func servicePlan(_ node: Node, _ executables: Executables, arguments: [String] = []) -> LaunchPlan {
        var environment = settings.environment.filter { settings.isInteractive || $0.key == "PATH" }
        environment["SECRET_KEY"] = secretKey
        environment.merge(tlsEnvironment) { $1 }
        environment.merge(settings.programs.serviceEnvironment) { $1 }
        let replicas = topology.replicas(of: node.group)
        environment["REPLICAS"] = replicas.map { replica in
            let relay = relays[Link(service: node.name, replica: replica.name)]
            return "\(replica.replicaID ?? "")=redis://127.0.0.1:\(relay?.port ?? ports[replica.name] ?? 0)"
        }.joined(separator: ",")
        environment["NEAR_REPLICAS"] = replicas.filter { $0.site == node.site }.compactMap(\.replicaID)
            .joined(separator: ",")
        environment["REDIS_PASSWORD"] = password
        environment["NODE_ID"] = node.name
        environment["SITE"] = node.site.rawValue
        environment["HTTP_BIND"] = "127.0.0.1"
        let hidden = settings.bug?.service == node.name ? resources.hiddenPort : nil
        environment["HTTP_PORT"] = String(hidden ?? ports[node.name] ?? 0)
        if arguments.isEmpty { environment.merge(clockEnvironment(of: node)) { $1 } }
        return LaunchPlan(
            program: node.group == .cp ? executables.appCP : executables.appAP, arguments: arguments,
            environment: environment, logPath: logPath(arguments.isEmpty ? node.name : "app_cp_init"),
            workingDirectory: "\(dataPath)/\(node.name)")
    }

    private func logPath(_ name: String) -> String { "\(dataPath)/logs/\(name).log" }

    // MARK: Starting and waiting

    private func start(_ node: Node, plan: LaunchPlan) throws(LabError) {
        guard let spawner = resources.spawner else { return }
        let process = NodeProcess(name: node.name, plan: plan, spawner: spawner, on: reactor)
        processes[node.name] = process
        try process.start()
    }

    /// Runs `app-cp init`, which creates the CP group. It connects directly to the replicas, because no relay exists
    /// yet.
    private func initialise(_ executables: Executables) async throws(LabError) {
        guard let spawner = resources.spawner, let node = topology.services.first(where: { $0.group == .cp }) else {
            return
        }
        let plan = servicePlan(node, executables, arguments: ["init"])
        let process = NodeProcess(name: "app-cp init", plan: plan, spawner: spawner, on: reactor)
        processes[process.name] = process
        try process.start()
        guard await process.ended(withinMs: Self.initMs) else { throw LabError("app-cp init did not exit") }
        try checkNotStopping()
        guard process.state.exitCode == 0 else {
            throw LabError("app-cp init \(process.state.summary)\(endOfLog(plan.logPath))")
        }
    }

    /// Asks the node repeatedly until it is ready.
    /// - Parameter acceptsUnready: true if it suffices that a service answers, even if it is not ready, for example
    ///   during a partition.
    func untilReady(_ node: Node, timeoutMs: UInt64, acceptsUnready: Bool = false) async throws(LabError) {
        guard let process = processes[node.name] else { return }
        let deadlineNs = reactor.nowNs &+ timeoutMs * nsPerMs
        while !(await isReady(node, acceptsUnready)) {
            try checkNotStopping()
            guard process.state.pid != nil else {
                throw LabError("\(node.name) \(process.state.summary)\(endOfLog(process.plan.logPath))")
            }
            guard reactor.nowNs < deadlineNs else {
                throw LabError(
                    "\(node.name) was not ready after \(timeoutMs / 1_000) s\(endOfLog(process.plan.logPath))")
            }
            await reactor.sleep(forNs: 20 * nsPerMs)
        }
        try checkNotStopping()
    }

    private func isReady(_ node: Node, _ acceptsUnready: Bool) async -> Bool {
        let port = ports[node.name] ?? 0
        guard node.isService else {
            return RedisClient(port: port, password: password, timeoutMs: 1_000)?.ask([["PING"]]) == [["PONG"]]
        }
        let status = await HTTPConnection.ask(
            HTTPRequest(path: "/health/ready"), at: address(of: node), timeoutMs: 1_000, on: reactor
        ).status
        return status == 200 || (acceptsUnready && status == 503)
    }

    /// The last lines of a log, for an error message. The message needs them, because the lab may remove the log before
    /// the user can open it.
    private func endOfLog(_ logPath: String) -> String {
        let text = (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? ""
        let lines = text.split(separator: "\n").suffix(3).map { String($0.prefix(300)) }
        return lines.isEmpty ? "" : ": " + lines.joined(separator: " | ")
    }
}
