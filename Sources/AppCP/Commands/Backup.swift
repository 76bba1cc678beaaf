import ArgumentParser
import Consistent

extension AppCP {
    struct Backup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "backup",
            abstract: "Have the replicas write dumps that cannot be mistaken for their present state.",
            discussion: """
                One replica after another writes its RDB file (BGSAVE); then its beat is raised and noted by all others. \
                Refuses unless every replica is a member and answers.

                Never give one replica of a living group its dump back: it has forgotten promises. It would be found \
                behind its beat, made blank and rebuilt; wiping it is the same and quicker. To bring a whole lost group \
                back, stop the services, give all replicas their dumps of one backup, delete 'cap:rollback_counters' on each of \
                them, and only then start the services.
                """)

        @OptionGroup var options: OperatorOptions
        @Option(name: .customLong("replica"), help: "The name of one replica; all where this is left out.")
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
                    let place = dump.path ?? "where its configuration says"
                    print(
                        "app-cp: \(dump.replica) has written \(place); the others expect rollback counter \(dump.beat) of it"
                    )
                }
            case .refused(let reason): OperatorOptions.refuse("backup", reason)
            }
        }
    }
}
