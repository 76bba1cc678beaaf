/// One operation of one client as it was seen from outside: what was asked, when, and what came back.
public struct RecordedOperation: Sendable, Codable, Equatable {
    public enum Call: Sendable, Codable, Equatable {
        case read
        case write(String)
        case delete
        /// A write that asks for this version.
        case compareAndSet(version: UInt64, String)
        /// A write that asks for the key not to exist.
        case create(String)
        /// No client's: the end of a value that was written with a time to live. Recorded as ``Result/unknown``, called at the
        /// earliest moment at which some clock may have found it expired.
        case expire(String)
    }

    public enum Result: Sendable, Codable, Equatable {
        /// Of a read; nil where the key does not exist.
        case value(String?, version: UInt64)
        /// Of a change, with its version.
        case applied(version: UInt64)
        /// Of a delete of what does not exist.
        case absent(version: UInt64)
        /// Of a condition that did not hold, with the version it was compared with.
        case preconditionFailed(version: UInt64)
        /// It had no effect and never will; or a read that failed.
        case notApplied
        /// It may take effect at any time after its call, or never.
        case unknown
    }

    public var client: Int
    public var key: String
    public var call: Call
    public var result: Result
    /// Monotonic nanoseconds.
    public var callNs: UInt64
    /// Monotonic nanoseconds; means nothing for ``Result/unknown``.
    public var returnNs: UInt64

    public init(client: Int, key: String, call: Call, result: Result, callNs: UInt64, returnNs: UInt64) {
        self.client = client
        self.key = key
        self.call = call
        self.result = result
        self.callNs = callNs
        self.returnNs = returnNs
    }
}
