import ArgumentParser
import Available
import EventLoop
import Glibc
import Redis
import Service

extension AppAP {
    /// Admits a replica that was unreachable for too long to be admitted automatically.
    struct Admit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Admit a replica that was rejected as too old.",
            discussion: """
                A replica that was unreachable for more than half of AP_TOMBSTONE_GRACE_SEC, or holds a dump that old, may \
                bring back values that were deleted since, and is rejected. If the other replicas were in use meanwhile, \
                empty it instead (FLUSHALL): the others fill it again. Admit a replica only if nothing was deleted \
                meanwhile: the whole group was off, or a clock was wrong. A replica in use is not changed.
                """)

        @Argument(help: "The replica's name in REPLICAS.") var replica: String
        @OptionGroup var options: ServiceOptions
        @Option(name: .customLong("timeout-sec"), help: "How long to wait for the replica, in seconds.")
        var timeoutSec: Int = 10

        func validate() throws {
            guard (1...3_600).contains(timeoutSec) else { throw ValidationError("--timeout-sec must be 1 to 3600") }
        }

        func run() async throws {
            let (settings, report) = await options.loadSettings(APSettings.init)
            if options.isCheckOnly {
                print(report)
                return
            }
            guard let target = settings.service.replicas.first(where: { $0.name == replica }) else {
                Self.refuse("REPLICAS names no '\(replica)'")
            }
            signal(SIGPIPE, SIG_IGN)
            switch await Self.admit(target, settings, timeoutNs: UInt64(timeoutSec) * 1_000 * nsPerMs) {
            case .admitted: print("app-ap: \(replica) is admitted")
            case .wasAdmitted: print("app-ap: \(replica) is not rejected: there is nothing to admit")
            case .failed(let reason): Self.refuse(reason)
            }
        }

        private enum Outcome {
            case admitted
            /// Its current incarnation was admitted before.
            case wasAdmitted
            case failed(reason: String)
        }

        /// Records whether the replica was admitted now.
        private final class Listener: AvailableEvents {
            private(set) var outcome = Outcome.wasAdmitted

            func replicaAdopted(_ replica: Int, incarnation: String) { outcome = .admitted }
        }

        /// Connects to `target` alone, with permission to admit it.
        private static func admit(_ target: RedisReplica, _ settings: APSettings, timeoutNs: UInt64) async -> Outcome {
            var engineSettings = settings.engine
            engineSettings.writeAcks = 1
            engineSettings.admittedReplicas = [target.name]
            do {
                let reactor = try Reactor(name: "operator")
                reactor.start()
                return await withUnsafeContinuation { [engineSettings] continuation in
                    reactor.submit {
                        let group = RedisReplicaGroup(
                            reactor: reactor, replicas: [target], scripts: AvailableScripts.all,
                            settings: settings.service.redis)
                        let listener = Listener()
                        let engine = AvailableEngine(
                            group: group, scheduler: reactor, settings: engineSettings, events: listener)
                        group.start()
                        let deadlineNs = reactor.nowNs + timeoutNs
                        reactor.spawn {
                            while engine.status()[0].isReachable == false, engine.status()[0].refusal == nil,
                                reactor.nowNs < deadlineNs
                            {
                                await reactor.sleep(forNs: 20 * nsPerMs)
                            }
                            let status = engine.status()[0]
                            group.close()
                            let failure = Outcome.failed(reason: status.refusal ?? "it does not answer")
                            continuation.resume(returning: status.isReachable ? listener.outcome : failure)
                        }
                    }
                }
            } catch {
                return .failed(reason: "\(error)")
            }
        }

        private static func refuse(_ reason: String) -> Never {
            StandardError.print("app-ap: cannot admit: \(reason)")
            Glibc.exit(1)
        }
    }
}
