/// When a connection last made progress. Long bodies and responses make progress in steps. Times are on the reactor's
/// clock.
struct ConnectionProgress {
    /// When the connection was opened, or when it last completed a request, a response or a step of a long one. The
    /// moment at which a handler has responded counts as well.
    private(set) var lastNs: UInt64
    private var bodyBytes = 0
    private var acknowledgedBytes: UInt64 = 0
    /// A stream makes progress when the client has acknowledged this many bytes on the connection.
    private var streamGoalBytes: UInt64 = 0

    /// The size of a step. With the default idle timeout of 60 s, a client must send or read a long value at about 1
    /// KiB/s.
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

    /// - Parameter totalBytes: the bytes that the client has acknowledged since the connection was opened.
    mutating func acknowledged(totalBytes: UInt64, atNs nowNs: UInt64) {
        guard totalBytes >= acknowledgedBytes + UInt64(Self.bodyStepBytes) else { return }
        acknowledgedBytes = totalBytes
        made(atNs: nowNs)
    }

    /// A stream makes progress when its client has acknowledged everything that was unacknowledged at the previous
    /// progress. So a stream with nothing to send always makes progress.
    mutating func acknowledgedStream(
        totalBytes: UInt64, atNs nowNs: UInt64, unacknowledgedBytes: @autoclosure () -> UInt64
    ) {
        guard totalBytes >= streamGoalBytes else { return }
        streamGoalBytes = totalBytes + unacknowledgedBytes()
        made(atNs: nowNs)
    }
}
