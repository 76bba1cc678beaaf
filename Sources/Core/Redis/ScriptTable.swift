import Replication

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
