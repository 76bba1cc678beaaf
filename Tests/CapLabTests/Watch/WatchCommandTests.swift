import Foundation
import Testing

@testable import CapLab

@Suite(.timeLimit(.minutes(20))) struct WatchCommandTests {
    private static let names = Topology.pair.nodes.map(\.name)

    private func command(_ arguments: [String]) throws -> WatchCommand { try WatchCommand.parse(arguments) }

    /// The options with an address for each node, except for `left`.
    private func nodes(except left: String? = nil) -> [String] {
        Self.names.enumerated().filter { $1 != left }.map { "--node=\($1)=host\($0):\(7_000 + $0)" }
    }

    private func error(_ arguments: [String], _ environment: [String: String] = [:]) throws -> LabError? {
        let command = try command(arguments)
        do throws(LabError) {
            _ = try command.pairSettings(environment)
            _ = try command.pageSettings()
            return nil
        } catch { return error }
    }

    @Test func addressesAndPublishedPortsAreRead() throws {
        let command = try command(nodes() + ["--published", "app_ap=15002", "--redis-user", "lab"])
        let settings = try command.pairSettings(["REDIS_PASSWORD": "secret"])
        #expect(settings.addresses["app_cp"] == NodeAddress(host: "host0", port: 7_000))
        #expect(settings.addresses.count == 10)
        #expect(settings.publishedPorts == ["app_ap": 15_002])
        #expect(settings.redisLogin == RedisLogin(user: "lab", password: "secret"))
        #expect(settings.redisLogin.command == ["AUTH", "lab", "secret"])
        let page = try command.pageSettings()
        #expect(page.isReadOnly && !page.hasMessages && page.commands.tool == .compose)
        #expect(page.address.host == "127.0.0.1" && page.address.port == 5_000)
    }

    @Test func aWrongValueIsOneLineWithExitCodeTwo() throws {
        for arguments in [
            nodes(except: "cp_db_g2"), nodes() + ["--node=app_xp=host:1"], nodes() + ["--node=app_cp=host"],
            nodes() + ["--node=app_cp"], nodes() + ["--published=app_cp=0"], nodes() + ["--published=cp_db_g1=1"],
            nodes() + ["--page-port=0"], nodes() + ["--key", ""],
        ] {
            let problem = try #require(try error(arguments), "\(arguments.last ?? "")")
            #expect(problem.exitCode == 2)
            #expect(!problem.message.contains("\n"))
        }
        #expect(try error(nodes(except: "cp_db_g2"))?.message.contains("cp_db_g2") == true)
        #expect(try error(nodes(), ["REDIS_PASSWORD_FILE": "/nowhere"])?.message.contains("/nowhere") == true)
        #expect(try error(nodes()) == nil)
    }

    @Test(arguments: ["secret", "secret\n", "secret\r\n"])
    func thePasswordMayComeFromAFile(content: String) throws {
        let directory = try ScratchDirectory()
        let path = directory.path + "/password"
        try content.write(toFile: path, atomically: true, encoding: .utf8)
        let settings = try command(nodes()).pairSettings(["REDIS_PASSWORD_FILE": path])
        #expect(settings.redisLogin.command == ["AUTH", "secret"])
    }

    @Test func withoutAPasswordThereIsNoLogin() throws {
        #expect(try command(nodes()).pairSettings([:]).redisLogin.command == nil)
    }

    @Test(arguments: [
        ("cp_db_g1.east:6379", "cp_db_g1.east", 6_379), ("10.0.0.7:80", "10.0.0.7", 80), ("[::1]:5001", "::1", 5_001),
    ])
    func anAddressIsAHostAndAPort(text: String, host: String, port: UInt16) {
        #expect(NodeAddress(text) == NodeAddress(host: host, port: port))
    }

    @Test(arguments: ["", "host", "host:", ":80", "host:0", "host:65536", "::1:80", "a b:80", "http://host:80"])
    func anythingElseIsNoAddress(text: String) { #expect(NodeAddress(text) == nil) }

    /// The arguments of the service `lab` in docker-compose.yml.
    @Test func theComposeFileGivesEveryAddress() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..")
        let text = try String(contentsOf: root.appendingPathComponent("docker-compose.yml"), encoding: .utf8)
        let lines = text.matches(of: /(?m)^      - (--(?:bind|node|published|published-page-port|redis-user)=.*)$/)
        let arguments = lines.map { String($0.1).replacing("${PORT_PREFIX:-}", with: "1") }
        let command = try command(arguments)
        let settings = try command.pairSettings([:])
        #expect(settings.publishedPorts["app_cp_west"] == 15_011)
        #expect(try command.pageSettings().address.publishedPort == 15_000)
        for (service, address) in settings.addresses where settings.publishedPorts[service] != nil {
            #expect(text.contains("aliases: [\(address.host)]"), "\(service)")
        }
    }
}
