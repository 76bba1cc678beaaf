import EventLoop

/// Whether one replica is cut off, as people see it. It is suspected when it stops answering. It is healed when it
/// answers again, and all hints that existed when it came back have been delivered in both directions.
struct PartitionDetector: Equatable {
    enum State: Equatable {
        /// Not reached since the start.
        case starting
        case healthy
        /// It has just stopped answering: soon it is known whether it refuses connections.
        case silent(sinceNs: UInt64)
        case suspected
        /// It is back. `hlcs`: each replica's clock value when it was first seen again, nil for those not seen yet.
        /// Hints up to there are from the time apart.
        case catchingUp(hlcs: [UInt64?])
    }

    enum Event: Equatable {
        case suspected
        case healed
    }

    /// The hints of one replica for another, as one probe found them.
    struct Hints: Equatable {
        let owner: Int
        /// Nil if there are none.
        let lowestHlc: UInt64?
    }

    private(set) var state = State.starting

    /// Longer than until the first attempt to connect again.
    static let confirmNs = 400 * nsPerMs

    var isSuspected: Bool { state == .suspected }

    /// The replica does not answer a probe.
    ///
    /// - Parameter isStarting: this instance has started a moment ago: connecting takes a moment.
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

    /// A probe that reached the replica ended.
    ///
    /// - Parameters:
    ///   - hlcs: clock values by replica; nil for those that the probe did not reach.
    ///   - hints: of this replica for those that the probe reached, and of those for this replica.
    ///   - isKnown: its staleness is known: none of its data is missing.
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
