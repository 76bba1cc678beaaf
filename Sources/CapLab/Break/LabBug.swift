/// A deliberately faulty proxy that the lab puts in front of one service, so that the lab's checkers find a violation.
/// The service itself is unchanged.
enum LabBug: String, CaseIterable, Sendable {
    /// A cache in front of the consistent store. Its answers may lack an acknowledged write.
    case staleRead = "stale-read"
    /// A proxy in front of the available store that acknowledges some writes and drops them.
    case lostWrite = "lost-write"

    /// - Throws: an error that lists the names, with exit code 2.
    init(named name: String) throws(LabError) {
        guard let bug = LabBug(rawValue: name) else {
            let names = LabBug.allCases.map(\.rawValue).joined(separator: ", ")
            throw LabError("unknown bug '\(name)'; valid: \(names)", exitCode: 2)
        }
        self = bug
    }

    /// The name of the service behind the faulty proxy.
    var service: String {
        switch self {
        case .staleRead: "app_cp_west"
        case .lostWrite: "app_ap_west"
        }
    }

    /// The bug in one sentence, for the user.
    var summary: String {
        switch self {
        case .staleRead:
            "A cache in front of \(service) returns every second read of a key from memory, for up to 4 s."
        case .lostWrite: "A proxy in front of \(service) acknowledges every second write and drops it."
        }
    }

    func tampering() -> any RequestTampering {
        switch self {
        case .staleRead: ReadCache()
        case .lostWrite: WriteDropper()
        }
    }
}

/// A bug as a state machine without I/O: it decides which requests a proxy answers itself, and how.
protocol RequestTampering {
    /// The complete answer that the proxy sends instead of the service's; nil to forward the request.
    mutating func answer(to request: MessageHead, nowNs: UInt64) -> [UInt8]?

    /// True if ``note(_:to:nowNs:)`` must be called with the service's answer to this request, if that answer has
    /// status 200.
    func wantsAnswer(to request: MessageHead) -> Bool

    /// Called when the proxy has received a complete answer with status 200.
    mutating func note(_ answer: [UInt8], to request: MessageHead, nowNs: UInt64)
}
