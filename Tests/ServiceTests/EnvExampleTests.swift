import Testing

@Suite(.timeLimit(.minutes(20))) struct EnvExampleTests {
    @Test func theFileListsExactlyTheSettingsOfTheServices() throws {
        let listed = try EnvExample().settings.map(\.name)
        let read = Program.allCases.flatMap { $0.defaults.keys }
        #expect(Set(listed) == Set(read))
        #expect(Set(listed).count == listed.count, "each once")
    }

    @Test(arguments: Program.allCases)
    func theServicesAcceptEveryValue(_ program: Program) throws {
        let values = try EnvExample().settings.map { ($0.name, $0.value) }
        #expect(program.complaint(about: Dictionary(uniqueKeysWithValues: values)) == nil)
    }

    @Test func theValuesAreTheDefaults() throws {
        let ofCP = Program.appCP.defaults
        let ofAP = Program.appAP.defaults
        // A secret has no default to show.
        for setting in try EnvExample().settings where setting.name != "SECRET_KEY" {
            #expect(setting.value == ofCP[setting.name] ?? ofAP[setting.name], "\(setting.name)")
            if let differing = ofAP[setting.name], differing != setting.value {
                #expect(setting.comment.contains("app-ap: \(differing)."), "\(setting.name)")
            }
        }
    }

    @Test func everyNumberHasItsRange() throws {
        var numbers = 0
        for setting in try EnvExample().settings {
            for program in Program.allCases {
                guard let complaint = program.complaint(about: [setting.name: "?"]),
                    let range = complaint.firstMatch(of: /from ([0-9.]+ to [0-9.]+)/)
                else { continue }
                numbers += 1
                // The one upper bound that follows from another setting.
                let text = setting.name == "AP_WRITE_ACKS" ? "1 to as many as REPLICAS lists" : String(range.1)
                #expect(setting.comment.contains(text), "\(setting.name): \(setting.comment)")
            }
        }
        #expect(numbers > 20)
    }

    @Test func everySettingHasAComment() throws {
        for setting in try EnvExample().settings { #expect(setting.comment.count > 20, "\(setting.name)") }
    }
}
