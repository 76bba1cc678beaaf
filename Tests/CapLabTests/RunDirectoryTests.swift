import Glibc
import Testing

@testable import CapLab

@Suite(.timeLimit(.minutes(20))) struct RunDirectoryTests {
    @Test func aSecondLabIsRejected() throws {
        let directory = try ScratchDirectory()
        let run = RunDirectory(path: directory.path)
        let lock = try run.lock()
        let error = try #require(throws: LabError.self) { try run.lock() }
        #expect(error.message.contains("already running as process \(getpid())"))
        RunDirectory.unlock(lock)
        RunDirectory.unlock(try run.lock())
    }

    @Test func aSharedDirectoryOrALinkIsRejected() throws {
        let directory = try ScratchDirectory()
        chmod(directory.path, 0o755)
        #expect(throws: LabError.self) { try RunDirectory(path: directory.path).prepare() }
        chmod(directory.path, 0o700)
        try RunDirectory(path: directory.path).prepare()
        let link = directory.path + "/link"
        symlink(directory.path, link)
        #expect(throws: LabError.self) { try RunDirectory(path: link).prepare() }
    }

    @Test func aNameTooLongForASocketIsRejected() {
        #expect(throws: LabError.self) {
            try RunDirectory(path: "/tmp/" + String(repeating: "x", count: 100)).prepare()
        }
    }

    @Test func theStandardPlaceIsTheUsersRuntimeDirectory() throws {
        let directory = try ScratchDirectory()
        #expect(RunDirectory.standardPath(["XDG_RUNTIME_DIR": directory.path]) == directory.path + "/caplab")
        #expect(RunDirectory.standardPath([:]) == "/tmp/caplab-\(getuid())")
        #expect(RunDirectory.standardPath(["XDG_RUNTIME_DIR": "/nowhere"]) == "/tmp/caplab-\(getuid())")
    }
}

@Suite(.timeLimit(.minutes(20))) struct PortsTests {
    @Test func aTakenPortIsNamedWithItsHolder() throws {
        let listener = try Sockets.listen(port: 0)
        defer { close(listener) }
        let port = Sockets.localPort(listener)
        let error = try #require(throws: LabError.self) { try Ports.requireFree(port, for: "app_cp") }
        #expect(error.message.contains("port \(port) for app_cp is taken, held by "))
        #expect(error.message.contains("(pid \(getpid()))"))
    }

    @Test func freePortsAreFreeAndDiffer() throws {
        let reservations = try Ports.free(10)
        #expect(Set(reservations.map(\.port)).count == 10)
        for reservation in reservations { try Ports.requireFree(reservation.port, for: "app_cp") }
    }

    /// Labs that start at the same time choose their ports before any process listens on them.
    @Test func aReservedPortIsFreeForNobodyElseUntilItIsReleased() throws {
        var reservations = try Ports.free(1)
        let port = reservations[0].port
        #expect(PortReservation(port) == nil)
        reservations = []
        #expect(PortReservation(port) != nil)
    }

    @Test func onlyListenersOfThePortAreFound() {
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
