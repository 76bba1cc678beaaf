/// Where the promise of `app-ap` begins: a service must answer as long as it can reach one replica, so a check may not take
/// the last one from it.
struct ReachRule {
    let topology: Topology
    let services: [Node]
    /// By service: the replicas that it says it can reach.
    var usable: [String: Set<String>] = [:]
    /// Services that were themselves stopped or killed: they have to find a replica again before anything counts.
    var down: Set<String> = []

    /// Whether each service keeps a replica that it reaches now and that none of these faults harms.
    func holds(under faults: [CheckFault]) -> Bool {
        services.allSatisfy { service in
            topology.links.contains { link in
                link.service == service.name && !faults.contains { $0.harms(link) }
                    && (down.contains(service.name) || usable[service.name]?.contains(link.replica) == true)
            }
        }
    }
}
