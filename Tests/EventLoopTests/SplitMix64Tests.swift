import EventLoop
import Testing

@Suite(.timeLimit(.minutes(20))) struct SplitMix64Tests {
    /// The first numbers of the reference implementation in C (Vigna, <https://prng.di.unimi.it/splitmix64.c>).
    @Test func theNumbersAreThoseOfTheReference() {
        var random = SplitMix64(seed: 1_234_567)
        #expect(random.next() == 6_457_827_717_110_365_317)
        #expect(random.next() == 3_203_168_211_198_807_973)
        #expect(random.next() == 9_817_491_932_198_370_423)
    }

    @Test func aBoundOfZeroGivesZero() {
        var random = SplitMix64(seed: 1)
        #expect(random.below(0) == 0)
        #expect((0..<100).allSatisfy { _ in random.below(3) < 3 })
    }
}
