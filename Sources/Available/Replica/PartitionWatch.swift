/// Whether a replica is cut off, as people see it: suspected when it stops answering; healed when it answers again and all
/// that it owed and was owed when it came back has been delivered.
struct PartitionWatch: Equatable {
    enum State: Equatable {
        /// Not reached yet since the start, in so many polls.
        case starting(polls: Int)
        case healthy
        case suspected
        /// It is back. `hlcs`: each replica's clock value when it was first seen again, nil for those not seen yet; debt up
        /// to there is from the time apart.
        case catchingUp(hlcs: [UInt64?])
    }

    enum Event: Equatable {
        case suspected
        case healed
    }

    /// What one poll found one replica to owe another; the lowest hlc of it, nil for nothing.
    struct Debt: Equatable {
        let owner: Int
        let lowestHlc: UInt64?
    }

    private(set) var state = State.starting(polls: 0)

    /// A replica that was never reached is suspected after this many polls: connecting takes a moment.
    static let startPolls = 8

    var isSuspected: Bool { state == .suspected }

    /// The replica does not answer, or its connection is gone.
    mutating func silent() -> Event? {
        switch state {
        case .suspected: return nil
        case .starting(let polls) where polls + 1 < Self.startPolls:
            state = .starting(polls: polls + 1)
            return nil
        case .starting, .healthy, .catchingUp:
            state = .suspected
            return .suspected
        }
    }

    /// A poll that reached the replica ended.
    /// - Parameters:
    ///   - hlcs: clock values by replica, nil for those that the poll did not reach.
    ///   - debts: what this replica owes, and is owed by, those that the poll reached.
    ///   - isKnown: its staleness is known: nothing of its data is missing.
    mutating func polled(hlcs: [UInt64?], debts: [Debt], isKnown: Bool) -> Event? {
        switch state {
        case .starting, .healthy:
            state = .healthy
            return nil
        case .suspected:
            state = .catchingUp(hlcs: hlcs)
        case .catchingUp(let earlier):
            state = .catchingUp(hlcs: zip(earlier, hlcs).map { $0 ?? $1 })
        }
        guard case .catchingUp(let marks) = state, isKnown else { return nil }
        for debt in debts {
            guard let lowest = debt.lowestHlc else { continue }
            guard let mark = marks[debt.owner], lowest > mark else { return nil }
        }
        state = .healthy
        return .healed
    }
}
