import Glibc
import Synchronization
import Testing
import TestSupport

@testable import EventLoop

private final class Tally: Sendable {
    let count = Atomic<Int>(0)
}

private final class Counter: DescriptorHandler {
    var count = 0
    func ready(events: UInt32) { count += 1 }
}

@Suite(.timeLimit(.minutes(20))) struct ReactorTests {
    let runner: ReactorRunner

    init() throws { runner = try ReactorRunner() }

    @Test func theEndOfATurnComesAfterItsTasks() async throws {
        let events = try await runner.run { [reactor = runner.reactor] in
            var events: [String] = []
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                reactor.atEndOfTurn {
                    events.append("end")
                    reactor.atEndOfTurn {
                        events.append("end of the next turn")
                        continuation.resume()
                    }
                }
                reactor.spawn {
                    await Task.yield()
                    events.append("task")
                }
            }
            return events
        }
        #expect(events == ["task", "end", "end of the next turn"])
    }

    @Test func aTaskStaysOnTheReactorsThreadAcrossEverySuspension() async throws {
        try await runner.run { [reactor = runner.reactor] in
            #expect(reactor.isOnThread)
            await reactor.sleep(forNs: nsPerMs)
            #expect(reactor.isOnThread)
            await Task.yield()
            #expect(reactor.isOnThread)
        }
    }

    @Test func aTaskThatNeverSuspendsRunsBeforeSpawnReturns() async throws {
        let order = try await runner.run { [reactor = runner.reactor] in
            var order: [Int] = []
            reactor.spawn { order.append(1) }
            order.append(2)
            return order
        }
        #expect(order == [1, 2])
    }

    @Test func tasksWakeInTheOrderOfTheirDeadlines() async throws {
        let order = try await runner.run { [reactor = runner.reactor] in
            var order: [Int] = []
            for delayMs in [30, 10, 20] {
                reactor.spawn {
                    await reactor.sleep(forNs: UInt64(delayMs) * nsPerMs)
                    order.append(delayMs)
                }
            }
            #expect(await reactor.eventually { order.count == 3 })
            return order
        }
        #expect(order == [10, 20, 30])
    }

    @Test func workSubmittedFromManyThreadsRuns() async throws {
        let tally = Tally()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { [reactor = runner.reactor] in
                    for _ in 0..<1_000 { reactor.submit { tally.count.wrappingAdd(1, ordering: .relaxed) } }
                }
            }
        }
        try await runner.run { [reactor = runner.reactor] in
            #expect(await reactor.eventually { tally.count.load(ordering: .relaxed) == 8_000 })
        }
    }

    @Test func anEventOfAClosedDescriptorNeverReachesItsSuccessor() async throws {
        try await runner.run { [reactor = runner.reactor] in
            let first = Counter()
            let second = Counter()
            var ends: [Int32] = [0, 0]
            socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
            reactor.watch(ends[0], events: EventMask.readable, handler: first)
            #expect(write(ends[1], "x", 1) == 1)
            #expect(await reactor.eventually { first.count > 0 })
            reactor.unwatch(ends[0])
            let seen = first.count
            reactor.watch(ends[0], events: EventMask.readable, handler: second)
            #expect(await reactor.eventually { second.count > 0 })
            #expect(first.count == seen)
            reactor.unwatch(ends[0])
            close(ends[0])
            close(ends[1])
        }
    }
}
