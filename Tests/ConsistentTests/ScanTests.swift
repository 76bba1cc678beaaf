import EventLoop
import Replication
import Testing
import TestSupport

@testable import Consistent

/// Scans of all keys of a real server.
@Suite(.serialized, .timeLimit(.minutes(20))) struct ScanTests: CPSuite {
    let testbed: CPTestbed

    init() throws { testbed = try CPTestbed() }

    private func runOnKeys(_ body: @escaping @Sendable (CPInstance) async throws -> Void) async throws {
        try await run { cp in
            for key in 0..<200 { try await cp.write("k\(key)", "a") }
            try await body(cp)
        }
    }

    @Test func aScanVisitsAllKeys() async throws {
        try await runOnKeys { cp in
            var seen: Set<Register> = []
            let failure = try await cp.failureOfScan { seen.formUnion($0) }
            #expect(failure == nil)
            #expect(seen.count == 200)
        }
    }

    @Test func aScanThatContinuesAtARestartedServerDoesNotCount() async throws {
        try await runOnKeys { cp in
            var pages = 0
            let failure = try await cp.failureOfScan { _ in
                pages += 1
                guard pages == 2 else { return }
                servers[0].kill()
                #expect(await cp.reactor.eventually { !cp.group.available.contains(0) })
                do { try servers[0].start() } catch { Issue.record(error) }
                #expect(await cp.waitForAll())
            }
            #expect(pages >= 2)
            #expect(failure == "g1 was restarted while its keys were scanned")
        }
    }
}

extension CPInstance {
    /// Scans the keys of g1. Returns why the scan stopped early; nil if it did not.
    fileprivate func failureOfScan(_ body: @escaping (_ page: [Register]) async -> Void) async throws -> String? {
        let configuration = try #require(engine.configurations.current)
        let acceptors = AcceptorGroup(group, scheduler: reactor, name: "cp")
        let scan = RegisterScan(acceptors, configuration: configuration, pageSize: 16)
        do throws(Aborted) {
            try await scan.forEachPage(of: 0) { page throws(Aborted) in await body(page) }
            return nil
        } catch { return error.reason }
    }
}
