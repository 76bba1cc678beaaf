import ArgumentParser
import Consistent

extension AppCP {
    struct Init: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init",
            abstract: "Make a group of blank replicas, once. Refuses if that would not be safe.",
            discussion: """
                Probes all replicas first. Writes only if every one of them is blank, or was left half initialised by \
                an earlier init of the same group. If all of them are members of one group already, changes nothing \
                and exits with 0. The services rebuild a blank replica of a group in use by themselves.
                """)

        @OptionGroup var options: OperatorOptions

        func run() async throws {
            let done = try await options.run { session in
                let initializer = GroupInitializer(
                    group: session.group, scheduler: session.reactor, groupName: session.groupName)
                session.group.start()
                return await initializer.run(deadlineNs: session.deadlineNs)
            }
            guard let (settings, result) = done else { return }
            let names = settings.service.replicas.map(\.name).joined(separator: ", ")
            switch result {
            case .initialized:
                print("app-cp: the group '\(settings.service.group)' is initialised (\(names))")
            case .alreadyInitialized(let epoch):
                print("app-cp: the group '\(settings.service.group)' is initialised already, in epoch \(epoch)")
            case .refused(let reason):
                OperatorOptions.refuse("init", reason)
            }
        }
    }
}
