import Available

extension AvailableEngine: SimulatedEngine {}

/// One `app-ap`.
typealias APInstance = SimulatedService<AvailableEngine>

extension APInstance {
    convenience init(
        index: Int, world: World, replicas: [SimulatedReplica], near: Set<Int>, settings: AvailableSettings
    ) {
        var settings = settings
        settings.preferredReplicas = Set(near.map { "g\($0 + 1)" })
        self.init(index: index, world: world, replicas: replicas, near: near, scripts: AvailableScripts.all) {
            [settings] in AvailableEngine(group: $0, scheduler: $1, settings: settings)
        }
    }
}
