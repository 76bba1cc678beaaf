import EventLoop
import Replication

/// Dependencies that every component of the engine shares: the replicas and what is known of them, time, the settings,
/// and the receiver of events.
final class Environment {
    let group: any ReplicaGroup
    let scheduler: any Scheduler
    let settings: AvailableSettings
    let replicas: ReplicaTable
    /// For everything that waits for all replies, with ``AvailableSettings/Timeouts/callMs``.
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
