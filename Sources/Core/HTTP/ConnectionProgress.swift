/// When a connection last made progress, and the parts of long messages that count as such. Times are on the reactor's
/// clock.
struct ConnectionProgress {
    /// When the connection was opened, or last completed a request, a response or a long part of them.
    private(set) var lastNs: UInt64
    private var bodyBytes = 0
    private var acknowledgedBytes: UInt64 = 0
    /// A stream makes progress when the client has acknowledged this much of it.
    private var streamGoalBytes: UInt64 = 0

    /// Every 64 KiB of a body count as progress, so that a long value may be sent or read at about 1 KiB/s.
    private static let bodyStepBytes = 65_536

    init(atNs nowNs: UInt64) { lastNs = nowNs }

    mutating func made(atNs nowNs: UInt64) {
        lastNs = nowNs
        bodyBytes = 0
    }

    mutating func received(bodyBytes count: Int, atNs nowNs: UInt64) {
        bodyBytes += count
        if bodyBytes >= Self.bodyStepBytes { made(atNs: nowNs) }
    }

    /// - Parameter totalBytes: what the client has acknowledged since the connection was opened.
    mutating func acknowledged(totalBytes: UInt64, atNs nowNs: UInt64) {
        guard totalBytes >= acknowledgedBytes + UInt64(Self.bodyStepBytes) else { return }
        acknowledgedBytes = totalBytes
        made(atNs: nowNs)
    }

    /// The client of a stream makes progress by acknowledging what had been written at the last call.
    mutating func acknowledgedStream(
        totalBytes: UInt64, atNs nowNs: UInt64, unacknowledgedBytes: @autoclosure () -> UInt64
    ) {
        guard totalBytes >= streamGoalBytes else { return }
        streamGoalBytes = totalBytes + unacknowledgedBytes()
        made(atNs: nowNs)
    }
}
