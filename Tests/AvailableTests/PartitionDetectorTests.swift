import Replication
import Testing

@testable import Available

@Suite(.timeLimit(.minutes(20))) struct PartitionDetectorTests {
    private func healthy() -> PartitionDetector {
        var detector = PartitionDetector()
        _ = detector.probed(hlcs: [1, 1], hints: [], isKnown: true)
        return detector
    }

    private func suspect(_ detector: inout PartitionDetector) {
        for nowNs in [0, PartitionDetector.confirmNs] { _ = detector.silent(atNs: nowNs, isStarting: false) }
    }

    @Test func silenceIsReportedOnce() {
        var detector = healthy()
        #expect(detector.silent(atNs: 0, isStarting: false) == nil)
        #expect(detector.silent(atNs: PartitionDetector.confirmNs - 1, isStarting: false) == nil)
        #expect(detector.silent(atNs: PartitionDetector.confirmNs, isStarting: false) == .suspected)
        #expect(detector.silent(atNs: PartitionDetector.confirmNs, isStarting: false) == nil)
    }

    @Test func aMissedProbeIsNotReported() {
        var detector = healthy()
        _ = detector.silent(atNs: 0, isStarting: false)
        #expect(detector.probed(hlcs: [1, 1], hints: [], isKnown: true) == nil)
        #expect(detector.silent(atNs: PartitionDetector.confirmNs, isStarting: false) == nil)
    }

    /// A replica loses its connection, rejects commands for a while, and does not answer for a moment when it
    /// reconnects.
    @Test func twoMomentsOfSilenceAreNotAdded() {
        var detector = healthy()
        _ = detector.silent(atNs: 0, isStarting: false)
        detector.replied()
        #expect(detector.silent(atNs: PartitionDetector.confirmNs, isStarting: false) == nil)
        #expect(detector.silent(atNs: 2 * PartitionDetector.confirmNs, isStarting: false) == .suspected)
        detector.replied()
        #expect(detector.isSuspected, "a partition ends with a probe")
    }

    @Test func aReplicaThatIsStillConnectingIsNotSuspectedAtOnce() {
        var detector = PartitionDetector()
        #expect(detector.silent(atNs: 0, isStarting: true) == nil)
        #expect(detector.silent(atNs: 0, isStarting: false) == .suspected)
    }

    @Test func healedMeansThatTheHintsFromTheTimeApartAreDelivered() {
        var detector = healthy()
        suspect(&detector)
        let old = PartitionDetector.Hints(owner: 0, lowestHlc: 50)
        #expect(detector.probed(hlcs: [100, 90], hints: [old], isKnown: true) == nil)
        #expect(detector.probed(hlcs: [200, 95], hints: [old], isKnown: true) == nil)
        // New hints of a busy system do not matter.
        let new = PartitionDetector.Hints(owner: 0, lowestHlc: 150)
        #expect(detector.probed(hlcs: [300, 95], hints: [new], isKnown: false) == nil)
        #expect(detector.probed(hlcs: [300, 95], hints: [new], isKnown: true) == .healed)
        #expect(detector.probed(hlcs: [300, 95], hints: [new], isKnown: true) == nil)
    }

    @Test func aSecondLossWhileCatchingUpIsReportedAgain() {
        var detector = healthy()
        suspect(&detector)
        _ = detector.probed(hlcs: [100], hints: [.init(owner: 0, lowestHlc: 50)], isKnown: true)
        #expect(detector.silent(atNs: 0, isStarting: false) == .suspected)
    }
}
