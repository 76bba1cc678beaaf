/// One client's call to the AP service, and its result.
public struct APOperation: SimulatedOperation, Equatable {
    public enum Call: String, Sendable, Encodable { case read, write, delete }
    public enum Result: String, Sendable, Encodable {
        /// A read that was answered, or an acknowledged change.
        case ok
        /// A delete of what was not there.
        case absent
        /// A failure that says the change is applied.
        case applied
        case notApplied
        /// A read whose required session or staleness limit could not be met.
        case unmet
        case unknown
    }
    public let client: Int
    public let instance: Int
    public let key: String
    public let call: Call
    /// Written, or read.
    public internal(set) var value: String?
    /// All values that the answer showed, if there were several.
    public internal(set) var conflicts: [String?] = []
    public let hasContext: Bool
    public internal(set) var result: Result
    public internal(set) var replica: String?
    public internal(set) var stalenessMs: Int64?
    public let callNs: UInt64
    public let returnNs: UInt64

    public var resultName: String { "\(call.rawValue): \(result.rawValue)" }
    public var isAnswered: Bool { result != .unknown && result != .notApplied }
}
