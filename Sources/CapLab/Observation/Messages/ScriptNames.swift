import Available
import Consistent
import Crypto
import Replication

/// The names of both engines' scripts, by the SHA-1 with which a service calls them.
struct ScriptNames: Sendable {
    enum Engine: Sendable {
        case consistent, available
    }

    private var names: [[UInt8]: (engine: Engine, name: String)] = [:]

    init() {
        for script in ConsistentScripts.all { add(script, of: .consistent) }
        for script in AvailableScripts.all { add(script, of: .available) }
    }

    private mutating func add(_ script: Script, of engine: Engine) {
        let known = names[Self.sha(of: script.source)]
        // `put` and `delete` have the same text and SHA-1, and so have the two forms of `accept`. The first of them
        // gives the name.
        if known == nil { names[Self.sha(of: script.source)] = (engine, script.name) }
    }

    subscript(sha: ArraySlice<UInt8>) -> (engine: Engine, name: String)? { names[Array(sha)] }

    /// The SHA-1 of a script, as 40 hexadecimal digits.
    static func sha(of source: [UInt8]) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return Insecure.SHA1.hash(data: source).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }
}
