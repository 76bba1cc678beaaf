import Glibc
import Logging
import Telemetry
import Testing

@Suite(.timeLimit(.minutes(20))) struct BurstLimitTests {
    private func logger(_ output: LogOutput) -> Logger {
        Logger(label: "test") { _ in LineLogHandler(output: output, level: .info) }
    }

    @Test func aFlappingReplicaLogsItsFirstLinesAndThenTheNumberOfDroppedOnes() {
        let bench = LogBench()
        let output = bench.output(burst: BurstLimiter.Settings(linesPerSecond: 2))
        let logger = logger(output)
        for attempt in 0..<1_000 {
            logger.event(.dbConnectFailure, .warning, "attempt \(attempt)", ["node": "g1"])
        }
        #expect(bench.lines.count == 2)
        bench.nowMs += 1_000
        bench.clear()
        logger.event(.dbConnectFailure, .warning, "again", ["node": "g1"])
        #expect(bench.lines.count == 2)
        #expect(
            bench.lines[0].hasSuffix(
                #""level":"warning","event":"LOG_SUPPRESSED","#
                    + #""msg":"lines dropped: too many of the same kind within a second","lines":998,"node":"g1","#
                    + #""of":"DB_CONNECT_FAILURE"}"# + "\n"
            )
        )
        #expect(bench.lines[1].contains(#""msg":"again""#))
    }

    @Test func otherNodesAndEventsAreNotLimited() {
        let bench = LogBench()
        let logger = logger(bench.output(burst: BurstLimiter.Settings(linesPerSecond: 1)))
        logger.event(.replicaDown, .warning, "x", ["node": "g1"])
        logger.event(.replicaDown, .warning, "x", ["node": "g1"])
        logger.event(.replicaDown, .warning, "x", ["node": "g2"])
        logger.event(.replicaUp, .warning, "x", ["node": "g1"])
        logger.info("one")
        logger.info("two")
        logger.info("two")
        #expect(bench.lines.count == 5)
    }

    @Test func droppedLinesAreReportedWithoutAnotherLine() {
        let bench = LogBench()
        let output = bench.output(burst: BurstLimiter.Settings(linesPerSecond: 1))
        let logger = logger(output)
        for _ in 0..<3 { logger.info("same") }
        output.flush()
        #expect(bench.lines.count == 1, "the second is not over")
        bench.nowMs += 1_000
        output.flush()
        output.flush()
        #expect(bench.lines.count == 2)
        #expect(bench.lines[1].contains(#""lines":2,"of":"same"}"#))
        for _ in 0..<3 { logger.info("same") }
        output.flush(all: true)
        #expect(bench.lines.count == 4, "at the end of the process nothing is waited for")
    }

    @Test func anEventCanBeUnlimited() {
        let bench = LogBench()
        let burst = BurstLimiter.Settings(linesPerSecond: 1, linesPerSecondOfEvent: ["WRITE": .max])
        let logger = logger(bench.output(burst: burst))
        for _ in 0..<100 { logger.event(.write, .info, "x") }
        #expect(bench.lines.count == 100)
    }

    @Test func aClockSetBackDoesNotSilenceTheLog() {
        let bench = LogBench()
        let logger = logger(bench.output(burst: BurstLimiter.Settings(linesPerSecond: 1)))
        logger.info("same")
        logger.info("same")
        bench.nowMs -= 3_600_000
        logger.info("same")
        #expect(bench.lines.count == 3)
        #expect(bench.lines[1].contains("LOG_SUPPRESSED"))
    }

    @Test func theNumberOfTrackedKeysIsLimited() {
        var limiter = BurstLimiter(settings: BurstLimiter.Settings(linesPerSecond: 1, maxKeys: 4))
        let allowed = (0..<1_000).filter { index in
            limiter.allows(BurstLimiter.Key(event: "", subject: "\(index)"), nowMs: 0)
        }
        #expect(allowed == [0, 1, 2, 3, 4], "the fifth key and all after it share one allowance")
        let suppressed = limiter.takeSuppressed(nowMs: 1_000)
        #expect(suppressed.map(\.count) == [995])
        let isAllowed = limiter.allows(BurstLimiter.Key(event: "", subject: "new"), nowMs: 1_000)
        #expect(isAllowed)
    }

    @Test func anUnreportedWindowIsAddedToTheNext() {
        var limiter = BurstLimiter(settings: BurstLimiter.Settings(linesPerSecond: 1))
        let key = BurstLimiter.Key(event: "E", subject: "g1")
        let allowed = [0, 1, 2, 1_000, 1_001].map { limiter.allows(key, nowMs: $0) }
        #expect(allowed == [true, false, false, true, false])
        let early = limiter.takeSuppressed(nowMs: 1_500)
        let late = limiter.takeSuppressed(nowMs: 2_000)
        #expect(early == [])
        #expect(late.map(\.key) == [key])
        #expect(late.map(\.count) == [3])
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

    /// A pipe whose reader sleeps.
    private func withFullPipe(_ body: (_ reader: Int32, _ writer: Int32) throws -> Void) throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        // Filled in non-blocking mode; the sink then meets it in blocking mode, as standard error is.
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
            // Were one of these to block, the test would never end.
            for _ in 0..<100 {
                #expect(!sink.write(Array("line\n".utf8)))
            }
            var drained = [UInt8](repeating: 0, count: 65_536)
            #expect(read(reader, &drained, drained.count) > 0)
            #expect(sink.write(Array("line\n".utf8)))
        }
    }

    @Test func eachLineIsOneWrite() throws {
        // A socket of packets keeps each write apart.
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
        #expect(!sink.isTerminal)
        #expect(!sink.write(Array("x\n".utf8)))
    }
}
