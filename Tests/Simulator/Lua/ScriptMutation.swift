import Foundation
import Replication

/// A deliberate bug in a script of an engine: one text is replaced by another. `make mutants` tries bugs in Lua with it
/// and without a build; production code has no such switch.
struct ScriptMutation: Decodable {
    let find: String
    let replace: String

    /// The environment variable with the path of a file that holds a JSON array of mutations.
    private static let variable = "SIMULATE_SCRIPT_MUTATIONS"

    /// The mutations of that file; none where the variable is not set.
    static let ofEnvironment: [ScriptMutation] = {
        guard let path = ProcessInfo.processInfo.environment[variable] else { return [] }
        do {
            return try JSONDecoder().decode([ScriptMutation].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            preconditionFailure("\(variable): \(path) cannot be read: \(error)")
        }
    }()

    func applied(to source: Bytes) -> Bytes {
        let text = source.text
        return text.contains(find) ? Bytes(text.replacingOccurrences(of: find, with: replace).utf8) : source
    }
}
