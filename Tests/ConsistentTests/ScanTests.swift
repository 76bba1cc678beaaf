import EventLoop
import Replication
import Testing
import TestSupport

@testable import Consistent

/// Going through all keys of a real server.
@Suite(.serialized) struct ScanTests {
    let runner: ReactorRunner
    let servers: CPServers

    init() throws {
        runner = try ReactorRunner()
        servers = try CPServers()
    }

    private func run(_ body: @escaping @Sendable (CPInstance) async throws -> Void) async throws {
        try await runner.run { [reactor = runner.reactor, servers] in
            #expect(await CPInstance.initialize(reactor, servers) == .initialized)
            let cp = CPInstance(reactor, servers)
            defer { cp.close() }
            #expect(await cp.waitForAll())
            for key in 0..<200 { try await cp.write("k\(key)", "a") }
            try await body(cp)
        }
    }

    @Test func allKeysAreSeen() async throws {
        try await run { cp in
            var seen: Set<Register> = []
            let halt = try await cp.haltOfScan { seen.formUnion($0) }
            #expect(halt == nil)
            #expect(seen.count == 200)
        }
    }

    @Test func aScanThatGoesOnAtAServerStartedAnewDoesNotCount() async throws {
        try await run { cp in
            var pages = 0
            let halt = try await cp.haltOfScan { _ in
                pages += 1
                guard pages == 2 else { return }
                servers[0].kill()
                #expect(await cp.reactor.eventually { !cp.group.available.contains(0) })
                do { try servers[0].start() } catch { Issue.record(error) }
                #expect(await cp.waitForAll())
            }
            #expect(pages >= 2)
            #expect(halt == "g1 was started anew while its keys were gone through")
        }
    }
}

extension CPInstance {
    /// Goes through the keys of g1. Why it ended early; nil where it came to its end.
    fileprivate func haltOfScan(_ body: @escaping (_ page: [Register]) async -> Void) async throws -> String? {
        let configuration = try #require(engine.proposer.configurations.current)
        let groupName = Bytes("cp".utf8)
        let scan = RegisterScan(
            group: group, scheduler: reactor, groupName: groupName,
            commands: AcceptorCommands(group: groupName, configuration: configuration), pageSize: 16)
        do throws(RegisterScan.Halt) {
            try await scan.forEachPage(of: 0) { page throws(RegisterScan.Halt) in await body(page) }
            return nil
        } catch { return error.reason }
    }
}
