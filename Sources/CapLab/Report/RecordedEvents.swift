import JSON

/// The events of a run that a recording keeps: ordered by time, and within byte budgets.
///
/// This is a value without a clock or network. It leaves out:
///
/// - a `copies`, `verdict` or `state` that differs from the previous one only in its time
/// - a `state` in which only numbers changed, if a newer one follows within `stateIntervalMs`
/// - `messages`, `state` and answers for which too few bytes are left; but an answer to a person is always kept, and so
///   is one `state` per `stateIntervalMs`. Messages about the chosen key are the last to be left out.
struct RecordedEvents {
    struct Event: Equatable {
        let timeUs: Int64
        let name: String
        let json: [UInt8]
    }

    private(set) var events: [Event] = []
    /// How many messages the relays forwarded or held that are not among the events.
    private(set) var leftOutMessages = 0
    private(set) var keptAnswers = 0

    private var messageBudget: ByteBudget
    /// What messages about the chosen key may use beyond ``messageBudget``. Later messages about other keys get less.
    private var chosenBudget: ByteBudget
    /// How the chosen key appears in the JSON of a message.
    private let chosenMember: [UInt8]
    private var answerBudget: ByteBudget
    private var states: StateFilter
    /// For `copies` and `verdict`: the content of the last event.
    private var last: [String: [UInt8]] = [:]

    /// - Parameters:
    ///   - bytesPerSecond: the average for messages and answers together.
    ///   - stateBytesPerSecond: the average for states.
    ///   - stateIntervalMs: the least time between two states that differ only in numbers.
    ///   - chosenKey: the key that the recording shows. Its messages are the last to be left out, because the messages
    ///     of an operation explain it only together.
    init(
        bytesPerSecond: Int, stateBytesPerSecond: Int = 6_000, stateIntervalMs: Int = 1_000, chosenKey: String = ""
    ) {
        messageBudget = ByteBudget(bytesPerSecond: bytesPerSecond * 3 / 5)
        chosenBudget = ByteBudget(bytesPerSecond: bytesPerSecond * 3 / 5)
        var key = JSONWriter(capacity: 64)
        key.string(chosenKey)
        chosenMember = Array("\"key\":".utf8) + key.bytes
        answerBudget = ByteBudget(bytesPerSecond: bytesPerSecond * 2 / 5)
        states = StateFilter(bytesPerSecond: stateBytesPerSecond, intervalMs: stateIntervalMs)
    }

    mutating func add(_ name: String, _ json: [UInt8], atUs timeUs: Int64) {
        let event = Event(timeUs: timeUs, name: name, json: json)
        if let state = states.due(atUs: timeUs) { insert(state) }
        switch name {
        case "messages": addMessages(event)
        case "answers":
            // Always keep a batch with an answer to a person. There are few of them.
            let isRequired = json.firstRange(of: Array("\"by\":\"page\"".utf8)) != nil
            guard answerBudget.spend(json.count, atUs: timeUs, isRequired: isRequired) else { return }
            keptAnswers += Self.count("{\"id\":", in: json)
            events.append(event)
        case "copies", "verdict":
            let content = Self.withoutTime(json)
            guard last[name] != content else { return }
            last[name] = content
            events.append(event)
        case "state": if states.admits(event) { insert(event) }
        default: events.append(event)
        }
    }

    /// Adds the `state` that is still held back, if there is one.
    mutating func end() {
        if let state = states.end() { insert(state) }
    }

    /// Inserts a state by its time, because later events may already have been added.
    private mutating func insert(_ state: Event) {
        let place = events.lastIndex { $0.timeUs <= state.timeUs }.map { $0 + 1 } ?? 0
        events.insert(state, at: place)
    }

    private mutating func addMessages(_ event: Event) {
        let seen = Self.number("\"seen\":", in: event.json)
        var event = event
        if !messageBudget.spend(event.json.count, atUs: event.timeUs, isRequired: false) {
            guard let json = chosenMessages(event.json, seen: seen),
                chosenBudget.spend(json.count, atUs: event.timeUs, isRequired: false)
            else {
                leftOutMessages += seen
                return
            }
            _ = messageBudget.spend(json.count, atUs: event.timeUs, isRequired: true)
            event = Event(timeUs: event.timeUs, name: event.name, json: json)
        }
        leftOutMessages += max(0, seen - Self.number("\"shown\":", in: event.json))
        events.append(event)
    }

    /// An event `messages` with only the messages about the chosen key; nil if it has none.
    private func chosenMessages(_ json: [UInt8], seen: Int) -> [UInt8]? {
        // As in ``count(_:in:)``, the mark of a message cannot occur within a string.
        let starts = json.ranges(of: Array("{\"id\":".utf8)).map(\.lowerBound)
        let ends = starts.dropFirst().map { $0 - 1 } + [json.lastIndex(of: UInt8(ascii: "]")) ?? json.endIndex]
        let messages = zip(starts, ends).map { json[$0..<$1] }.filter { $0.firstRange(of: chosenMember) != nil }
        guard !messages.isEmpty else { return nil }
        let head = "{\"seen\":\(seen),\"shown\":\(messages.count),\"list\":["
        return Array(head.utf8) + messages.joined(separator: [UInt8(ascii: ",")]) + Array("]}".utf8)
    }

    // MARK: Content

    /// An event without its first member, which is the time, as in `{"tMs":12.5,...`.
    static func withoutTime(_ json: [UInt8]) -> [UInt8] {
        guard json.starts(with: "{\"tMs\":".utf8), let comma = json.firstIndex(of: UInt8(ascii: ",")) else {
            return json
        }
        return Array(json[comma...])
    }

    /// The number after the first occurrence of `mark`; 0 if there is none.
    static func number(_ mark: String, in json: [UInt8]) -> Int {
        guard let place = json.firstRange(of: Array(mark.utf8)) else { return 0 }
        var number = 0
        for byte in json[place.upperBound...].prefix(12) {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { break }
            number = number * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return number
    }

    /// How often `mark` occurs. Inside a JSON string, every quote follows a backslash. So a `mark` such as `{"id":`,
    /// where another character precedes the quote, cannot occur inside a string.
    static func count(_ mark: String, in json: [UInt8]) -> Int { json.ranges(of: Array(mark.utf8)).count }
}
