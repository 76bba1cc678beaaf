import Glibc
import Logging
import Testing

@testable import Telemetry

@Suite(.timeLimit(.minutes(20))) struct BurstLimitTests {
    private let bench = LogBench()
    private let output: LogOutput
    private let logger: Logger

    init() {
        let output = bench.output()
        self.output = output
        logger = Logger(label: "test") { _ in LineLogHandler(output: output, level: .info) }
    }

    @Test func aFlappingReplicaLogsItsFirstLinesAndThenTheNumberOfDroppedOnes() {
        for attempt in 0..<1_000 {
            logger.event(.dbConnectFailure, .warning, "attempt \(attempt)", ["node": "g1"])
        }
        #expect(bench.lines.count == 10)
        bench.nowMs += 1_000
        bench.clear()
        output.flush()
        #expect(bench.lines.count == 1)
        #expect(
            bench.lines[0].hasSuffix(
                #""level":"warning","event":"LOG_SUPPRESSED","#
                    + #""msg":"lines dropped: too many of the same kind within a second","lines":990,"node":"g1","#
                    + #""of":"DB_CONNECT_FAILURE"}"# + "\n"
            )
        )
        logger.event(.dbConnectFailure, .warning, "again", ["node": "g1"])
        #expect(bench.lines.last?.contains(#""msg":"again""#) == true)
    }

    @Test func otherNodesAndEventsAreNotLimited() {
        for _ in 0..<11 { logger.event(.replicaUp, .warning, "x", ["node": "g1"]) }
        for _ in 0..<11 { logger.info("two") }
        #expect(bench.lines.count == 20)
        logger.event(.replicaUp, .warning, "x", ["node": "g2"])
        logger.event(.write, .warning, "x", ["node": "g1"])
        logger.info("one")
        #expect(bench.lines.count == 23)
    }

    @Test func droppedLinesAreReportedOnce() {
        for _ in 0..<12 { logger.info("same") }
        output.flush()
        #expect(bench.lines.count == 10, "the second is not over")
        bench.nowMs += 1_000
        output.flush()
        output.flush()
        #expect(bench.lines.count == 11)
        #expect(bench.lines[10].contains(#""lines":2,"of":"same"}"#))
        for _ in 0..<12 { logger.info("same") }
        output.flush(all: true)
        #expect(bench.lines.count == 22, "at the end of the process nothing is waited for")
    }

    @Test func aClockSetBackDoesNotSilenceTheLog() {
        for _ in 0..<11 { logger.info("same") }
        bench.nowMs -= 3_600_000
        logger.info("same")
        #expect(bench.lines.count == 11)
        bench.nowMs -= 3_600_000
        output.flush()
        #expect(bench.lines.last?.contains("LOG_SUPPRESSED") == true)
    }

    @Test func theNumberOfTrackedKeysIsLimited() {
        var limiter = BurstLimiter()
        let allowed = (0..<1_000).filter { limiter.allows(BurstLimiter.Key(event: "", subject: "\($0)"), nowMs: 0) }
        #expect(allowed == Array(0..<(256 + 10)), "all keys after the 256th share one limit")
        #expect(limiter.takeDropped(nowMs: 1_000).map(\.count) == [1_000 - 266])
        let isAllowed = limiter.allows(BurstLimiter.Key(event: "", subject: "new"), nowMs: 1_000)
        #expect(isAllowed)
    }

    @Test func anUnreportedWindowIsAddedToTheNext() {
        var limiter = BurstLimiter()
        let key = BurstLimiter.Key(event: "E", subject: "g1")
        for _ in 0..<24 { _ = limiter.allows(key, nowMs: 0) }
        for _ in 0..<11 { _ = limiter.allows(key, nowMs: 1_000) }
        #expect(limiter.takeDropped(nowMs: 1_500).isEmpty)
        let late = limiter.takeDropped(nowMs: 2_000)
        #expect(late.map(\.key) == [key])
        #expect(late.map(\.count) == [15])
    }
}

@Suite(.timeLimit(.minutes(20))) struct DescriptorSinkTests {
    @Test func lostLinesAreCountedAndReportedLater() {
        let bench = LogBench()
        let output = bench.output()
        let logger = Logger(label: "test") { _ in LineLogHandler(output: output, level: .info) }
        bench.setStuck(true)
        logger.info("lost 1")
        logger.info("lost 2")
        bench.setStuck(false)
        logger.info("seen")
        #expect(bench.lines.count == 2)
        #expect(bench.lines[0].contains(#""msg":"seen""#))
        #expect(bench.lines[1].contains(#""event":"LOG_SUPPRESSED","msg":"lines lost: the log could not be written","#))
        #expect(bench.lines[1].hasSuffix(#""lines":2}"# + "\n"))
    }

    /// Runs `body` with a full pipe.
    private func withFullPipe(_ body: (_ reader: Int32, _ writer: Int32) throws -> Void) throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        // Fill the pipe in non-blocking mode. The sink then gets it in blocking mode, like standard error.
        let flags = fcntl(ends[1], F_GETFL)
        _ = fcntl(ends[1], F_SETFL, flags | O_NONBLOCK)
        let block = [UInt8](repeating: 0, count: 4_096)
        while write(ends[1], block, block.count) > 0 {}
        _ = fcntl(ends[1], F_SETFL, flags)
        try body(ends[0], ends[1])
    }

    @Test func aSlowReaderDoesNotBlockTheWriter() throws {
        try withFullPipe { reader, writer in
            let sink = DescriptorSink(descriptor: writer)
            // If one of these writes blocked, the test would not end.
            for _ in 0..<100 {
                #expect(!sink.write(Array("line\n".utf8)))
            }
            var drained = [UInt8](repeating: 0, count: 65_536)
            #expect(read(reader, &drained, drained.count) > 0)
            #expect(sink.write(Array("line\n".utf8)))
        }
    }

    @Test func eachLineIsOneWrite() throws {
        // A packet socket keeps each write separate.
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
        defer { for end in ends { close(end) } }
        let sink = DescriptorSink(descriptor: ends[1])
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: LogLimits.maxLineBytes)
        #expect(sink.write(Array("first\n".utf8)))
        #expect(sink.write(long))
        var packet = [UInt8](repeating: 0, count: 65_536)
        #expect(read(ends[0], &packet, packet.count) == 6)
        #expect(read(ends[0], &packet, packet.count) == LogLimits.maxLineBytes)
    }

    @Test func aBadDescriptorFailsWithoutACrash() {
        let sink = DescriptorSink(descriptor: -1)
        #expect(!sink.write(Array("x\n".utf8)))
    }
}
