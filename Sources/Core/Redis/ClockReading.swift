import EventLoop
import Replication

/// How far a replica's clock is ahead of this machine's clock. It is the time in the reply to `TIME`, minus the
/// midpoint between sending and receiving (RFC 5905, section 8). Apart from rounding to milliseconds, the error is at
/// most half of the round trip.
public struct ClockReading: Sendable, Equatable {
    /// The offset in milliseconds; negative if the replica's clock is behind.
    public let offsetMs: Int64

    /// A reading with a longer round trip is too inexact.
    private static let maxRoundTripNs = 250 * nsPerMs

    public init(offsetMs: Int64) { self.offsetMs = offsetMs }

    /// - Parameters:
    ///   - reply: the reply to `TIME`: seconds and microseconds since 1970.
    ///   - sentMs: this machine's clock when the command was sent, in milliseconds since 1970.
    ///   - receivedMs: this machine's clock when the reply arrived, in milliseconds since 1970.
    ///   - roundTripNs: the time between the two, by this machine's monotonic clock.
    /// - Returns: nil if the reply is not one of `TIME`, or if the round trip took more than 250 ms. Also nil if
    ///   `receivedMs - sentMs` differs from the round trip by more than 250 ms: this machine's clock was then set in
    ///   between.
    init?(_ reply: Reply?, sentMs: Int64, receivedMs: Int64, roundTripNs: UInt64) {
        guard let seconds = reply?[0]?.int64, let microseconds = reply?[1]?.int64, roundTripNs <= Self.maxRoundTripNs,
            abs(receivedMs - sentMs - Int64(roundTripNs / nsPerMs)) <= Int64(Self.maxRoundTripNs / nsPerMs)
        else { return nil }
        let (serverMs, isOverflow) = seconds.multipliedReportingOverflow(by: 1_000)
        guard !isOverflow, serverMs.magnitude < 1 << 52, (0..<1_000_000).contains(microseconds) else { return nil }
        offsetMs = serverMs + microseconds / 1_000 - (sentMs + receivedMs) / 2
    }
}
