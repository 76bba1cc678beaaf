import EventLoop
import JSON

extension Lab {
    /// The time on the lab's clock, in microseconds since its start.
    var elapsedUs: Int64 { elapsedUs(atNs: monotonicNs()) }

    func elapsedUs(atNs timeNs: UInt64) -> Int64 { timeNs < startNs ? 0 : Int64((timeNs - startNs) / 1_000) }
}

extension JSONWriter {
    /// Begins the object of an event with its time.
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
