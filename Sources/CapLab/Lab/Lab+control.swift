import EventLoop
import FoundationEssentials
import Glibc

extension Lab {
    /// Performs a control request. Repeating a request leaves the lab in the same state.
    func handle(_ request: ControlRequest) async -> ControlReply {
        do throws(LabError) {
            switch request.command {
            case .partition:
                return try changeFaults(request, with: try request.faultMode())
            case .heal:
                return try changeFaults(request, with: nil)
            case .status:
                return ControlReply(status: status)
            case .redis:
                let node = try topology.find(request.target ?? "")
                guard !node.isService else { throw LabError("\(node.name) is a service, not a Redis", exitCode: 2) }
                return ControlReply(redis: .init(port: ports[node.name] ?? 0, password: password))
            case .pause, .resume, .kill, .start, .wipe:
                return ControlReply(message: try await changeProcess(request))
            }
        } catch {
            return ControlReply(exitCode: error.exitCode, message: error.message)
        }
    }

    /// - Parameter mode: the fault to add; nil to remove all faults of the links.
    private func changeFaults(_ request: ControlRequest, with mode: FaultMode?) throws(LabError) -> ControlReply {
        let chosen = try request.links(in: topology)
        guard !settings.isDirect else { throw LabError("this lab was started with --direct: it has no relays") }
        for (link, directions) in chosen {
            guard let relay = relays[link] else { throw LabError("the lab is still starting") }
            var fault = mode == nil ? .none : relay.fault
            if let mode { fault.add(mode, directions) }
            relay.apply(fault)
        }
        let count = "\(chosen.count) link\(chosen.count == 1 ? "" : "s")"
        let message =
            switch mode {
            case nil: "healed \(request.place): \(count) open"
            case .delay(ms: 0): "no delay \(request.place): \(count)"
            default: "partition \(request.place): \(request.mode ?? "drop") on \(count)"
            }
        return ControlReply(message: message)
    }

    private func changeProcess(_ request: ControlRequest) async throws(LabError) -> String {
        let node = try topology.find(request.target ?? "")
        guard let process = processes[node.name] else { throw LabError("the lab is still starting") }
        switch (request.command, process.state) {
        case (.pause, .paused), (.resume, .running): break
        case (.pause, .running): process.signal(SIGSTOP)
        case (.resume, .paused): process.signal(SIGCONT)
        case (.kill, .running), (.kill, .paused): try await kill(process)
        case (.wipe, _):
            guard !node.isService else {
                throw LabError("\(node.name) is a service and has no data; wipe a replica", exitCode: 2)
            }
            try await kill(process)
            // There is no `await` until the process is started, so no other request can start it meanwhile.
            try deleteData(of: node)
            try process.start()
            try await untilReady(node, timeoutMs: 20_000)
        case (.kill, .ended), (.kill, .notStarted), (.start, .running): break
        case (.start, .ended), (.start, .notStarted):
            try process.start()
            // A service that starts during a partition may answer that it is not ready.
            try await untilReady(node, timeoutMs: 20_000, acceptsUnready: node.isService)
        case (.start, .paused): throw LabError("\(node.name) is paused; use: caplab resume \(node.name)")
        default: throw LabError("\(node.name) is not running; use: caplab start \(node.name)")
        }
        let pid = process.state.pid.map { ", pid \($0)" } ?? ""
        return "\(node.name): \(process.state.summary)\(pid), port \(ports[node.name] ?? 0)"
    }

    private func kill(_ process: NodeProcess) async throws(LabError) {
        process.signal(SIGKILL)
        guard await process.ended(withinMs: 5_000) else { throw LabError("\(process.name) did not exit") }
    }

    /// Deletes everything in the node's directory. The node's process must not be running.
    private func deleteData(of node: Node) throws(LabError) {
        let directory = "\(dataPath)/\(node.name)"
        do {
            for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
                try FileManager.default.removeItem(atPath: "\(directory)/\(name)")
            }
        } catch {
            throw LabError("cannot delete the data in \(directory): \(error)")
        }
    }

    var status: LabStatus {
        LabStatus(
            pid: getpid(), dataDirectory: dataPath,
            nodes: topology.nodes.map { node in
                let state = processes[node.name]?.state ?? .notStarted
                return LabStatus.NodeStatus(
                    name: node.name, group: node.group, site: node.site, kind: node.isService ? "service" : "replica",
                    state: state.summary, pid: state.pid, port: ports[node.name] ?? 0)
            },
            links: topology.links.compactMap { link in
                guard let relay = relays[link] else { return nil }
                return LabStatus.LinkStatus(
                    service: link.service, replica: link.replica, state: relay.fault.summary, port: relay.port,
                    connections: relay.connectionCount, heldBytes: relay.bufferedBytes,
                    bytesFromService: relay.bytesFromService, bytesFromReplica: relay.bytesFromReplica)
            })
    }
}
