import JSON

/// Operations that contradict each other, or that contradict the guarantees of their store.
struct Violation: Equatable, Sendable {
    enum Kind: String, Sendable {
        /// A read returned an old value, although an acknowledged change or an earlier read shows that it had been
        /// replaced.
        case staleRead = "stale-read"
        /// Two changes were acknowledged with the same version.
        case sameVersion = "same-version"
        /// No order of the operations explains their answers, and neither of the kinds above describes it.
        case contradiction
        /// No replica has the value of an acknowledged write, and no other change can have replaced it.
        case lostWrite = "lost-write"
    }

    struct Operation: Equatable, Sendable {
        let service: String
        let op: AnswerEvent.Operation
        /// The value of a write.
        var sent: String?
        /// The value that a read returned; nil if the key did not exist.
        var value: String?
        var version: String?
        /// Microseconds on the lab's clock.
        let calledUs: Int64
        let returnedUs: Int64
    }

    static let maxOperations = 6

    let store: GroupName
    let kind: Kind
    let key: String
    /// The last operation is the one that no order explains after the others. The others are in the order of their
    /// requests. At most ``maxOperations``.
    let operations: [Operation]

    /// True if both have the same last operation. Their other operations may differ, because the window drops old ones.
    func isSame(as other: Violation) -> Bool {
        store == other.store && key == other.key && operations.last == other.operations.last
    }
}

/// The violations that were first found in the last minute, or are still found. Each has a number, so that a reader of
/// the page can dismiss it.
struct ViolationLog {
    struct Entry: Equatable {
        let id: Int
        let foundUs: Int64
        let violation: Violation
    }

    static let keptUs: Int64 = 60_000_000
    static let maxEntries = 10

    private(set) var entries: [Entry] = []
    private var lastId = 0

    /// - Parameter found: the violations that the checkers find in their windows now.
    mutating func note(_ found: [Violation], atUs timeUs: Int64) {
        entries.removeAll { entry in
            entry.foundUs < timeUs - Self.keptUs && !found.contains { $0.isSame(as: entry.violation) }
        }
        for violation in found where !entries.contains(where: { $0.violation.isSame(as: violation) }) {
            lastId += 1
            entries.append(Entry(id: lastId, foundUs: timeUs, violation: violation))
        }
        if entries.count > Self.maxEntries { entries.removeFirst(entries.count - Self.maxEntries) }
    }

    /// Writes the member `violations` of the event `verdict`.
    func write(to json: inout JSONWriter) {
        json.key("violations")
        json.beginArray()
        for entry in entries {
            json.beginObject()
            json.member("id", entry.id)
            json.key("tMs")
            json.thousandths(entry.foundUs)
            json.member("store", entry.violation.store.rawValue)
            json.member("kind", entry.violation.kind.rawValue)
            json.member("key", entry.violation.key)
            json.key("operations")
            json.beginArray()
            for operation in entry.violation.operations { operation.write(to: &json) }
            json.endArray()
            json.endObject()
        }
        json.endArray()
    }
}

extension Violation.Operation {
    /// Writes an operation with the same names as in the event `answers`.
    fileprivate func write(to json: inout JSONWriter) {
        json.beginObject()
        json.member("service", service)
        json.member("op", op.rawValue)
        json.member("sent", sent.map { String($0.prefix(AnswerEvent.maxValueCharacters)) })
        json.member("value", value.map { String($0.prefix(AnswerEvent.maxValueCharacters)) })
        json.member("version", version)
        json.key("tMs")
        json.thousandths(calledUs)
        json.key("tookMs")
        json.thousandths(returnedUs - calledUs)
        json.endObject()
    }
}
