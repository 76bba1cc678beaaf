import ArgumentParser
import Consistent

extension AppCP {
    struct Backup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "backup",
            abstract: "Have the replicas write dumps that can later be told from their current state.",
            discussion: """
                Each replica in turn writes its RDB file (BGSAVE). Then its rollback counter is raised, and all other \
                replicas record it. Requires that every replica is a member and answers.

                Never restore the dump of one replica while the group is in use: the dump lacks promises made since. The \
                services would detect the rollback, erase the replica and rebuild it; wiping it has the same effect and is \
                quicker. To restore a group that is lost as a whole: stop the services, restore the dumps of one backup on \
                all replicas, delete 'cap:rollback_counters' on each of them, and then start the services.
                """)

        @OptionGroup var options: OperatorOptions
        @Option(name: .customLong("replica"), help: "The name of one replica (default: all).")
        var replica: String?

        func run() async throws {
            let done = try await options.run { [replica] session in
                let backup = GroupBackup(
                    group: session.group, scheduler: session.reactor, groupName: session.groupName)
                session.group.start()
                return await backup.run(only: replica, deadlineNs: session.deadlineNs)
            }
            guard let (_, result) = done else { return }
            switch result {
            case .written(let dumps):
                for dump in dumps {
                    let path = dump.path ?? "the dump to its configured path"
                    print(
                        "app-cp: \(dump.replica) wrote \(path); the other replicas expect rollback counter "
                            + "\(dump.rollbackCounter) of it")
                }
            case .refused(let reason): OperatorOptions.refuse("backup", reason)
            }
        }
    }
}
