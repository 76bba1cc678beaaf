import EventLoop

/// Decides for logs and status whether one replica is cut off. A replica is suspected when it stops answering. A
/// partition is healed when the replica answers again, and all hints from before its return have been delivered in both
/// directions.
struct PartitionDetector: Equatable {
    enum State: Equatable {
        /// The replica has not answered since this instance started.
        case starting
        case healthy
        /// The replica has just stopped answering. A moment later it is known whether it refuses connections.
        case silent(sinceNs: UInt64)
        case suspected
        /// The replica is back. `hlcs`: for each replica, its hlc when it was first probed after that; nil for those
        /// not probed yet. Hints up to these are for writes before the return.
        case catchingUp(hlcs: [UInt64?])
    }

    enum Event: Equatable {
        case suspected
        case healed
    }

    /// The hints that one replica had for another in one probe.
    struct Hints: Equatable {
        let owner: Int
        /// The lowest hlc of a hint; nil if there are no hints.
        let lowestHlc: UInt64?
    }

    private(set) var state = State.starting

    /// How long a replica must not answer before it is suspected. This is longer than the time until the first
    /// reconnect, which shows whether the replica refuses connections.
    static let confirmNs = 400 * nsPerMs

    var isSuspected: Bool { state == .suspected }

    /// Called when the replica does not answer a probe.
    ///
    /// - Parameter isStarting: true if this instance has just started, so that it may not have connected yet.
    mutating func silent(atNs nowNs: UInt64, isStarting: Bool) -> Event? {
        switch state {
        case .suspected: return nil
        case .starting where isStarting: return nil
        case .healthy:
            state = .silent(sinceNs: nowNs)
            return nil
        case .silent(let sinceNs) where nowNs < sinceNs + Self.confirmNs: return nil
        case .starting, .silent, .catchingUp:
            state = .suspected
            return .suspected
        }
    }

    /// Called when the replica has not answered a probe but replies in another way: it rejects commands, is refused, or
    /// is being admitted. This ends an earlier silence, so that a later one does not add to it.
    mutating func replied() {
        if case .silent = state { state = .healthy }
    }

    /// Called after a probe that reached the replica.
    ///
    /// - Parameters:
    ///   - hlcs: the hlc of each replica; nil for those that the probe did not reach.
    ///   - hints: the hints between this replica and all others that the probe reached, in both directions.
    ///   - isKnown: true if the replica's staleness is known. Otherwise it may have lost data and not been filled
    ///     again.
    mutating func probed(hlcs: [UInt64?], hints: [Hints], isKnown: Bool) -> Event? {
        switch state {
        case .starting, .healthy, .silent:
            state = .healthy
            return nil
        case .suspected:
            state = .catchingUp(hlcs: hlcs)
        case .catchingUp(let earlier):
            state = .catchingUp(hlcs: zip(earlier, hlcs).map { $0 ?? $1 })
        }
        guard case .catchingUp(let marks) = state, isKnown else { return nil }
        for hint in hints {
            guard let lowest = hint.lowestHlc else { continue }
            guard let mark = marks[hint.owner], lowest > mark else { return nil }
        }
        state = .healthy
        return .healed
    }
}
