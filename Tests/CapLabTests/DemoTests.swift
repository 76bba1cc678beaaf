import Glibc
import Testing

@testable import CapLab

/// The walk, with the real services, as a reader plays it.
@Suite struct DemoTests {
    /// `swift test` builds the services beside the tests; a build of this target alone does not.
    static var hasServices: Bool {
        guard let caplab = try? LabProcess.program() else { return false }
        let directory = caplab.dropLast("/caplab".count)
        return ["app-cp", "app-ap"].allSatisfy { access("\(directory)/\($0)", X_OK) == 0 }
    }

    @Test(.enabled(if: hasServices)) func theWalkIsAsTold() throws {
        let result = try LabProcess.run(["demo"])
        #expect(result.exitCode == 0, "\(result.output)\(result.errors)")
        #expect(result.output.contains("Everything was as told."))
    }

    @Test func aStepThatIsNotAsToldIsNamedAndEndsItWithOne() throws {
        let directory = try ScratchDirectory()
        try StandIn.install(in: directory.path)
        let result = try LabProcess.run(["demo", "--bin-dir", directory.path, "--patience-ms", "0"])
        #expect(result.exitCode == 1)
        #expect(result.errors.isEmpty)
        // The stand-in is no database: it refuses nothing during the cut.
        #expect(result.output.contains("   step 6: expected 503 no_quorum\n"))
        #expect(!result.output.contains("Everything was as told."))
    }

    @Test func withoutTheServicesItSaysWhatIsMissing() throws {
        let directory = try ScratchDirectory()
        let result = try LabProcess.run(["demo", "--bin-dir", directory.path])
        #expect(result.exitCode == 1)
        #expect(
            result.errors
                == "caplab: app-cp is not in \(directory.path); build it, or name its directory with --bin-dir\n")
    }
}
