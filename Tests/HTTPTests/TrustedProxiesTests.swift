import Testing

@testable import HTTP

@Suite(.timeLimit(.minutes(20))) struct TrustedProxiesTests {
    private static let proxies = TrustedProxies([
        "127.0.0.1", "10.0.0.0/8", "192.168.7.0/25", "2001:db8::/32", "::1", "fe80::1/128",
    ])
    private let proxy = IPAddress("10.0.0.1")!

    private func client(_ field: String?) -> String {
        ClientAddress(Self.proxies.client(of: proxy, forwardedFor: field)).description
    }

    @Test(arguments: [
        ("198.51.100.7", "198.51.100.7"),
        (" 198.51.100.7\t", "198.51.100.7"),
        // What a client wrote itself is not read.
        ("203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("10.9.9.9,198.51.100.7", "198.51.100.7"),
        ("<script>, ,,;unknown, 198.51.100.7", "198.51.100.7"),
        // A chain of proxies.
        ("198.51.100.7, 10.0.0.2, 10.0.0.3", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("198.51.100.7, 2001:db8:5::1", "198.51.100.7"),
        // From a proxy itself.
        ("10.0.0.2, 10.0.0.3", "10.0.0.2"),
        ("10.0.0.9", "10.0.0.9"),
        // IPv6, also with an IPv4 address in it, and ports.
        ("2a00:1450:4001:800::200e", "2a00:1450:4001:800::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("[2a00:1450:4001:800::200e]:443", "2a00:1450:4001:800::/64"),
        ("[2a00:1450:4001:800::200e]", "2a00:1450:4001:800::/64"),
        ("198.51.100.7:61234", "198.51.100.7"),
    ])
    func theLastAddressThatIsNotTrustedIsTheClient(field: String, expected: String) {
        #expect(client(field) == expected)
    }

    @Test(arguments: [
        nil, "", " ", ",", "unknown", "_hidden", "198.51.100.7,", "198.51.100.7, unknown", "198.51.100",
        "198.51.100.256",
        "0198.51.100.7", "198.51.100.7:", "198.51.100.7:x", "198.51.100.7:123456", "[198.51.100.7", "[::1]x",
        "fe80::1%eth0",
        "198.51.100.7 203.0.113.9", "198.51.100.7\u{0}", "2a00:::1", "unknown, 10.0.0.2",
        String(repeating: "1", count: 8_000),
        // More proxies than anybody has.
        "198.51.100.7" + String(repeating: ", 10.0.0.2", count: TrustedProxies.maxHops),
    ])
    func aListThatEndsWithNoAddressNamesTheProxy(field: String?) {
        #expect(client(field) == "10.0.0.1")
    }

    @Test func aClientCannotHideBehindALongList() {
        let spoofed = String(repeating: "203.0.113.9, ", count: 600)
        #expect(client(spoofed + "198.51.100.7") == "198.51.100.7")
        #expect(client("198.51.100.7" + String(repeating: ", 10.0.0.2", count: 31)) == "198.51.100.7")
    }

    @Test(arguments: [
        ("10.255.255.255", true), ("11.0.0.0", false), ("192.168.7.127", true), ("192.168.7.128", false),
        ("::ffff:10.1.2.3", true), ("2001:db8:ffff::1", true), ("2001:db9::", false), ("::1", true), ("::2", false),
        ("::a00:1", false), ("fe80::1", true), ("fe80::2", false),
    ])
    func aBlockContainsItsAddresses(address: String, isTrusted: Bool) throws {
        #expect(Self.proxies.contains(try #require(IPAddress(address))) == isTrusted)
    }

    @Test(arguments: [
        ("10.0.0.0/8", true), ("0.0.0.0/0", true), ("::/0", true), ("::1/128", true), ("::ffff:10.0.0.0/104", true),
        ("10.0.0.1/8", false), ("10.0.0.0/33", false), ("10.0.0.0/", false), ("10.0.0.0/08", false),
        ("10.0.0.0/-1", false),
        ("2001:db8::/129", false), ("2001:db8::1/32", false), ("proxy.example", false), ("", false), ("/8", false),
        ("10.0.0.0/8/8", false), ("*", false),
    ])
    func aBlockHasNoBitsAfterItsLength(text: String, isValid: Bool) {
        #expect(TrustedProxies.isBlock(text) == isValid)
    }

    @Test func everyIPv4AddressIsInItsWholeBlockAndNoIPv6Address() throws {
        let all = TrustedProxies(["0.0.0.0/0"])
        #expect(all.contains(try #require(IPAddress("203.0.113.9"))))
        #expect(!all.contains(try #require(IPAddress("2001:db8::1"))))
    }

    /// On a real server.
    @Test func onlyATrustedPeerNamesAClient() throws {
        let server = try TestServer {
            $0.trustedProxies = TrustedProxies(["127.0.0.2"])
        } routes: { router in
            router.add(.get, "/client", operation: "client") { .text($0.client.description) }
        }
        defer { server.stop() }
        for (number, expected) in [(1, "127.0.0.1"), (2, "198.51.100.7")] as [(UInt32, String)] {
            let client = try server.connect(from: number)
            // Two fields are one list.
            let fields = ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 198.51.100.7"]
            #expect(try client.request("GET", "/client", headers: fields).text == expected)
            #expect(try client.request("GET", "/client").text == "127.0.0.\(number)", "each request has its own client")
        }
    }

    @Test func aTrustedProxyMayHoldAllConnections() throws {
        let server = try TestServer {
            $0.connections.limit = 8
            $0.connections.leastIdleMs = 60_000
            $0.trustedProxies = TrustedProxies(["127.0.0.2"])
        } routes: { router in
            router.add(.get, "/hello", operation: "hello") { _ in .text("hello") }
        }
        defer { server.stop() }
        let clients = try (0..<8).map { _ in try server.connect(from: 2) }
        for client in clients { #expect(try client.request("GET", "/hello").status == 200) }
    }
}
