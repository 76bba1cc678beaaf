import Glibc
import Synchronization
import TestSupport
import Testing

@testable import EventLoop

/// The values that the test shares with a signal handler.
private final class Suspension: Sendable {
    let peer = Atomic<Int32>(-1)
    let deadlineNs = Atomic<UInt64>(0)
    let beganNs = Atomic<UInt64>(0)
}

private let suspension = Suspension()

private final class Arrivals: DescriptorHandler {
    var order: [String] = []
    let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    func ready(events: UInt32) {
        var byte: UInt8 = 0
        if recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT)) == 1 { order.append("data") }
    }
}

@Suite(.timeLimit(.minutes(20))) struct SuspendedProcessTests {
    /// The loop's thread is held in a signal handler, as in a suspended process. Meanwhile data arrive, and a deadline
    /// passes.
    @Test func dataThatArrivedMeanwhileAreReadBeforeTimersExpire() async throws {
        let runner = try ReactorRunner()
        let sender = try ReactorRunner(name: "sender")
        // On a busy machine, the signal may come after the deadline. Such an attempt does not count.
        for _ in 0..<20 {
            if let order = try await order(runner, sender) {
                #expect(order == ["data", "deadline"])
                return
            }
        }
        Issue.record("in every attempt the signal came after the deadline")
    }

    private func order(_ runner: ReactorRunner, _ sender: ReactorRunner) async throws -> [String]? {
        try await runner.run { [reactor = runner.reactor, sender = sender.reactor] in
            var ends: [Int32] = [0, 0]
            #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
            defer { for end in ends { close(end) } }
            let arrivals = Arrivals(ends[0])
            reactor.watch(ends[0], events: EventMask.readable, handler: arrivals)
            defer { reactor.unwatch(ends[0]) }
            let deadlineNs = monotonicNs() + 200 * nsPerMs
            suspension.peer.store(ends[1], ordering: .releasing)
            suspension.deadlineNs.store(deadlineNs, ordering: .releasing)
            // The test runner may have blocked the signal.
            var signals = sigset_t()
            sigaddset(&signals, SIGUSR1)
            pthread_sigmask(SIG_UNBLOCK, &signals, nil)
            signal(SIGUSR1) { _ in
                suspension.beganNs.store(monotonicNs(), ordering: .releasing)
                _ = write(suspension.peer.load(ordering: .acquiring), "x", 1)
                while monotonicNs() < suspension.deadlineNs.load(ordering: .acquiring) + nsPerMs { usleep(1_000) }
            }
            reactor.spawn {
                await reactor.sleep(forNs: deadlineNs - min(deadlineNs, reactor.nowNs))
                arrivals.order.append("deadline")
            }
            let thread = pthread_self()
            sender.submit { pthread_kill(thread, SIGUSR1) }
            #expect(await reactor.eventually(withinMs: 60_000) { arrivals.order.count == 2 })
            return suspension.beganNs.load(ordering: .acquiring) < deadlineNs ? arrivals.order : nil
        }
    }
}
