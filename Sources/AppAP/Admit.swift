import ArgumentParser
import Available
import EventLoop
import Service

extension AppAP {
    /// Admits a replica that was rejected because its last stored time is too old (rule A10).
    struct Admit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Admit a replica that was rejected as too old.",
            discussion: """
                A replica that was unreachable for more than half of AP_TOMBSTONE_GRACE_SEC, or holds a dump that \
                old, may bring back values that were deleted since, and is rejected. If the other replicas were in \
                use meanwhile, stop it, delete its data and start it instead: the others fill it again. Admit a \
                replica only if nothing was deleted meanwhile: the whole group was off, or a clock was wrong. A \
                replica in use is not changed.
                """)

        @Argument(help: "The replica's name in REPLICAS.") var replica: String
        @OptionGroup var options: OperatorOptions

        func run() async throws {
            let settings = await options.service.loadSettings(APSettings.init)
            var service = settings.service
            service.replicas.removeAll { $0.name != replica }
            guard !service.replicas.isEmpty else { Self.refuse("REPLICAS names no '\(replica)'") }
            var admitting = settings.engine
            admitting.writeAcks = 1
            admitting.admittedReplicas = [replica]
            let engineSettings = admitting
            let outcome = try await options.run(service, scripts: AvailableScripts.all) { group, reactor, deadlineNs in
                let admissions = Admissions()
                let engine = AvailableEngine(
                    group: group, scheduler: reactor, settings: engineSettings, events: admissions)
                group.start()
                while engine.status()[0].isReachable == false, engine.status()[0].refusal == nil,
                    reactor.nowNs < deadlineNs
                {
                    await reactor.sleep(forNs: 20 * nsPerMs)
                }
                let status = engine.status()[0]
                guard status.isReachable else { return Outcome.failed(reason: status.refusal ?? "it does not answer") }
                return admissions.count > 0 ? .admitted : .wasAdmitted
            }
            switch outcome {
            case .admitted: print("app-ap: \(replica) is admitted")
            case .wasAdmitted: print("app-ap: \(replica) is not rejected: there is nothing to admit")
            case .failed(let reason): Self.refuse(reason)
            }
        }

        private enum Outcome {
            case admitted
            /// The replica needed no admission: its current incarnation is already admitted.
            case wasAdmitted
            case failed(reason: String)
        }

        private final class Admissions: AvailableEvents {
            private(set) var count = 0

            func replicaAdopted(_ replica: Int, incarnation: String) { count += 1 }
        }

        private static func refuse(_ reason: String) -> Never {
            fail("app-ap: cannot admit: \(reason)", exitCode: 1)
        }
    }
}
