import JSON

/// The record of one key on one replica.
struct Copy: Equatable {
    static let maxRawCharacters = 600

    /// The replica answered.
    var isReachable = false
    var isPresent = false
    /// The values that are alive, the winner first.
    var values: [String] = []
    /// CP: the number of the last change.
    var version: String?
    /// Decoded, for people.
    var fields: [(name: String, text: String)] = []
    /// The record as it is stored.
    var raw = ""

    static let unreachable = Copy()

    static func == (left: Copy, right: Copy) -> Bool {
        left.isReachable == right.isReachable && left.isPresent == right.isPresent && left.values == right.values
            && left.version == right.version && left.raw == right.raw
            && left.fields.elementsEqual(right.fields) { $0 == $1 }
    }

    func write(to json: inout JSONWriter) {
        json.beginObject()
        json.member("reachable", isReachable)
        json.member("present", isPresent)
        json.strings("values", values)
        json.member("version", version)
        json.key("fields")
        json.beginArray()
        for field in fields {
            json.beginArray()
            json.string(field.name)
            json.string(field.text)
            json.endArray()
        }
        json.endArray()
        json.member("raw", raw)
        json.endObject()
    }
}
