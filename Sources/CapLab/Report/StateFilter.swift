/// Decides which events `state` a recording keeps.
///
/// A state with the same content as the last kept one is left out. A state in which only numbers changed is held back
/// for a while, because a newer one may replace it. A state for which too few bytes are left is held back too.
struct StateFilter {
    private var budget: ByteBudget
    private let intervalUs: Int64
    /// The content of the last kept state; nil before the first.
    private var last: [UInt8]?
    private var lastUs = Int64.min
    /// The state that is held back.
    private var waiting: RecordedEvents.Event?

    /// - Parameters:
    ///   - bytesPerSecond: the average for all states.
    ///   - intervalMs: the least time between two states that differ only in numbers.
    init(bytesPerSecond: Int, intervalMs: Int) {
        budget = ByteBudget(bytesPerSecond: bytesPerSecond, savedSeconds: 10)
        intervalUs = Int64(intervalMs) * 1_000
    }

    /// Called before each event of any name. Returns the state that was held back, if it has waited long enough and
    /// must be kept now.
    mutating func due(atUs timeUs: Int64) -> RecordedEvents.Event? {
        guard let state = waiting, timeUs >= lastUs + intervalUs else { return nil }
        _ = budget.spend(state.json.count, atUs: timeUs, isRequired: true)
        keep(state)
        return state
    }

    /// Returns true if the state must be kept now. Otherwise it is left out or held back.
    mutating func admits(_ state: RecordedEvents.Event) -> Bool {
        let content = RecordedEvents.withoutTime(state.json)
        guard last != content else {
            waiting = nil
            return false
        }
        let mayWait = state.timeUs < lastUs + intervalUs && last.map(Self.shape) == Self.shape(content)
        guard !mayWait, budget.spend(state.json.count, atUs: state.timeUs, isRequired: false) else {
            waiting = state
            return false
        }
        keep(state)
        return true
    }

    /// Returns the state that is still held back, if there is one.
    mutating func end() -> RecordedEvents.Event? {
        guard let state = waiting else { return nil }
        keep(state)
        return state
    }

    private mutating func keep(_ state: RecordedEvents.Event) {
        waiting = nil
        last = RecordedEvents.withoutTime(state.json)
        lastUs = state.timeUs
    }

    /// The JSON with every number of at least 1 replaced by 1, and every smaller one by 0. Two events with the same
    /// result differ only in numbers.
    static func shape(_ json: [UInt8]) -> [UInt8] {
        var shape: [UInt8] = []
        shape.reserveCapacity(json.count)
        var previous: UInt8 = 0
        var isInNumber = false
        var isInString = false
        for byte in json {
            let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
            if isInNumber, isDigit || byte == UInt8(ascii: ".") { continue }
            isInNumber = !isInString && isDigit && previous == UInt8(ascii: ":")
            if byte == UInt8(ascii: "\""), previous != UInt8(ascii: "\\") { isInString.toggle() }
            shape.append(isInNumber && byte != UInt8(ascii: "0") ? UInt8(ascii: "1") : byte)
            previous = byte
        }
        return shape
    }
}
