import Glibc
import Testing

@testable import CapLab

@Suite struct SweeperTests {
    @Test func everyMessageIsReadAsItWasWritten() {
        let messages: [SweepList.Message] = [
            .child(.init(pid: 42, startTicks: 777)), .gone(42), .path("/tmp/a b"), .run("/run/x"), .done,
        ]
        for message in messages { #expect(SweepList.Message(message.line.dropLast()) == message) }
    }

    @Test(arguments: [
        "", "child", "child 1 5", "child -1 5", "child x y", "path relative", "path /", "kill 7", "done now",
    ])
    func whatItDoesNotUnderstandItDoesNotDo(_ line: String) {
        #expect(SweepList.Message(line[...]) == nil)
    }

    @Test func aChildThatWasReapedIsNobodyToKill() {
        var list = SweepList()
        list.apply(.child(.init(pid: 42, startTicks: 1)))
        list.apply(.child(.init(pid: 43, startTicks: 2)))
        list.apply(.gone(42))
        #expect(list.processes == [.init(pid: 43, startTicks: 2)])
    }

    @Test func startTimesAreReadBehindAnyNameAndZombiesAreGone() {
        let fields = "1 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 98765 0 0"
        #expect(Sweeper.startTicks(fromStat: "12 (a) b) S (x)) S \(fields)") == 98_765)
        #expect(Sweeper.startTicks(fromStat: "12 (x) Z \(fields)") == nil)
        #expect(Sweeper.startTicks(fromStat: "") == nil)
        #expect(Sweeper.startTicks(of: getpid()) != nil)
    }

    @Test func aProcessWithTheSamePidButAnotherStartIsLeftAlone() throws {
        let child = try Stray()
        let ticks = try #require(Sweeper.startTicks(of: child.pid))
        var list = SweepList()
        list.apply(.child(.init(pid: child.pid, startTicks: ticks + 1)))
        Sweeper.sweep(list)
        #expect(Sweeper.startTicks(of: child.pid) == ticks)
        list.apply(.child(.init(pid: child.pid, startTicks: ticks)))
        Sweeper.sweep(list)
        #expect(Sweeper.startTicks(of: child.pid) == nil)
    }

    @Test func theRunDirectoryOfANewLabIsLeftAlone() throws {
        let directory = try ScratchDirectory()
        let run = RunDirectory(path: directory.path + "/run")
        try run.prepare()
        let lock = try run.lock()
        var list = SweepList()
        list.apply(.run(run.path))
        Sweeper.sweep(list)
        #expect(access(run.lockPath, F_OK) == 0)
        RunDirectory.unlock(lock)
        Sweeper.sweep(list)
        #expect(access(run.path, F_OK) != 0)
    }
}

@Suite struct RunDirectoryTests {
    @Test func aSecondLabIsToldThatOneIsRunning() throws {
        let directory = try ScratchDirectory()
        let run = RunDirectory(path: directory.path)
        let lock = try run.lock()
        let error = try #require(throws: LabError.self) { try run.lock() }
        #expect(error.message.contains("already running as process \(getpid())"))
        RunDirectory.unlock(lock)
        RunDirectory.unlock(try run.lock())
    }

    @Test func aDirectoryThatOthersMayReadOrThatIsALinkIsRefused() throws {
        let directory = try ScratchDirectory()
        chmod(directory.path, 0o755)
        #expect(throws: LabError.self) { try RunDirectory(path: directory.path).prepare() }
        chmod(directory.path, 0o700)
        try RunDirectory(path: directory.path).prepare()
        let link = directory.path + "/link"
        symlink(directory.path, link)
        #expect(throws: LabError.self) { try RunDirectory(path: link).prepare() }
    }

    @Test func aNameTooLongForASocketIsRefused() {
        #expect(throws: LabError.self) {
            try RunDirectory(path: "/tmp/" + String(repeating: "x", count: 100)).prepare()
        }
    }

    @Test func theStandardPlaceIsTheUsersRuntimeDirectoryWhereThereIsOne() throws {
        let directory = try ScratchDirectory()
        #expect(RunDirectory.standardPath(["XDG_RUNTIME_DIR": directory.path]) == directory.path + "/caplab")
        #expect(RunDirectory.standardPath([:]) == "/tmp/caplab-\(getuid())")
        #expect(RunDirectory.standardPath(["XDG_RUNTIME_DIR": "/nowhere/at/all"]) == "/tmp/caplab-\(getuid())")
    }
}

@Suite struct PortsTests {
    @Test func aTakenPortIsNamedWithItsHolder() throws {
        let listener = try Sockets.listen(port: 0)
        defer { close(listener) }
        let port = Sockets.localPort(listener)
        let error = try #require(throws: LabError.self) { try Ports.requireFree(port, for: "app_cp") }
        #expect(error.message.contains("port \(port) for app_cp is taken, held by "))
        #expect(error.message.contains("(pid \(getpid()))"))
    }

    @Test func freePortsAreFreeAndDiffer() throws {
        let ports = try Ports.free(10)
        #expect(Set(ports).count == 10)
        for port in ports { try Ports.requireFree(port, for: "anyone") }
    }

    @Test func onlyListenersOfThatPortAreFoundInTheKernelsTable() {
        let table = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:1389 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1
               1: 0100007F:1389 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 222 1
               2: 0100007F:138A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1
            """
        #expect(Ports.listeners(table, port: 5_001) == ["111"])
        #expect(Ports.listeners("", port: 5_001) == [])
    }
}
