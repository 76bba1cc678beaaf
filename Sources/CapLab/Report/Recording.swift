import JSON

/// A run as one JSON object: the steps, the events as the page received them, and the verdict.
struct Recording: Sendable {
    static let format = 1

    struct Step: Equatable, Sendable {
        let atMs: Int
        let text: String
    }

    struct LeftOut: Equatable, Sendable {
        var messages = 0
        var answers = 0
    }

    /// The wall clock at the start, in the format of RFC 3339.
    let recordedAt: String
    let name: String
    let title: String
    let description: String
    var steps: [Step] = []
    let durationMs: Int
    let summary: RunSummary
    var leftOut = LeftOut()

    /// - Parameter events: their times are microseconds since the start.
    func json(_ events: [RecordedEvents.Event]) -> [UInt8] {
        var json = JSONWriter(capacity: 4_096)
        json.beginObject()
        json.member("format", Self.format)
        json.member("recordedAt", recordedAt)
        json.member("version", LabPage.version)
        json.key("drill")
        json.beginObject()
        json.member("name", name)
        json.member("title", title)
        json.member("description", description)
        json.key("steps")
        json.beginArray()
        for step in steps {
            json.beginObject()
            json.member("atMs", step.atMs)
            json.member("text", step.text)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        json.member("durationMs", durationMs)
        json.key("summary")
        summary.write(to: &json)
        json.key("leftOut")
        json.beginObject()
        json.member("messages", leftOut.messages)
        json.member("answers", leftOut.answers)
        json.endObject()
        // Append the events as bytes, because they are already JSON.
        var bytes = json.bytes
        bytes += ",\"events\":[".utf8
        for (index, event) in events.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            var head = JSONWriter(capacity: 32)
            head.beginArray()
            head.thousandths(event.timeUs)
            head.string(event.name)
            bytes += head.bytes
            bytes.append(UInt8(ascii: ","))
            bytes += content(event)
            bytes.append(UInt8(ascii: "]"))
        }
        bytes += "]}\n".utf8
        return bytes
    }

    /// The JSON of an event. A `hello` gets the duration of the run, which was unknown when it was sent.
    private func content(_ event: RecordedEvents.Event) -> [UInt8] {
        let json = event.json.last == UInt8(ascii: "\n") ? event.json.dropLast() : event.json[...]
        let mark = Array("\"durationMs\":null".utf8)
        guard event.name == "hello", let place = json.firstRange(of: mark) else { return Array(json) }
        return json[..<place.lowerBound] + Array("\"durationMs\":\(durationMs)".utf8) + json[place.upperBound...]
    }
}
