import Testing

@testable import HTTP

@Suite struct TraceParentTests {
    private static let id = "4bf92f3577b34da6a3ce929d0e0e4736"

    private static let valid: [(String, TraceFlags)] = [
        ("00-\(id)-00f067aa0ba902b7-01", .sampled), ("00-\(id)-00f067aa0ba902b7-00", []),
        ("00-\(id)-00f067aa0ba902b7-02", .random), ("00-\(id)-00f067aa0ba902b7-ff", [.sampled, .random]),
        ("01-\(id)-00f067aa0ba902b7-00-further", []), ("cc-\(id)-00f067aa0ba902b7-ff", .sampled),
    ]

    @Test(arguments: valid)
    func theCallersSpanIsRead(text: String, flags: TraceFlags) throws {
        let parent = try #require(TraceParent(text))
        #expect(parent.traceID.description == Self.id)
        #expect(parent.parentID == 0x00f0_67aa_0ba9_02b7)
        #expect(parent.flags == flags)
    }

    @Test(arguments: [
        "", "00", "00-\(id)-00f067aa0ba902b7", "ff-\(id)-00f067aa0ba902b7-01", "00-\(id)-00f067aa0ba902b7-01-x",
        "00-\(id.uppercased())-00f067aa0ba902b7-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-\(id)-0000000000000000-01", "00-\(id)x-00f067aa0ba902b7-01", "00-\(id)-00f067aa0ba902b7-1",
        "00-\(id)-00f067aa0ba902b7-01, 00-\(id)-00f067aa0ba902b7-01", "01-\(id)-00f067aa0ba902b7-01x",
        "0x-\(id)-00f067aa0ba902b7-01", "00_\(id)-00f067aa0ba902b7-01", "00-\(id)-00F067AA0BA902B7-01",
    ])
    func anInvalidOneIsIgnored(text: String) { #expect(TraceParent(text) == nil) }

    @Test func aContextIsWrittenAsItIsRead() throws {
        let context = TraceContext(
            traceID: TraceID(high: 1, low: 0xFEDC_BA98_7654_3210), spanID: 0x0F, flags: [.sampled, .random])
        #expect(context.traceParent == "00-0000000000000001fedcba9876543210-000000000000000f-03")
        #expect(context.spanIDText == "000000000000000f")
        let read = try #require(TraceParent(context.traceParent))
        #expect(read.traceID == context.traceID && read.parentID == context.spanID && read.flags == context.flags)
    }
}

@Suite struct TraceStateTests {
    private static func list(_ count: Int, valueBytes: Int = 1) -> String {
        (0..<count).map { "k\($0)=" + String(repeating: "v", count: valueBytes) }.joined(separator: ",")
    }

    @Test(arguments: [
        "a=1", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "a=1 , b=2", "a=1,,b=2", "tenant@system=x y", "0a*/_-=~!",
        "a= v", "a=1;b", "a=1\t,\tb=2", list(32), "a=" + String(repeating: "v", count: 256), list(2, valueBytes: 252),
    ])
    func aValidOneIsPassedOn(text: String) { #expect(TraceState.isValid(text)) }

    @Test(arguments: [
        "", ",", " ", "a", "=1", "a=", "A=1", "a=1,a=2", "a=1=2", "a=\u{E9}", "\u{301}a=1", "a\u{301}=1", "-a=1",
        "a b=1",
        list(33), "a=" + String(repeating: "v", count: 257), String(repeating: "k", count: 257) + "=v",
        list(3, valueBytes: 200), "a=1,b",
    ])
    func anInvalidOneIsDropped(text: String) { #expect(!TraceState.isValid(text)) }
}
