/// An error reply of a replica: its meaning and its text. Only this type depends on the wording of servers.
public struct ServerError: Sendable, Equatable {
    public enum Kind: Sendable {
        /// The script is not loaded: nothing ran.
        case noScript
        /// The key holds another Redis type.
        case wrongType
        /// The memory (`maxmemory`) or the disk is full.
        case full
        /// The server is a replica of another server.
        case readOnly
        /// The server has fewer Redis replicas of its own than `min-replicas-to-write`.
        case tooFewReplicas
        /// The last save failed, and the server stops writes until one succeeds.
        case notPersisting
        /// The password is missing or wrong.
        case notAuthenticated
        /// The user lacks a permission.
        case noPermission
        /// The server serves no command now: it loads its data, or a script blocks it.
        case unavailable
        /// The server has as many connections as `maxclients` allows.
        case tooManyClients
        /// The reply or the record is not of the form that this program expects.
        case malformed
        case other
    }

    public let kind: Kind
    /// The server's error text, for operators. The reference to the script (its hash and line) is removed.
    public let text: String

    private init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }

    /// Parses the text of an error reply, and removes the reference to a script. If a command in a script fails, Redis
    /// 7 and newer, and Valkey, append the reference: `OOM command not allowed … script: 3f20…, on @user_script:7.`
    /// Redis 6 puts it in front, up to twice: `ERR Error running script (call to f_3f20…): @user_script:7:
    /// @user_script: 7: -OOM command not allowed …`
    public init(_ reply: String) {
        var words = reply[...]
        if words.contains(", on @user_script:"), let suffix = words.ranges(of: " script: ").last {
            words = words[..<suffix.lowerBound]
        }
        for source in ["user_script:", "[C]:"] {
            while let reference = words.firstRange(of: source) {
                words = words[reference.upperBound...].drop { " :-".contains($0) || $0.isNumber }
            }
        }
        self.init(Self.kind(of: words), String(words))
    }

    /// A reply or a record that is not of the form that this program expects.
    public static func malformed(_ text: String) -> ServerError { ServerError(.malformed, text) }

    private static func kind(of words: Substring) -> Kind {
        for (phrase, kind) in phrases where words.contains(phrase) { return kind }
        return codes[words.prefix { $0 != " " }] ?? .other
    }

    private static let codes: [Substring: Kind] = [
        "NOSCRIPT": .noScript, "WRONGTYPE": .wrongType, "OOM": .full, "READONLY": .readOnly,
        "NOREPLICAS": .tooFewReplicas, "MISCONF": .notPersisting, "NOPERM": .noPermission, "NOAUTH": .notAuthenticated,
        "WRONGPASS": .notAuthenticated, "LOADING": .unavailable, "BUSY": .unavailable, "MASTERDOWN": .unavailable,
        "CLUSTERDOWN": .unavailable,
    ]

    /// Phrases that identify errors whose code is `ERR` or too general. The second and the third phrase mean that a
    /// script ran a command without permission. Redis 6 and 7 use the second phrase, Redis 8 and Valkey the third.
    private static let phrases: [(String, Kind)] = [
        ("No space left on device", .full),
        ("The user executing the script can't run this command", .noPermission),
        ("ACL failure in script", .noPermission),
        ("without any password configured", .notAuthenticated),
        ("max number of clients", .tooManyClients),
    ]

    /// The error in words for clients. Omits the server's text, which may name users, commands and scripts.
    public var summary: String {
        switch kind {
        case .noScript: "it is loading its scripts"
        case .wrongType: "the key holds something else"
        case .full: "its memory or disk is full"
        case .readOnly: "it is read-only"
        case .tooFewReplicas: "it has too few replicas of its own"
        case .notPersisting: "it cannot save its data"
        case .notAuthenticated: "the password is missing or wrong"
        case .noPermission: "the service lacks a permission"
        case .unavailable: "it is loading or busy"
        case .tooManyClients: "it has too many clients"
        case .malformed: text
        case .other: "it reports an error"
        }
    }

    /// True if this service must not use the server now, whatever the command.
    public var isOutOfService: Bool { kind == .unavailable || kind == .readOnly }
}
