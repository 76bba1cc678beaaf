import JSON
import Testing

@Suite(.timeLimit(.minutes(20))) struct JSONValueTests {
    private func text(_ value: JSONValue) -> String {
        var json = JSONWriter()
        json.value(value)
        return String(decoding: json.bytes, as: UTF8.self)
    }

    @Test func membersKeepTheirOrder() {
        #expect(text(["b": 1, "a": [true, nil, "x\"y"], "c": [:]]) == #"{"b":1,"a":[true,null,"x\"y"],"c":{}}"#)
    }

    @Test func membersAreSetReplacedAndRemoved() {
        var value: JSONValue = ["a": 1]
        value["b"] = 2
        value["a"] = 3
        #expect(text(value) == #"{"a":3,"b":2}"#)
        value["a"] = nil
        value["absent"] = nil
        #expect(text(value) == #"{"b":2}"#)
        #expect(value["a"] == nil)
        #expect(JSONValue.integer(1)["a"] == nil)
    }
}
