import Foundation
import Logging
import Synchronization
import Testing

@testable import Telemetry

/// A log whose output and clock the test controls.
final class LogBench: Sendable {
    private let state = Mutex((lines: [String](), nowMs: Int64(1_772_368_496_789), isStuck: false))

    var lines: [String] { state.withLock { $0.lines } }
    var nowMs: Int64 {
        get { state.withLock { $0.nowMs } }
        set { state.withLock { $0.nowMs = newValue } }
    }
    func setStuck(_ isStuck: Bool) { state.withLock { $0.isStuck = isStuck } }
    func clear() { state.withLock { $0.lines = [] } }

    func write(_ line: [UInt8]) -> Bool {
        state.withLock { state in
            guard !state.isStuck else { return false }
            state.lines.append(String(decoding: line, as: UTF8.self))
            return true
        }
    }

    func output(_ format: LineFormat = .json) -> LogOutput {
        LogOutput(format: format, clock: { self.nowMs }, sink: write)
    }

    func logger(_ format: LineFormat = .json) -> Logger {
        let output = output(format)
        return Logger(label: "test") { _ in LineLogHandler(output: output, level: .info) }
    }
}

@Suite(.timeLimit(.minutes(20))) struct JSONLineTests {
    @Test func aLineHasTimeLevelEventMessageAndSortedMetadata() {
        let bench = LogBench()
        bench.logger().event(
            .dbConnectFailure, .warning, "cannot connect to g1",
            ["node": "g1", "attempt": .stringConvertible(3), "error": "refused"]
        )
        #expect(
            bench.lines == [
                #"{"ts":"2026-03-01T12:34:56.789Z","level":"warning","event":"DB_CONNECT_FAILURE","#
                    + #""msg":"cannot connect to g1","attempt":3,"error":"refused","node":"g1"}"# + "\n"
            ]
        )
    }

    @Test func aLineWithoutAnEventHasNoEventMember() {
        let bench = LogBench()
        bench.logger().info("hello")
        #expect(bench.lines == [#"{"ts":"2026-03-01T12:34:56.789Z","level":"info","msg":"hello"}"# + "\n"])
    }

    @Test func controlCharactersAreEscaped() {
        let bench = LogBench()
        bench.logger().info("a\"b\\c\nd\r\t\u{0}\u{1B}[31m\u{7F}\u{9B} é 😀", metadata: ["k\"": "v\n"])
        #expect(bench.lines[0].contains(#""msg":"a\"b\\c\nd\r\t\u0000\u001b[31m\u007f\u009b é 😀","k\"":"v\n"}"#))
    }

    @Test func integersAndBooleansKeepTheirType() {
        let bench = LogBench()
        bench.logger().info(
            "x",
            metadata: [
                "a": .stringConvertible(true), "b": .stringConvertible(UInt64.max), "c": .stringConvertible(-1),
                "d": .stringConvertible(1.5), "ts": "mine",
            ]
        )
        #expect(
            bench.lines[0].hasSuffix(
                #""a":true,"b":18446744073709551615,"c":-1,"d":"1.5","metadata.ts":"mine"}"# + "\n"))
    }

    @Test func longPartsKeepALineValidAndWithinTheLimit() throws {
        let bench = LogBench()
        let long = String(repeating: "\u{1}é", count: 100_000)
        var metadata: Logger.Metadata = ["list": .array(Array(repeating: .string(long), count: 100))]
        for index in 0..<100 { metadata["\(index)\(long)"] = .string(long) }
        bench.logger().info("\(long)", metadata: metadata)
        #expect(bench.lines[0].utf8.count <= LogLimits.maxLineBytes)
        #expect(bench.lines[0].hasSuffix(#","truncated":true}"# + "\n"))
        let object = try JSONSerialization.jsonObject(with: Data(bench.lines[0].utf8)) as? [String: Any]
        #expect((object?["msg"] as? String)?.hasSuffix("…") == true)
    }

    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"), (-1, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"), (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (.max, "9999-12-31T23:59:59.999Z"), (.min, "1970-01-01T00:00:00.000Z"),
    ])
    func theDateIsRFC3339(unixMs: Int64, expected: String) {
        let record = LogRecord(unixMs: unixMs, level: .info, event: nil, message: "", metadata: [:])
        let line = LineFormat.json.line(of: record)
        #expect(String(decoding: line, as: UTF8.self).hasPrefix(#"{"ts":"\#(expected)","#))
    }
}

@Suite(.timeLimit(.minutes(20))) struct TerminalLineTests {
    @Test func aLineIsReadable() {
        let bench = LogBench()
        let logger = bench.logger(.terminal(isColoured: false))
        logger.event(.replicaUp, .notice, "g1 answers", ["node": "g1", "after": "2 s", "empty": ""])
        logger.info("hello")
        #expect(
            bench.lines == [
                "12:34:56.789Z NOTE  REPLICA_UP g1 answers after=\"2 s\" empty=\"\" node=g1\n",
                "12:34:56.789Z INFO  hello\n",
            ]
        )
    }

    @Test func aLineIsColouredOnRequest() {
        let bench = LogBench()
        bench.logger(.terminal(isColoured: true)).error("no", metadata: ["k": "v"])
        #expect(
            bench.lines == ["\u{1B}[2m12:34:56.789Z\u{1B}[0m \u{1B}[31mERROR\u{1B}[0m no \u{1B}[2mk=\u{1B}[0mv\n"]
        )
    }

    @Test func loggedTextCannotForgeALine() {
        let bench = LogBench()
        bench.logger(.terminal(isColoured: false)).info(
            "a\n12:00 fake\u{1B}[2J\u{9B}1m", metadata: ["k": "v\nw", "m\n": "\u{7F}"]
        )
        #expect(
            bench.lines == [
                #"12:34:56.789Z INFO  a\n12:00 fake\x1b[2J\x9b1m k="v\nw" m\n=\x7f"# + "\n"
            ]
        )
    }

    @Test func aLineStaysWithinTheLimit() {
        let bench = LogBench()
        let long = String(repeating: "\u{1}é ", count: 10_000)
        bench.logger(.terminal(isColoured: true)).info(
            "\(long)", metadata: ["a": .string(long), "b": .string(long), "c": .string(long)]
        )
        #expect(bench.lines[0].utf8.count <= LogLimits.maxLineBytes)
        #expect(bench.lines[0].hasSuffix(" ...\n"))
    }
}

@Suite(.timeLimit(.minutes(20))) struct LogFormatTests {
    @Test func autoIsTextOnATerminalAndJSONElsewhere() {
        #expect(LogFormat.auto.lineFormat(isTerminal: true, isColourless: false) == .terminal(isColoured: true))
        #expect(LogFormat.auto.lineFormat(isTerminal: false, isColourless: false) == .json)
        #expect(LogFormat.json.lineFormat(isTerminal: true, isColourless: false) == .json)
        #expect(LogFormat.text.lineFormat(isTerminal: false, isColourless: false) == .terminal(isColoured: false))
    }

    @Test(arguments: [(true, false, true), (true, true, false), (false, false, false)])
    func colourNeedsATerminalWithoutNoColor(isTerminal: Bool, isColourless: Bool, isColoured: Bool) {
        let bench = LogBench()
        bench.logger(LogFormat.text.lineFormat(isTerminal: isTerminal, isColourless: isColourless)).info("x")
        #expect(bench.lines[0].contains("\u{1B}") == isColoured)
    }
}

@Suite(.timeLimit(.minutes(20))) struct LineLogHandlerTests {
    @Test func metadataOfTheLineOverridesThatOfTheLogger() {
        let bench = LogBench()
        var logger = bench.logger()
        logger[metadataKey: "a"] = "logger"
        logger[metadataKey: "b"] = "logger"
        logger.info("x", metadata: ["b": "line"])
        #expect(bench.lines[0].hasSuffix(#""a":"logger","b":"line"}"# + "\n"))
    }

    @Test func lowerLevelsAreNeitherBuiltNorWritten() {
        let bench = LogBench()
        var built = 0
        func message() -> Logger.Message {
            built += 1
            return "x"
        }
        bench.logger().event(.write, .debug, message(), ["n": .stringConvertible(built)])
        bench.logger().debug(message())
        #expect(built == 0)
        #expect(bench.lines.isEmpty)
    }

    @Test func theErrorOfALineIsWritten() {
        struct Broken: Error {}
        let bench = LogBench()
        bench.logger().error("x", error: Broken())
        #expect(bench.lines[0].contains(#""msg":"x","error":"Broken()"}"#))
    }
}
