import Testing

@testable import Service

@Suite struct TraceParentTests {
    private static let id = "4bf92f3577b34da6a3ce929d0e0e4736"

    @Test(arguments: [
        "00-\(id)-00f067aa0ba902b7-01", "01-\(id)-00f067aa0ba902b7-00-further", "cc-\(id)-00f067aa0ba902b7-01",
    ])
    func theTraceIsRead(text: String) { #expect(TraceParent(text)?.traceID == Self.id) }

    @Test(arguments: [
        "", "00", "00-\(id)-00f067aa0ba902b7", "ff-\(id)-00f067aa0ba902b7-01", "00-\(id)-00f067aa0ba902b7-01-x",
        "00-\(id.uppercased())-00f067aa0ba902b7-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-\(id)-0000000000000000-01", "00-\(id)x-00f067aa0ba902b7-01", "00-\(id)-00f067aa0ba902b7-1",
        "00-\(id)-00f067aa0ba902b7-01, 00-\(id)-00f067aa0ba902b7-01",
    ])
    func anInvalidOneIsIgnored(text: String) { #expect(TraceParent(text) == nil) }
}
