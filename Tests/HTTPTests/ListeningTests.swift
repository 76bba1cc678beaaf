import EventLoop
import Testing

@testable import HTTP

@Suite(.timeLimit(.minutes(20))) struct ListeningTests {
    @Test func aPortInUseIsNamedInTheError() throws {
        let first = try TestServer.hello { _ in }
        defer { first.stop() }
        let port = first.port
        let expected = HTTPServerError.addressInUse(host: "127.0.0.1", port: port)
        #expect(expected.description == "address 127.0.0.1:\(port) is already in use")
        #expect(throws: expected) { try TestServer.hello { $0.port = port } }
    }

    @Test func hostNamesAndIPv6AreAccepted() throws {
        let named = try TestServer.hello { $0.host = "localhost" }
        named.stop()
        #expect(named.port != 0)
        #expect(
            HTTPServerError.addressInUse(host: "::1", port: 5_001).description == "address [::1]:5001 is already in use"
        )
        do {
            let both = try TestServer.hello { $0.host = "::" }
            defer { both.stop() }
            #expect(try both.connect().request("GET", "/hello").text == "hello")
        } catch HTTPServerError.cannotListen {
            // This machine has no IPv6.
        }
    }

    @Test func anInvalidHostIsNamedInTheError() throws {
        do {
            _ = try TestServer.hello { $0.host = "192.0.2.1" }
            Issue.record("listens on an address that is not this machine's")
        } catch let error as HTTPServerError {
            #expect(error.description.hasPrefix("cannot listen on 192.0.2.1:0: "))
        }
        do {
            _ = try TestServer.hello { $0.host = "no such host" }
            Issue.record("resolves what is no name")
        } catch let error as HTTPServerError {
            #expect(error.description.hasPrefix("cannot resolve no such host: "))
        }
    }
}
