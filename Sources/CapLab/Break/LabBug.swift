/// A deliberate bug that the lab puts in front of one service, so that its checkers have something to find.
///
/// The services themselves are not changed.
enum LabBug: String, CaseIterable, Sendable {
    /// A cache in front of the consistent store. Its answers may be older than an acknowledged write.
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

    /// The service behind the proxy.
    var service: String {
        switch self {
        case .staleRead: "app_cp_west"
        case .lostWrite: "app_ap_west"
        }
    }

    /// One sentence for people.
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

/// The bug as a state machine: how a proxy changes the requests that pass through it. A value without I/O.
protocol RequestTampering {
    /// The complete answer that is sent in place of the service's; nil: the request is forwarded.
    mutating func answer(to request: MessageHead, nowNs: UInt64) -> [UInt8]?

    /// Whether ``note(_:to:nowNs:)`` is to be called for the service's answer with status 200.
    func wantsAnswer(to request: MessageHead) -> Bool

    /// A complete answer with status 200 passed.
    mutating func note(_ answer: [UInt8], to request: MessageHead, nowNs: UInt64)
}
