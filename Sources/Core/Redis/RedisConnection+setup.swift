import Replication

/// The commands that a link sends first on a new connection.
extension RedisConnection {
    /// Authenticates, pings, and loads every script, without a wait between the commands. Calls `done` after the last
    /// reply, with false if a script was not loaded. An error reply closes the connection.
    func prepare(_ endpoint: RedisEndpoint, _ scripts: ScriptTable, done: @escaping (_ isLoaded: Bool) -> Void) {
        if let password = endpoint.password {
            let credentials = endpoint.username.map { [$0, password] } ?? [password]
            askOrClose(["AUTH"] + credentials)
        }
        // Without scripts, this is the reply that shows that the replica works.
        askOrClose(["PING"]) { if scripts.scripts.isEmpty { done(true) } }
        load(scripts, done: done)
    }

    /// - Parameter then: called after a reply other than an error.
    private func askOrClose(_ arguments: [String], then: @escaping () -> Void = {}) {
        ask(arguments.map { Bytes($0.utf8) }) { [self] reply in
            guard let reply else { return }
            if let error = reply.error { close(LinkFailure(arguments[0], rejectedWith: error)) } else { then() }
        }
    }

    /// Loads every script, and calls `done` after the last reply; see ``prepare(_:_:done:)``. Without scripts, does
    /// nothing.
    func load(_ scripts: ScriptTable, done: @escaping (_ isLoaded: Bool) -> Void) {
        guard let last = scripts.scripts.last else { return }
        var isLoaded = true
        for script in scripts.scripts {
            ask([Bytes("SCRIPT".utf8), Bytes("LOAD".utf8), script.source]) { [self] reply in
                if case .bulk(let sha)? = reply {
                    scripts.record(sha, of: script)
                } else {
                    isLoaded = false
                    if let error = reply?.error { close(LinkFailure("SCRIPT LOAD", rejectedWith: error)) }
                }
                if script == last { done(isLoaded) }
            }
        }
    }
}

/// The scripts of one group and the SHA-1 that Redis returned for each when it was loaded.
final class ScriptTable {
    let scripts: [Script]
    private var shas: [Script: Bytes] = [:]

    /// Stands for the SHA-1 of a script that no replica has loaded yet. Redis replies NOSCRIPT.
    private static let unknown = Bytes(repeating: UInt8(ascii: "0"), count: 40)

    init(_ scripts: [Script]) { self.scripts = scripts }

    func sha(of script: Script) -> Bytes { shas[script] ?? Self.unknown }

    func record(_ sha: Bytes, of script: Script) { shas[script] = sha }
}
