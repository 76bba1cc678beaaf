/// The number of requests that a client may send per window, and at once.
public struct RatePolicy: Sendable, Equatable {
    /// The windows for which there are limits.
    public enum Window: String, Sendable, CaseIterable {
        case minute
        case hour

        public var seconds: UInt64 {
            switch self {
            case .minute: 60
            case .hour: 3_600
            }
        }
    }

    public let window: Window
    /// Requests per window; permits accrue evenly. At least 1.
    public let limit: UInt64
    /// Requests at once after a pause. At least 1.
    public let burst: UInt64
    let windowNs: UInt64

    /// The greatest limits: per minute, and per hour.
    public static let maxLimits: [Window: UInt64] = [.minute: 10_000_000, .hour: 100_000_000]
    /// The greatest burst. Up to this one, the arithmetic of ``RateMeter`` and of its script is exact.
    public static let maxBurst: UInt64 = 1_000_000

    /// - Parameters:
    ///   - limit: 1 to the window's entry in ``maxLimits``.
    ///   - burst: 1 to ``maxBurst``; nil for a sixth of the limit, within these bounds.
    public init(_ window: Window, limit: UInt64, burst: UInt64? = nil) {
        precondition((1...Self.maxLimits[window]!).contains(limit), "a limit is within its bounds")
        self.window = window
        windowNs = window.seconds * 1_000_000_000
        self.limit = limit
        self.burst = burst ?? Self.usualBurst(of: limit)
        precondition((1...Self.maxBurst).contains(self.burst), "a burst is within its bounds")
    }

    /// The permits that accrue in a sixth of the window, at least 1. So in any period as long as the window, a client
    /// can send at most 7/6 of the limit, or one request more than the limit.
    static func usualBurst(of limit: UInt64) -> UInt64 { min(max(limit / 6, 1), maxBurst) }
}

/// The limits of every client: per minute, per hour, or both.
public struct RateLimits: Sendable, Equatable {
    public let minute: RatePolicy?
    public let hour: RatePolicy?

    /// - Parameters:
    ///   - perMinute: 0 for no limit.
    ///   - perHour: 0 for no limit.
    ///   - burst: requests at once; 0 for a sixth of the shorter window's limit. If both limits are set, the burst per
    ///     hour is a sixth of the limit per hour, but not less than the burst per minute.
    /// - Returns: nil if there is no limit.
    public init?(perMinute: UInt64, perHour: UInt64, burst: UInt64) {
        guard perMinute > 0 || perHour > 0 else { return nil }
        let own = burst > 0 ? burst : nil
        minute = perMinute > 0 ? RatePolicy(.minute, limit: perMinute, burst: own) : nil
        guard perHour > 0 else {
            hour = nil
            return
        }
        let hourly = minute.map { max($0.burst, RatePolicy.usualBurst(of: perHour)) } ?? own
        hour = RatePolicy(.hour, limit: perHour, burst: hourly)
    }

    public var policies: [RatePolicy] { [minute, hour].compactMap { $0 } }

    /// The most permits that an instance leases at once. For one policy it is 0.2 % of the limit or an eighth of the
    /// burst, whichever is less, but at least 1. The smaller result of the two policies counts. A lease is small,
    /// because the permits that an instance does not use are lost to the client.
    var maxLease: Int {
        Int(policies.map { max(1, min($0.limit / 500, $0.burst / 8)) }.min() ?? 1)
    }
}
