import Crypto
import HTTP
import Testing

@testable import RateLimiting

@Suite(.timeLimit(.minutes(20))) struct QuotaTests {
    @Test func theFieldsAreListsOfStructuredFields() throws {
        let limits = try #require(RateLimits(perMinute: 600, perHour: 6_000, burst: 0))
        let fields = QuotaFields(limits)
        #expect(fields.policy == "\"minute\";q=600;w=60, \"hour\";q=6000;w=3600")
        var limit = ClientLimit(limits)
        #expect(fields.quota(Quota(limit, limits, atNs: 0)) == "\"minute\";r=100;t=0, \"hour\";r=1000;t=0")
        #expect(
            limit.granted(
                PermitReply(granted: 1, minuteBacklogUs: 60_000_000, hourBacklogUs: 3_600_000_000),
                forWaiting: 1, atNs: 0) == 1)
        #expect(fields.quota(Quota(limit, limits, atNs: 0)) == "\"minute\";r=99;t=1, \"hour\";r=999;t=1")
    }

    @Test func oneLimitHasOneItem() throws {
        let limits = try #require(RateLimits(perMinute: 0, perHour: 100_000_000, burst: 0))
        let quota = Quota(ClientLimit(limits), limits, atNs: 0)
        #expect(QuotaFields(limits).policy == "\"hour\";q=100000000;w=3600")
        #expect(QuotaFields(limits).quota(quota) == "\"hour\";r=1000000;t=0")
    }

    /// A client that waits as long as it is told is admitted.
    @Test(arguments: [1, 7, 59, 600, 6_000, 10_000_000] as [UInt64])
    func retryAfterIsLongEnoughAndNotOneSecondTooLong(perMinute: UInt64) throws {
        let limits = try #require(RateLimits(perMinute: perMinute, perHour: 0, burst: 0))
        var limit = ClientLimit(limits)
        let burst = try #require(limits.minute?.burst)
        let reply = PermitReply(granted: 0, minuteBacklogUs: burst * 60_000_000, hourBacklogUs: 0)
        #expect(limit.granted(reply, forWaiting: 1, atNs: 0) == 0)
        let quota = Quota(limit, limits, atNs: 0)
        #expect(quota.minute?.remaining == 0)
        let waitNs = quota.retryAfterS * 1_000_000_000
        #expect(!limit.isRefused(atNs: waitNs))
        #expect(limit.meters.dueNs(atNs: waitNs) == waitNs)
        #expect(quota.retryAfterS == 1 || limit.isRefused(atNs: waitNs - 1_000_000_000))
    }

    @Test func addressesShareABoundedNumberOfKeysAndTokensDoNot() {
        let secret = SymmetricKey(data: [1, 2, 3])
        func key(_ client: LimitedClient) -> LimitKey { LimitKey(client, secret: secret) }
        func text(_ key: LimitKey) -> String { String(decoding: key.redisKey, as: UTF8.self) }
        let names = (0..<200).map { text(key(.token(name: "client \($0)"))) }
        #expect(Set(names).count == 200)
        #expect(names.allSatisfy { $0.hasPrefix("cap:limit:t:") && $0.utf8.count == 44 })
        let addresses = (0..<200).map { text(key(.address(ClientAddress(network: $0)))) }
        for name in addresses {
            #expect(name.hasPrefix("cap:limit:a:"))
            #expect((UInt64(name.dropFirst(12)) ?? .max) < LimitKey.addressKeys)
        }
        #expect(key(.token(name: "127.0.0.1")) != key(.address(ClientAddress(network: 127 << 24 | 1))))
        #expect(key(.token(name: "a")) == key(.token(name: "a")), "all instances find the same key")
        #expect(Set((0..<100).map { key(.token(name: "\($0)")).firstReplica(of: 3) }) == [0, 1, 2])
    }
}
