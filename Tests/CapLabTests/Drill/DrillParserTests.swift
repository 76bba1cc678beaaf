import Testing

@testable import CapLab

/// Drill files: their content, and their errors, each in one line with the file and the line number.
@Suite struct DrillParserTests {
    private static let valid = """
        title: West is cut off
        description: >-
          All links drop
          everything.
        load: {rate: 20/s, reads: 75%, keys: 16}
        phases: {before: 2s, during: 1500ms, after: 3s}
        steps:
          - {at: 1s, do: write ana at east}
          - {at: 2s, do: cut west}
          - {at: 3500ms, do: heal}
        """

    private func drill(_ yaml: String = valid) throws(LabError) -> Drill {
        try Drill(yaml: yaml, name: "mine", file: "my/mine.yml")
    }

    /// The message for the valid drill with one text replaced by another.
    private func message(_ text: String, _ replacement: String) -> String? {
        let error = #expect(throws: LabError.self) {
            try drill(Self.valid.replacing(text, with: replacement, maxReplacements: 1))
        }
        #expect(error?.exitCode == 2)
        #expect(error?.message.contains("\n") == false)
        return error?.message
    }

    @Test func aFileIsReadWithItsUnits() throws {
        let drill = try drill()
        #expect(drill.name == "mine" && drill.title == "West is cut off")
        #expect(drill.description == "All links drop everything.")
        #expect(drill.load == Drill.Load(rate: 20, readPercent: 75, keys: 16))
        #expect(drill.phaseMs == [2_000, 1_500, 3_000] && drill.durationMs == 6_500 && drill.healAtMs == 3_500)
        #expect(drill.steps.map(\.atMs) == [1_000, 2_000, 3_500])
        #expect(drill.steps.map(\.action.text) == ["write ana at east", "cut west", "heal"])
        #expect([0, 2_000, 3_500].map(drill.phase(atMs:)) == [.before, .during, .after])
    }

    @Test func theLoadMayBeLeftOut() throws {
        let yaml = Self.valid.split(separator: "\n").filter { !$0.hasPrefix("load") }.joined(separator: "\n")
        #expect(try drill(yaml).load == Drill.Load())
    }

    @Test(arguments: DrillCatalog.all.map(\.name)) func everyDrillOfTheProgramIsValid(_ name: String) throws {
        let drill = try #require(try DrillCatalog.drills(name).first)
        #expect(drill.name == name)
    }

    @Test func allDrillsHaveDifferentNames() throws {
        let drills = try DrillCatalog.drills("all")
        #expect(drills.count == 9 && Set(drills.map(\.name)).count == 9)
    }

    @Test func aDrillChangesNoSettingThatOpensARedis() {
        for setting in ["bind *", "protected-mode no", "requirepass x", "maxmemry 1mb"] {
            let name = setting.split(separator: " ")[0]
            #expect(
                message("do: cut west", "do: redis ap_db_g1 \(setting)")?.hasPrefix(
                    "my/mine.yml:9: '\(name)' is not a setting for drills; valid: maxmemory, ") == true)
        }
    }

    @Test func aliasesAreRefusedBeforeTheyAreExpanded() {
        var bomb = "a0: &a0 {x: y}\n"
        for level in 1...40 { bomb += "a\(level): &a\(level) {? *a\(level - 1) : 1, ? [*a\(level - 1)] : 2}\n" }
        let error = #expect(throws: LabError.self) { try drill(bomb) }
        #expect(error?.message == "my/mine.yml:1: a drill has no anchors or aliases ('&name', '*name')")
        #expect(message("West is cut off", "*west")?.contains(":1: a drill has no anchors") == true)
    }

    @Test(arguments: ["\\e[2J", "\\0", "\\u202e"]) func textsHaveNoControlCharacters(_ escape: String) {
        let message = message("title: West is cut off", "title: \"a\(escape)b\"")
        #expect(message == "my/mine.yml:1: 'title' has a control character")
    }

    @Test func anUnknownFieldIsNamed() {
        #expect(
            message("load: {rate", "load: {speed: 1, rate")
                == "my/mine.yml:5: unknown field 'speed'; valid: rate, reads, keys")
        #expect(message("title:", "titel:")?.hasPrefix("my/mine.yml:1: unknown field 'titel'") == true)
        #expect(message("{at: 2s,", "{at: 2s, if: x,")?.hasPrefix("my/mine.yml:9: unknown field 'if'") == true)
        #expect(message("before: 2s", "first: 2s")?.hasPrefix("my/mine.yml:6: unknown field 'first'") == true)
    }

    @Test func aMissingFieldIsNamed() {
        #expect(message("title: West is cut off\n", "") == "my/mine.yml:1: the field 'title' is missing")
        #expect(message(", after: 3s", "") == "my/mine.yml:6: the field 'after' is missing")
        #expect(message(", do: cut west", "") == "my/mine.yml:9: the field 'do' is missing")
    }

    @Test(arguments: ["2", "2min", "-2s", "two", "1.5s"]) func aBadUnitIsRejected(_ text: String) {
        #expect(
            message("at: 2s", "at: \(text)")
                == "my/mine.yml:9: '\(text)' is not a duration; write it as 12s or 500ms")
    }

    @Test func numbersHaveBounds() {
        #expect(message("20/s", "201/s") == "my/mine.yml:5: 'rate' is a number from 1/s to 200/s, not '201/s'")
        #expect(message("20/s", "20") == "my/mine.yml:5: 'rate' is a number from 1/s to 200/s, not '20'")
        #expect(message("75%", "101%") == "my/mine.yml:5: 'reads' is a number from 0% to 100%, not '101%'")
        #expect(message("keys: 16", "keys: 7") == "my/mine.yml:5: 'keys' is a number from 8 to 100, not '7'")
        #expect(message("after: 3s", "after: 120s") == "my/mine.yml:6: a drill lasts at most 120s")
        #expect(message("after: 3s", "after: 0s") == "my/mine.yml:6: each phase lasts longer than zero")
    }

    @Test func anUnknownNodeOrActionIsNamed() {
        for (action, problem) in [
            ("cut north", "unknown node 'north'; valid names: "), ("kill cp_db_g9", "unknown node 'cp_db_g9'"),
            ("wipe app_cp", "app_cp is a service and has no data; wipe a replica"),
            ("explode west", "'explode west' is not an action; valid: "), ("delay west 50", "'50' is not a delay"),
            ("cut app_cp>ap_db_g1", "unknown link"), ("clock ap_db_g1 60", "'60' is not a step of a clock"),
            ("write ana at north", "unknown node 'north'"), ("write a/b at west", "'a/b' is not a value"),
        ] {
            #expect(message("cut west", action)?.hasPrefix("my/mine.yml:9: \(problem)") == true, "\(action)")
        }
    }

    @Test func stepsAreInOrderAndFaultsWithinTheirPhase() {
        #expect(message("at: 2s", "at: 0s") == "my/mine.yml:9: steps are in the order of their time")
        #expect(message("at: 1s, do: write ana at east", "at: 1s, do: cut east")?.contains("phase 'during'") == true)
        #expect(message("at: 3500ms", "at: 4s")?.hasPrefix("my/mine.yml:10: 'heal' is not within the phase") == true)
        #expect(message("at: 3500ms", "at: 7s") == "my/mine.yml:10: the drill ends after 6s")
    }

    @Test func aValueIsWrittenOnce() {
        #expect(
            message("cut west", "write ana at app_cp_west")
                == "my/mine.yml:9: 'ana' is written twice; the checkers need different values")
    }

    @Test func brokenYAMLIsReportedWithItsLine() {
        #expect(message("{at: 2s,", "{at: 2s, [")?.hasPrefix("my/mine.yml:9: ") == true)
        #expect(message("title: West", "title: a\ntitle: West")?.contains("'title' is given twice") == true)
        #expect(message(Self.valid, "") == "my/mine.yml:1: the file is empty")
        #expect(message(Self.valid, "- x")?.hasPrefix("my/mine.yml:1: expected members") == true)
        #expect(message("steps:\n", "steps: none\nstep:\n")?.hasPrefix("my/mine.yml:8: unknown field 'step'") == true)
    }

    @Test func everyActionIsReadAndWrittenTheSame() throws {
        let actions = [
            "cut west", "cut cp_db_g2", "cut app_cp>cp_db_g3", "cut from east to west", "stall ap_db_g1",
            "delay west 50ms", "delay from west to east 2s", "heal", "heal from east to west", "heal west",
            "pause app_cp", "resume app_cp", "kill ap_db_g1", "start ap_db_g1", "wipe cp_db_g1",
            "redis ap_db_g1 maxmemory 1mb", "clock cp_db_g1 +60s", "clock app_ap -5s", "write ana at west",
        ]
        for text in actions { #expect(try DrillAction(text, topology: .pair).text == text) }
    }

    @Test func anUnknownDrillIsAnsweredWithTheValidNames() {
        let error = #expect(throws: LabError.self) { try DrillCatalog.drills("east-cut") }
        #expect(error?.exitCode == 2)
        #expect(error?.message.hasPrefix("there is no drill 'east-cut'; valid: west-cut, one-way-cut, ") == true)
        #expect(throws: LabError.self) { try DrillCatalog.drills("missing/my.yml") }
    }
}
