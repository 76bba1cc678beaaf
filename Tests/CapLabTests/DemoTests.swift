import Glibc
import Testing

@testable import CapLab

/// The tour with the real services.
@Suite(.timeLimit(.minutes(20))) struct DemoTests {
    /// A build of all targets puts the services beside the tests; a build of this target alone does not.
    static var hasServices: Bool {
        ["app-cp", "app-ap"].allSatisfy { access("\(Executables.runningDirectory)/\($0)", X_OK) == 0 }
    }

    @Test(.enabled(if: hasServices)) func theTourIsAsDescribed() throws {
        let result = try LabProcess.run(["demo"])
        #expect(result.exitCode == 0, "\(result.output)\(result.errors)")
        #expect(result.output.split(separator: "\n").allSatisfy { $0.count <= TextLayout.width })
        #expect(!result.output.contains("\u{1B}"))
        #expect(result.output.contains("Every answer was as described."))
    }

    @Test func aStepThatDiffersIsNamedAndTheExitCodeIsOne() throws {
        let directory = try ScratchDirectory()
        try StandIn.install(in: directory.path)
        let result = try LabProcess.run(["demo", "--bin-dir", directory.path, "--patience-ms", "0"])
        #expect(result.exitCode == 1)
        #expect(result.errors.isEmpty)
        // The stand-in rejects nothing during the cut.
        #expect(result.output.contains("   step 4: expected 503 no_quorum\n"))
        #expect(!result.output.contains("Every answer was as described."))
    }

    @Test func missingServicesAreNamed() throws {
        let directory = try ScratchDirectory()
        let result = try LabProcess.run(["demo", "--bin-dir", directory.path])
        #expect(result.exitCode == 1)
        #expect(
            result.errors
                == "caplab: app-cp is not in \(directory.path); build it, or name its directory with --bin-dir\n")
    }
}
