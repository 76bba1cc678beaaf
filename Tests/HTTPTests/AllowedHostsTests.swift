import Testing

@testable import HTTP

@Suite struct AllowedHostsTests {
    @Test(arguments: [
        "localhost", "LocalHost:5001", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:5001", "localhost.", "app_cp:5001",
    ])
    func namesOfThisMachineAreAlwaysAllowed(authority: String) {
        #expect(AllowedHosts(["app_cp"]).allows(authority))
    }

    @Test(arguments: [
        "", "example.org", "localhost.example.org", "app_cp.example.org", "127.0.0.1.example.org", "10.0.0.1", "[::2]",
        "xapp_cp", "127.0.0.1, example.org", "localhost:80:81x.example.org",
    ])
    func otherHostsAreNot(authority: String) {
        #expect(!AllowedHosts(["app_cp"]).allows(authority))
    }

    @Test func aDomainIncludesItsSubdomains() {
        let hosts = AllowedHosts([".example.org"])
        for authority in ["example.org", "a.example.org:80", "a.b.Example.org"] { #expect(hosts.allows(authority)) }
        for authority in ["xexample.org", "example.org.net", "org"] { #expect(!hosts.allows(authority)) }
    }

    @Test func addressesAreAllowedWhereTheServerListensOnAll() {
        let hosts = AllowedHosts([], allowsAddresses: true)
        for authority in ["10.1.2.3:5001", "[fe80::1]:5001", "192.0.2.1"] { #expect(hosts.allows(authority)) }
        for authority in ["10.1.2", "10.1.2.3.nip.example", "fe80--1.example"] { #expect(!hosts.allows(authority)) }
    }

    @Test func ownNamesAreNoPatterns() {
        let hosts = AllowedHosts([], own: [".example", "*", "Node"])
        #expect(!hosts.allows("a.example") && hosts.allows("node:80"))
    }

    @Test func aStarAllowsEveryHost() { #expect(AllowedHosts(["*"]).allows("anything.example:1")) }

    @Test func patternsAreNamesOrAddresses() {
        for text in ["a", "a.b-c_d", ".example.org", "*", "10.0.0.1", "[::1]", "::1"] {
            #expect(AllowedHosts.isPattern(text))
        }
        for text in ["", ".", "a b", "http://a", "a:80", "*.example.org", "a."] {
            #expect(!AllowedHosts.isPattern(text), "\(text)")
        }
    }
}
