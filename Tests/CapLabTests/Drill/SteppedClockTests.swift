import Foundation
import TestSupport
import Testing

@testable import CapLab

/// The library that steps the clock of one process.
@Suite struct SteppedClockTests {
    private func date(offset: Int64?, in directory: ScratchDirectory) throws -> Double {
        let path = "\(directory.path)/clock"
        var environment = ["PATH": "/usr/bin:/bin", "LD_PRELOAD": try #require(SteppedClock.library)]
        if var offset {
            try Data(bytes: &offset, count: 8).write(to: URL(fileURLWithPath: path))
            environment = SteppedClock.environment(library: try #require(SteppedClock.library), file: path)
        }
        let process = try ChildProcess("/bin/date", ["+%s.%N"], environment: environment)
        #expect(process.wait() == 0)
        return try #require(Double(process.outputText.filter { !$0.isNewline }))
    }

    @Test(.enabled(if: SteppedClock.library != nil), arguments: [3_600, -86_400, 0])
    func theOffsetInTheFileIsAddedToTheTimeOfDay(_ offset: Int64) throws {
        let directory = try ScratchDirectory()
        let difference = try date(offset: offset, in: directory) - Date().timeIntervalSince1970
        #expect(abs(difference - Double(offset)) < 30)
    }

    @Test(.enabled(if: SteppedClock.library != nil)) func withoutAFileTheTimeIsTheMachines() throws {
        #expect(abs(try date(offset: nil, in: ScratchDirectory()) - Date().timeIntervalSince1970) < 30)
    }
}
