/// A function that gets any input and checks properties that hold for all inputs. Its constructor makes what all inputs
/// share.
protocol FuzzTarget {
    /// - Throws: ``Finding`` for a property that `input` breaks.
    func check(_ input: FuzzInput) async throws(Finding)
}

/// All targets, by the names that `make fuzz TARGETS='…'` takes; the corpus of each is the directory of that name.
enum FuzzTargets: String, CaseIterable, Sendable {
    case splitter
    case request
    case encodings
    case numbers
    case conditions
    case tokens
    case jwt
    case jwtKeys = "jwt-keys"
    case contexts
    case resp
    case replies
    case env
    case apScripts = "ap-scripts"
    case cpScripts = "cp-scripts"
    case apEngine = "ap-engine"
    case cpEngine = "cp-engine"

    /// Longer inputs find nothing more here, and are slower.
    var maxBytes: Int {
        switch self {
        case .splitter, .request, .resp, .env: 2_048
        default: 1_024
        }
    }

    func make() async -> any FuzzTarget {
        switch self {
        case .splitter: SplitterTarget()
        case .request: RequestTarget()
        case .encodings: EncodingsTarget()
        case .numbers: NumbersTarget()
        case .conditions: ConditionsTarget()
        case .tokens: TokensTarget()
        case .jwt: await JWTTarget()
        case .jwtKeys: JWTKeysTarget()
        case .contexts: ContextsTarget()
        case .resp: RESPTarget()
        case .replies: RepliesTarget()
        case .env: EnvTarget()
        case .apScripts: APScriptsTarget()
        case .cpScripts: CPScriptsTarget()
        case .apEngine: APEngineTarget()
        case .cpEngine: CPEngineTarget()
        }
    }
}
