import EventLoop
import Replication

/// Dependencies that all components of the engine share: the replicas and their known state, time, settings, and the
/// receiver of events.
final class Environment {
    let group: any ReplicaGroup
    let scheduler: any Scheduler
    let settings: AvailableSettings
    let replicas: ReplicaTable
    /// For calls that wait for all replies, with ``AvailableSettings/Timeouts/callMs`` as timeout.
    let client: ReplicaClient
    let events: (any AvailableEvents)?

    init(
        group: any ReplicaGroup, scheduler: any Scheduler, settings: AvailableSettings,
        events: (any AvailableEvents)?
    ) {
        self.group = group
        self.scheduler = scheduler
        self.settings = settings
        self.events = events
        replicas = ReplicaTable(group: group, scheduler: scheduler)
        client = ReplicaClient(
            group: group, scheduler: scheduler, timeoutNs: settings.timeouts.callMs * nsPerMs)
    }

    var nowNs: UInt64 { scheduler.nowNs }
}
