/// The events of a run, as a recording keeps them: in order, and within byte budgets.
///
/// This is a value without a clock or network. An event is left out if it says the same as the previous one of its
/// name. A `state` in which only numbers changed within a second is left out too. Beyond the budgets, only the last
/// `state` of each second and the answers to people are kept.
struct RecordedEvents {
    struct Event: Equatable {
        let timeUs: Int64
        let name: String
        let json: [UInt8]
    }

    private(set) var events: [Event] = []
    /// How many messages the relays saw that are not among the events.
    private(set) var leftOutMessages = 0
    private(set) var keptAnswers = 0

    /// A budget of bytes that grows at a fixed rate. It saves up at most the bytes of a few seconds.
    private struct Budget {
        private let bytesPerSecond: Int
        private let most: Int
        private var left: Int
        private var filledUs: Int64 = 0

        init(bytesPerSecond: Int, savedSeconds: Int = 2) {
            self.bytesPerSecond = bytesPerSecond
            most = bytesPerSecond * savedSeconds
            left = most
        }

        /// - Parameter isRequired: true to spend the bytes even if too few are left, so that later events get less.
        /// - Returns: false if too little is left.
        mutating func spend(_ count: Int, atUs timeUs: Int64, isRequired: Bool) -> Bool {
            left = min(left + Int(max(0, timeUs - filledUs)) * bytesPerSecond / 1_000_000, most)
            filledUs = max(filledUs, timeUs)
            guard isRequired || left >= count else { return false }
            left -= count
            return true
        }
    }

    private var messageBudget: Budget
    private var answerBudget: Budget
    private var stateBudget: Budget
    /// For how long a `state` in which only numbers changed is held back, because a newer one may replace it.
    private let stateIntervalUs: Int64
    /// By event name: the content of the last event.
    private var last: [String: [UInt8]] = [:]
    private var lastStateUs = Int64.min
    /// A `state` that is held back: only numbers changed in it, or the budget is used up.
    private var waiting: Event?

    /// - Parameters:
    ///   - bytesPerSecond: the average for messages and answers together.
    ///   - stateBytesPerSecond: the average for states.
    ///   - stateIntervalMs: the time between two states that differ only in numbers.
    init(bytesPerSecond: Int, stateBytesPerSecond: Int = 6_000, stateIntervalMs: Int = 1_000) {
        messageBudget = Budget(bytesPerSecond: bytesPerSecond * 3 / 5)
        answerBudget = Budget(bytesPerSecond: bytesPerSecond * 2 / 5)
        stateBudget = Budget(bytesPerSecond: stateBytesPerSecond, savedSeconds: 10)
        stateIntervalUs = Int64(stateIntervalMs) * 1_000
    }

    mutating func add(_ name: String, _ json: [UInt8], atUs timeUs: Int64) {
        let event = Event(timeUs: timeUs, name: name, json: json)
        if let state = waiting, timeUs >= lastStateUs + stateIntervalUs {
            _ = stateBudget.spend(state.json.count, atUs: timeUs, isRequired: true)
            keep(state)
        }
        switch name {
        case "messages": addMessages(event)
        case "answers":
            // Keep all answers to people's requests. They are few.
            let isRequired = json.firstRange(of: Array("\"by\":\"page\"".utf8)) != nil
            guard answerBudget.spend(json.count, atUs: timeUs, isRequired: isRequired) else { return }
            keptAnswers += Self.count("{\"id\":", in: json)
            events.append(event)
        case "copies", "verdict":
            let content = Self.withoutTime(json)
            guard last[name] != content else { return }
            last[name] = content
            events.append(event)
        case "state":
            let content = Self.withoutTime(json)
            guard last[name] != content else {
                waiting = nil
                return
            }
            if timeUs < lastStateUs + stateIntervalUs, let before = last[name],
                Self.shape(content) == Self.shape(before)
            {
                waiting = event
            } else if stateBudget.spend(json.count, atUs: timeUs, isRequired: false) {
                keep(event)
            } else {
                waiting = event
            }
        default: events.append(event)
        }
    }

    /// Adds the `state` that is still held back, if there is one.
    mutating func end() {
        if let state = waiting { keep(state) }
    }

    private mutating func keep(_ state: Event) {
        waiting = nil
        last["state"] = Self.withoutTime(state.json)
        lastStateUs = state.timeUs
        // Insert the state by its time, because the next event may have been added before it.
        let place = events.lastIndex { $0.timeUs <= state.timeUs }.map { $0 + 1 } ?? 0
        events.insert(state, at: place)
    }

    private mutating func addMessages(_ event: Event) {
        let seen = Self.number("\"seen\":", in: event.json)
        guard messageBudget.spend(event.json.count, atUs: event.timeUs, isRequired: false) else {
            leftOutMessages += seen
            return
        }
        leftOutMessages += max(0, seen - Self.number("\"shown\":", in: event.json))
        events.append(event)
    }

    // MARK: Content

    /// An event without its first member, which is the time, as in `{"tMs":12.5,...`.
    static func withoutTime(_ json: [UInt8]) -> [UInt8] {
        guard json.starts(with: "{\"tMs\":".utf8), let comma = json.firstIndex(of: UInt8(ascii: ",")) else {
            return json
        }
        return Array(json[comma...])
    }

    /// The JSON with every number above zero replaced by 1. Two events with the same result differ only in numbers.
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

    /// The number after the first occurrence of `mark`.
    static func number(_ mark: String, in json: [UInt8]) -> Int {
        guard let place = json.firstRange(of: Array(mark.utf8)) else { return 0 }
        var number = 0
        for byte in json[place.upperBound...].prefix(12) {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { break }
            number = number * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return number
    }

    /// How often `mark` occurs. Quotes inside JSON strings are escaped, so that the text cannot occur within one.
    static func count(_ mark: String, in json: [UInt8]) -> Int { json.ranges(of: Array(mark.utf8)).count }
}
