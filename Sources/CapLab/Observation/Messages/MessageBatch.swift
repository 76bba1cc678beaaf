import JSON

/// The messages of one event `messages`: a sample of those that the relays forwarded or held since the last event.
///
/// If there are too many, messages about the chosen key are preferred, and background traffic is left out first. A
/// reply is shown only if its command was shown.
struct MessageBatch {
    /// A message that the next event may contain.
    private struct Sample {
        let message: TappedMessage
        let link: Link
        let atUs: Int64
        let isHeld: Bool
        let id: Int
    }

    /// Messages about the key that the page shows may exceed ``limit``, up to this many per event. If they had to stay
    /// within ``limit``, some messages of an operation on this key could be missing.
    static let maxChosen = MessageTap.maxShown

    /// The most messages per event.
    var limit: Int
    /// The key that the page shows.
    var chosenKey = ""
    /// How many messages have been added since the last event, shown or not.
    private(set) var seen = 0
    /// How many of ``foreground`` are commands.
    private var commands = 0
    private var foreground: [Sample] = []
    private var background: [Sample] = []
    /// The number of the last message. Numbers continue after an event.
    private var lastID = 0

    init(limit: Int) { self.limit = limit }

    /// The most commands per event, not counting background traffic. This is a little over half of `limit`, so that
    /// most of their replies fit too.
    private var maxCommands: Int { limit / 2 + limit / 20 }

    /// - Parameters:
    ///   - atUs: when the relay forwarded or held the message, in microseconds on the lab's clock.
    ///   - isHeld: true if a fault holds the message; false if it was forwarded.
    mutating func add(_ message: TappedMessage, on link: Link, atUs: Int64, isHeld: Bool) {
        seen += 1
        lastID += 1
        let command = message.call.command
        let sample = Sample(message: message, link: link, atUs: atUs, isHeld: isHeld, id: lastID)
        let isChosen = command.key == chosenKey && command.key != nil
        if command.isBackground {
            if background.count < limit { background.append(sample) }
            return
        }
        if message.reply == nil {
            if commands >= maxCommands || foreground.count >= limit {
                guard isChosen, makeRoom() || foreground.count < Self.maxChosen else { return }
            }
            commands += 1
            message.call.isShown = true
        } else {
            guard message.call.isShown else { return }
            if foreground.count >= limit {
                guard isChosen, makeRoom() || foreground.count < Self.maxChosen else { return }
            }
        }
        foreground.append(sample)
    }

    /// Drops the latest sample about a key other than the chosen one, to make room. Returns false if there is no such
    /// sample.
    private mutating func makeRoom() -> Bool {
        guard let last = foreground.lastIndex(where: { $0.message.call.command.key != chosenKey }) else { return false }
        if foreground[last].message.reply == nil { commands -= 1 }
        foreground.remove(at: last)
        return true
    }

    /// Removes all messages, so that the next event can begin.
    mutating func clear() {
        seen = 0
        commands = 0
        foreground = []
        background = []
    }

    // MARK: The event

    /// The event `messages` with these messages.
    var event: [UInt8] {
        let samples = (foreground + background.prefix(max(0, limit - foreground.count)))
            .sorted { $0.id < $1.id }
        var json = JSONWriter(capacity: 64 + 200 * samples.count)
        json.beginObject()
        json.member("seen", seen)
        json.member("shown", samples.count)
        json.key("list")
        json.beginArray()
        for sample in samples { Self.write(sample, to: &json) }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    private static func write(_ sample: Sample, to json: inout JSONWriter) {
        let (message, command) = (sample.message, sample.message.call.command)
        json.beginObject()
        json.member("id", sample.id)
        json.key("tMs")
        json.thousandths(sample.atUs)
        json.member("link", sample.link.id)
        json.member("toReplica", message.reply == nil)
        json.member("kind", command.kind)
        json.member("key", command.key)
        if command.keys > 1 { json.member("keys", command.keys) }
        json.member("value", message.reply.map { $0.value } ?? command.value)
        json.member("call", message.call.id)
        json.member("bytes", message.byteCount)
        if let reply = message.reply { json.member("result", reply.result.rawValue) }
        if sample.isHeld { json.member("held", true) }
        json.endObject()
    }
}
