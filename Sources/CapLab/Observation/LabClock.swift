import EventLoop
import JSON

extension ObservedPair {
    /// The time on the lab's clock: microseconds since the start.
    var elapsedUs: Int64 { elapsedUs(atNs: monotonicNs()) }

    func elapsedUs(atNs timeNs: UInt64) -> Int64 { timeNs < startNs ? 0 : Int64((timeNs - startNs) / 1_000) }
}

extension JSONWriter {
    /// Begins the JSON object of an event, with its time as the first member.
    mutating func beginEvent(atUs timeUs: Int64) {
        beginObject()
        key("tMs")
        thousandths(timeUs)
    }

    mutating func strings(_ name: StaticString, _ texts: [String]) {
        key(name)
        beginArray()
        for text in texts { string(text) }
        endArray()
    }
}
