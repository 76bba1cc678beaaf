import Available

extension AvailableEngine: SimulatedEngine {}

/// One instance of `app-ap`.
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

    /// Reads a key. Returns nil if the instance is not running, or crashes before it answers.
    func read(_ request: ReadRequest) async -> Result<ReadResult, AvailableFailure>? {
        await run { engine in
            do throws(AvailableFailure) {
                return .success(try await engine.read(request))
            } catch {
                return .failure(error)
            }
        }
    }

    /// Changes a key. Returns nil if the instance is not running, or crashes before it answers.
    func change(_ request: ChangeRequest) async -> Result<ChangeResult, AvailableFailure>? {
        await run { engine in
            do throws(AvailableFailure) {
                return .success(try await engine.change(request))
            } catch {
                return .failure(error)
            }
        }
    }
}
