import Replication

/// The arguments of `adopt`, the first script on every new connection (rule A2).
struct AdoptCommand {
    let group: String
    let replica: Bytes
    /// Of the server that answered.
    let runId: Bytes
    /// Stored if a new one is due.
    let newIncarnation: Bytes
    /// The latest clock known elsewhere, in microseconds.
    let latestClockUs: UInt64
    /// How far the replica's last clock may be behind that, in microseconds.
    let maxBehindUs: UInt64
    /// An operator admits the replica however far it is behind.
    let isAdmitted: Bool

    var command: Command {
        Command(
            .script(AvailableScripts.adopt, keys: []),
            arguments: [
                Bytes(group.utf8), replica, runId, newIncarnation, Bytes(decimal: latestClockUs),
                Bytes(decimal: maxBehindUs), isAdmitted ? Arguments.one : Arguments.zero,
            ])
    }
}
