import ArgumentParser
import Consistent
import Glibc
import Service

extension AppCP {
    struct Init: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init",
            abstract: "Make a group of blank replicas, once. Refuses if that would not be safe.",
            discussion: """
                Probes all replicas first. Writes only if every one of them is blank, or was left half initialised by \
                an earlier init of the same group. If all of them are members of one group already, changes nothing \
                and exits with 0. The services rebuild a blank replica of an existing group automatically.
                """)

        @OptionGroup var options: OperatorOptions
        @Option(
            name: .customLong("once"),
            help: ArgumentHelp(
                """
                Do nothing if this file exists; make it afterwards. For automation: the command cannot detect that \
                all replicas of an existing group were wiped. Keep the file as long as the replicas' data.
                """,
                valueName: "file"))
        var mark: String?

        func run() async throws {
            if let mark {
                if Self.exists(mark) {
                    print("app-cp: the group was initialised before (\(mark))")
                    return
                }
                // Shows that the mark can be made, before the group is.
                Self.make(mark + ".new")
            }
            try await initialize()
            guard let mark else { return }
            guard rename(mark + ".new", mark) == 0 else { Self.failToMake(mark) }
            Self.syncDirectory(of: mark)
        }

        func validate() throws {
            if mark?.isEmpty == true { throw ValidationError("--once needs the name of a file") }
        }

        /// Any error but "no such file" could hide the mark of a group that was lost.
        private static func exists(_ mark: String) -> Bool {
            var status = stat()
            if lstat(mark, &status) == 0 {
                guard status.st_mode & S_IFMT == S_IFREG else { fail("app-cp: '\(mark)' is not a file", exitCode: 1) }
                return true
            }
            guard errno == ENOENT else {
                fail("app-cp: cannot tell whether '\(mark)' exists: \(String(cString: strerror(errno)))", exitCode: 1)
            }
            return false
        }

        private static func make(_ path: String) {
            let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0, fsync(descriptor) == 0, close(descriptor) == 0 else { failToMake(path) }
        }

        private static func failToMake(_ path: String) -> Never {
            fail("app-cp: cannot make '\(path)': \(String(cString: strerror(errno)))", exitCode: 1)
        }

        /// So that the mark survives a power failure.
        private static func syncDirectory(of path: String) {
            let end = path.lastIndex(of: "/")
            let directory = end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
            let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard descriptor >= 0, fsync(descriptor) == 0, close(descriptor) == 0 else { failToMake(path) }
        }

        private func initialize() async throws {
            let service = await options.service.loadSettings(CPSettings.init).service
            let result = try await options.run(service, scripts: ConsistentScripts.all) { group, reactor, deadlineNs in
                let initializer = GroupInitializer(group: group, scheduler: reactor, groupName: service.identity.group)
                group.start()
                return await initializer.run(deadlineNs: deadlineNs)
            }
            switch result {
            case .initialized:
                let names = service.replicas.map(\.name).joined(separator: ", ")
                print("app-cp: the group '\(service.identity.group)' is initialised (\(names))")
            case .alreadyInitialized(let epoch):
                print("app-cp: the group '\(service.identity.group)' is already initialised, in epoch \(epoch)")
            case .refused(let reason):
                fail("app-cp: init refused: \(reason)", exitCode: 1)
            }
        }
    }
}

extension AppCP {
    struct Backup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "backup",
            abstract: "Have the replicas write dumps that can later be told from their current state.",
            discussion: """
                Each replica in turn writes its RDB file (BGSAVE). Then its rollback counter is raised, and all other \
                replicas record it. Requires that every replica is a member and answers.

                Never restore the dump of one replica while the group serves requests: the dump lacks later promises. \
                The services would detect the rollback, erase the replica and rebuild it. Wiping it has the same \
                effect and is quicker.

                To restore a group that is lost as a whole: stop the services, restore the dumps of one backup on all \
                replicas, delete 'cap:rollback_counters' on each of them, and then start the services.
                """)

        @OptionGroup var options: OperatorOptions
        @Option(name: .customLong("replica"), help: "The name of one replica (default: all).")
        var replica: String?

        func run() async throws {
            let service = await options.service.loadSettings(CPSettings.init).service
            let replica = replica
            let result = try await options.run(service, scripts: ConsistentScripts.all) { group, reactor, deadlineNs in
                let backup = GroupBackup(group: group, scheduler: reactor, groupName: service.identity.group)
                group.start()
                return await backup.run(only: replica, deadlineNs: deadlineNs)
            }
            switch result {
            case .written(let dumps):
                for dump in dumps {
                    let path = dump.path ?? "the dump to its configured path"
                    print(
                        "app-cp: \(dump.replica) wrote \(path); the other replicas expect rollback counter "
                            + "\(dump.rollbackCounter) of it")
                }
            case .refused(let reason): fail("app-cp: backup refused: \(reason)", exitCode: 1)
            }
        }
    }
}
