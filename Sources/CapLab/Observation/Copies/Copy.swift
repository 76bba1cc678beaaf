import JSON

/// The record of one key on one replica, for the page.
struct Copy: Equatable {
    static let maxRawCharacters = 600

    /// False if the replica did not answer, or rejected the read.
    var isReachable = false
    var isPresent = false
    /// The values that have not expired and are not deleted. The winner, which a read returns, is first.
    var values: [String] = []
    /// For CP: the version of the last change.
    var version: String?
    /// The fields of the record in readable form.
    var fields: [(name: String, text: String)] = []
    /// The record as the replica stores it.
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
