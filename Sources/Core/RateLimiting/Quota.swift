/// The remaining quota of a client, for the header fields of its responses.
public struct Quota: Equatable, Sendable {
    /// The quota of one policy.
    public struct Part: Equatable, Sendable {
        public let window: RatePolicy.Window
        /// Requests that the client may send at once.
        public let remaining: UInt64
        /// Seconds until the full burst is available, rounded up.
        public let refillS: UInt64
    }

    public let minute: Part?
    public let hour: Part?
    /// Seconds until the next request is admitted, rounded up, at least 1; 0 if requests remain.
    public let retryAfterS: UInt64
    /// The window whose next permit is due last, if no request remains.
    public let exhausted: RatePolicy.Window

    init(_ limit: ClientLimit, _ limits: RateLimits, atNs nowNs: UInt64) {
        let isRefused = limit.isRefused(atNs: nowNs)
        let leased = isRefused ? 0 : UInt64(limit.leased(atNs: nowNs))
        func part(_ meter: RateMeter) -> Part {
            Part(
                window: meter.policy.window, remaining: isRefused ? 0 : meter.available(atNs: nowNs) + leased,
                refillS: Self.seconds(meter.refillNs(atNs: nowNs)))
        }
        minute = limit.meters.minute.map(part)
        hour = limit.meters.hour.map(part)
        guard minute?.remaining == 0 || hour?.remaining == 0 else {
            (retryAfterS, exhausted) = (0, limits.minute == nil ? .hour : .minute)
            return
        }
        exhausted = limit.meters.exhausted(atNs: nowNs)
        let dueNs = max(limit.refusedUntilNs, limit.meters.dueNs(atNs: nowNs))
        retryAfterS = max(1, Self.seconds(dueNs - min(dueNs, nowNs)))
    }

    private static func seconds(_ ns: UInt64) -> UInt64 { ns / 1_000_000_000 + (ns % 1_000_000_000 == 0 ? 0 : 1) }
}

/// The fields `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10), which are lists of
/// structured fields (RFC 9651).
public struct QuotaFields: Sendable {
    public static let quotaName = "RateLimit"
    public static let policyName = "RateLimit-Policy"

    /// The value of `RateLimit-Policy`, such as `"minute";q=600;w=60`.
    public let policy: String

    public init(_ limits: RateLimits) {
        policy = limits.policies.map { "\"\($0.window.rawValue)\";q=\($0.limit);w=\($0.window.seconds)" }
            .joined(separator: ", ")
    }

    /// The value of `RateLimit`, such as `"minute";r=50;t=30`.
    public func quota(_ quota: Quota) -> String {
        let maxBytes = 128
        return String(unsafeUninitializedCapacity: maxBytes) { buffer in
            var output = OutputSpan(buffer: buffer, initializedCount: 0)
            if let minute = quota.minute { Self.append(minute, "\"minute\"", to: &output) }
            if quota.minute != nil, quota.hour != nil { Self.append(", ", to: &output) }
            if let hour = quota.hour { Self.append(hour, "\"hour\"", to: &output) }
            return output.finalize(for: buffer)
        }
    }

    private static func append(_ part: Quota.Part, _ name: StaticString, to output: inout OutputSpan<UInt8>) {
        append(name, to: &output)
        append(";r=", to: &output)
        append(part.remaining, to: &output)
        append(";t=", to: &output)
        append(part.refillS, to: &output)
    }

    private static func append(_ text: StaticString, to output: inout OutputSpan<UInt8>) {
        for index in 0..<text.utf8CodeUnitCount { output.append(text.utf8Start[index]) }
    }

    private static func append(_ number: UInt64, to output: inout OutputSpan<UInt8>) {
        if number >= 10 { append(number / 10, to: &output) }
        output.append(UInt8(ascii: "0") + UInt8(number % 10))
    }
}
