import Replication

/// The first commands on a new connection: authenticate, and load every script.
struct ConnectionSetup {
    let connection: RedisConnection
    let endpoint: RedisEndpoint
    let scripts: ScriptTable

    /// Sends all commands at once. Calls `done` after the last reply, with false where a script is not loaded; an error
    /// reply closes the connection.
    func run(done: @escaping (_ isLoaded: Bool) -> Void) {
        let encoder = CommandEncoder()
        if let password = endpoint.password {
            encoder.begin(argumentCount: endpoint.username == nil ? 2 : 3)
            encoder.append("AUTH")
            if let username = endpoint.username { encoder.append(Bytes(username.utf8)) }
            encoder.append(Bytes(password.utf8))
            ask(encoder, orCloseWith: "AUTH: ")
        }
        encoder.reset()
        encoder.begin(argumentCount: 1)
        encoder.append("PING")
        ask(encoder, orCloseWith: "")
        loadScripts(done: done)
    }

    func loadScripts(done: @escaping (_ isLoaded: Bool) -> Void) {
        guard let last = scripts.scripts.last else {
            done(true)
            return
        }
        var isLoaded = true
        let encoder = CommandEncoder()
        for script in scripts.scripts {
            encoder.reset()
            encoder.begin(argumentCount: 3)
            encoder.append("SCRIPT")
            encoder.append("LOAD")
            encoder.append(script.source)
            ask(encoder) { reply in
                switch reply {
                case .bulk(let sha)?: scripts.record(sha, of: script)
                case .error(let text)?:
                    isLoaded = false
                    connection.close(reason: "SCRIPT LOAD \(script.name): \(text)")
                default: isLoaded = false
                }
                if script == last { done(isLoaded) }
            }
        }
    }

    private func ask(_ encoder: CommandEncoder, orCloseWith prefix: String) {
        ask(encoder) { reply in
            if case .error(let text)? = reply { connection.close(reason: prefix + text) }
        }
    }

    private func ask(_ encoder: CommandEncoder, then body: @escaping (Reply?) -> Void) {
        if !connection.send(encoder.encoded, to: .link(body)) { body(nil) }
    }
}

/// The scripts of one group and the SHA-1 that Redis returned for each when it was loaded.
final class ScriptTable {
    let scripts: [Script]
    private var shas: [Script: Bytes] = [:]

    /// Sent before any replica has loaded the script; Redis replies NOSCRIPT.
    private static let unknown = Bytes(repeating: UInt8(ascii: "0"), count: 40)

    init(_ scripts: [Script]) { self.scripts = scripts }

    func sha(of script: Script) -> Bytes { shas[script] ?? Self.unknown }

    func record(_ sha: Bytes, of script: Script) { shas[script] = sha }
}
