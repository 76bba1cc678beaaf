/// Finds names that are not settings, because a misspelt setting would silently not apply.
struct SettingNames {
    /// The settings of both services.
    private let ofServices: Set<String>

    /// The settings that only one service reads. Both services read the same files, so each accepts those of the other.
    static let ofOneService: Set<String> = [
        "CP_MAX_PENDING", "CP_MAX_BATCH", "CP_READ_HEDGE_MS", "AP_WRITE_ACKS", "AP_MAX_SIBLINGS",
        "AP_MAX_SIBLING_BYTES", "AP_MAX_HINTS", "AP_PROBE_INTERVAL_MS", "AP_ANTI_ENTROPY_INTERVAL_SEC",
        "AP_TOMBSTONE_GRACE_SEC",
    ]

    /// The names in `.env` that only Docker Compose reads, besides its own `COMPOSE_*` and `DOCKER_*`.
    static let ofCompose: Set<String> = [
        "REDIS_OPERATOR_PASSWORD", "REDIS_LAB_PASSWORD", "GRAFANA_PASSWORD", "RUNBOOKS_URL", "PORT_PREFIX", "VERSION",
        "SECRETS_DIR",
    ]

    /// Names of other programs that resemble a setting.
    private static let ofOthers: Set<String> = ["HTTPS_PORT", "SSL_CERT_FILE", "SSL_KEY_FILE"]

    /// - Parameter read: the settings that this service reads.
    init(read: [String]) { ofServices = Self.ofOneService.union(read) }

    /// Why a name in a `.env` file is an error; nil if it is known. Unknown names are errors, because the file is only
    /// for settings.
    func problem(inFile name: String) -> String? {
        guard !ofServices.contains(name), !Self.ofCompose.contains(name) else { return nil }
        guard !name.hasPrefix("COMPOSE_"), !name.hasPrefix("DOCKER_") else { return nil }
        if let similar = similar(to: name) { return "sets '\(name)', which is not a setting; did you mean \(similar)?" }
        // Anything else may be a piece of a secret that was broken into lines.
        let isUsual = name.utf8.count <= 40 && name.allSatisfy { $0 == "_" || $0.isUppercase || $0.isNumber }
        return isUsual ? "sets '\(name)', which is not a setting" : "sets a name that is not a setting"
    }

    /// Why a name in the environment is an error; nil if it is not. The environment also has names of other programs,
    /// so only those that resemble a setting are errors.
    func problem(inEnvironment name: String) -> String? {
        guard !ofServices.contains(name), !Self.ofCompose.contains(name), !Self.ofOthers.contains(name) else {
            return nil
        }
        return similar(to: name).map { "\(name) is not a setting; did you mean \($0)?" }
    }

    /// The setting that `name` resembles: another case, separator, unit or order of words, or one wrong letter (two in
    /// settings of 12 characters or more). Settings below 8 characters have too many neighbours of one letter, such as
    /// `NODE_IP`.
    private func similar(to name: String) -> String? {
        guard (6...40).contains(name.utf8.count) else { return nil }
        let forms = Self.forms(of: name)
        if let same = ofServices.filter({ !Self.forms(of: $0).isDisjoint(with: forms) }).min() { return same }
        let near = ofServices.filter { $0.utf8.count >= 8 }.map { setting in
            (setting: setting, distance: Self.editDistance(name, setting))
        }
        guard let nearest = near.min(by: { ($0.distance, $0.setting) < ($1.distance, $1.setting) }) else { return nil }
        return nearest.distance <= (nearest.setting.utf8.count >= 12 ? 2 : 1) ? nearest.setting : nil
    }

    private static let units: Set<Substring> = ["MS", "S", "SEC", "SECOND", "SECONDS", "BYTES", "SIZE"]

    /// Two normal forms of a name without a unit at its end: the words without separators, and the words in
    /// alphabetical order.
    private static func forms(of name: String) -> Set<String> {
        var words = name.uppercased().split(separator: "_")
        if let last = words.last, words.count > 1, units.contains(last) { words.removeLast() }
        return [words.joined(), words.sorted().joined(separator: "_")]
    }

    /// The number of insertions, deletions, substitutions, and swaps of neighbours (optimal string alignment).
    private static func editDistance(_ first: String, _ second: String) -> Int {
        let first = Array(first.utf8)
        let second = Array(second.utf8)
        var rows = [Array(0...second.count)]
        for row in 1...first.count {
            var next = [row]
            for column in 1...second.count {
                let substituted = rows[row - 1][column - 1] + (first[row - 1] == second[column - 1] ? 0 : 1)
                next.append(min(rows[row - 1][column] + 1, next[column - 1] + 1, substituted))
                if row > 1, column > 1, first[row - 1] == second[column - 2], first[row - 2] == second[column - 1] {
                    next[column] = min(next[column], rows[row - 2][column - 2] + 1)
                }
            }
            rows.append(next)
        }
        return rows[first.count][second.count]
    }
}
