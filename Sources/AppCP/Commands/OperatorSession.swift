import ArgumentParser
import Consistent
import EventLoop
import Glibc
import Redis
import Service

/// Shared by the operator's commands: the settings of the service, and connections of their own to all replicas.
struct OperatorOptions: ParsableArguments {
    @OptionGroup var service: ServiceOptions
    @Option(name: .customLong("timeout-sec"), help: "How long to wait for the replicas, in seconds.")
    var timeoutSec: Int = 10

    func validate() throws {
        guard (1...3_600).contains(timeoutSec) else { throw ValidationError("--timeout-sec must be 1 to 3600") }
    }

    /// Runs `body` on a reactor of its own with a group to connect; nil if only the settings were to be checked.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable (_ session: OperatorSession) async -> Value
    ) async throws -> (settings: CPSettings, result: Value)? {
        let (settings, report) = await service.loadSettings(CPSettings.init)
        if service.isCheckOnly {
            print(report)
            return nil
        }
        signal(SIGPIPE, SIG_IGN)
        let reactor = try Reactor(name: "operator")
        reactor.start()
        let timeoutNs = UInt64(timeoutSec) * 1_000 * nsPerMs
        let result = await withUnsafeContinuation { continuation in
            reactor.submit {
                let group = RedisReplicaGroup(
                    reactor: reactor, replicas: settings.service.replicas, scripts: ConsistentScripts.all,
                    settings: settings.service.redis)
                let session = OperatorSession(
                    group: group, reactor: reactor, groupName: settings.service.group,
                    deadlineNs: reactor.nowNs + timeoutNs)
                reactor.spawn {
                    let result = await body(session)
                    group.close()
                    continuation.resume(returning: result)
                }
            }
        }
        return (settings, result)
    }

    static func refuse(_ command: String, _ reason: String) -> Never {
        StandardError.print("app-cp: \(command) refused: \(reason)")
        Glibc.exit(1)
    }
}

/// The connections of one command.
struct OperatorSession: @unchecked Sendable {
    // Safe because it is created on its reactor's thread and passed to one task only, which stays there.
    /// To be started after its identity check is set.
    let group: RedisReplicaGroup
    let reactor: Reactor
    let groupName: String
    let deadlineNs: UInt64
}
