import Consistent

extension ConsistentEngine: SimulatedEngine {}

/// One `app-cp`.
typealias CPInstance = SimulatedService<ConsistentEngine>

extension CPInstance {
    convenience init(
        index: Int, world: World, replicas: [SimulatedReplica], near: Set<Int>,
        settings: ConsistentSettings = ConsistentSettings()
    ) {
        self.init(index: index, world: world, replicas: replicas, near: near, scripts: ConsistentScripts.all) {
            ConsistentEngine(group: $0, scheduler: $1, settings: settings)
        }
    }
}
