/// One client's call to the AP service, and its result.
public struct APOperation: Sendable, Codable, Equatable {
    public enum Call: String, Sendable, Codable { case read, write, delete }
    public enum Result: String, Sendable, Codable {
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
    public var client: Int
    public var instance: Int
    public var key: String
    public var call: Call
    /// Written, or read.
    public var value: String?
    /// All values that the answer showed, if there were several.
    public var conflicts: [String?] = []
    public var hasContext = false
    public var result: Result
    public var replica: String?
    public var stalenessMs: Int64?
    public var callNs: UInt64
    public var returnNs: UInt64
}
