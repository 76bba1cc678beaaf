import Configuration

/// Reads settings from the environment and a `.env` file, and records the value and source of each.
///
/// The environment overrides the file, the file overrides the default. Every setting is read here, so that
/// `--check-config` and the test of `.env.example` know all of them.
public struct SettingsReader {
    /// Where a value came from.
    public enum Source: String, Sendable {
        case environment
        case file
        /// The file that `NAME_FILE` names, as Docker and Kubernetes provide secrets.
        case secretFile = "secret file"
        case standard = "default"
    }

    /// One effective setting.
    public struct Entry: Sendable {
        public let name: String
        public let value: String
        public let source: Source
        public let isSecret: Bool
        public let help: String
    }

    public private(set) var entries: [Entry] = []
    private let lookUp: (String) -> (text: String, source: Source)?
    private let readFile: (String) -> [UInt8]?

    /// - Parameters:
    ///   - lookUp: the text of a setting and its source; nil if it is not set.
    ///   - readFile: the content of a secret's file; nil if it is unreadable.
    public init(
        lookUp: @escaping (String) -> (text: String, source: Source)?,
        readFile: @escaping (String) -> [UInt8]? = SecretFile.read
    ) {
        self.lookUp = lookUp
        self.readFile = readFile
    }

    /// The environment and, if it exists, the file at `envFilePath`.
    /// - Throws: ``SettingError`` if the file is unreadable or invalid.
    public static func standard(envFilePath: String, isFileRequired: Bool) async throws(SettingError) -> SettingsReader
    {
        try EnvFile.check(envFilePath)
        let environment = ConfigReader(provider: EnvironmentVariablesProvider())
        let file: ConfigReader
        do {
            file = ConfigReader(
                provider: try await EnvironmentVariablesProvider(
                    environmentFilePath: .init(envFilePath), allowMissing: !isFileRequired))
        } catch {
            throw SettingError("\(envFilePath): cannot be read as a file of NAME=value lines")
        }
        return SettingsReader { name in
            // The library's keys are lower case with dots: HTTP_PORT is the key http.port.
            let key = ConfigKey(name.lowercased().split(separator: "_").map(String.init))
            if let text = environment.string(forKey: key) { return (text, .environment) }
            if let text = file.string(forKey: key) { return (text, .file) }
            return nil
        }
    }

    // MARK: Kinds of settings

    /// A text that `check` accepts. `check` returns the problem as the end of a sentence that begins with the name.
    public mutating func string(
        _ name: String, default standard: String, help: String, check: (String) -> String? = { _ in nil }
    ) throws(SettingError) -> String {
        try accept(name, lookUp(name), default: standard, isSecret: false, help: help, check: check)
    }

    /// A text that reports mask, from `NAME` or from the file that `NAME_FILE` names. Both at once are rejected: one of
    /// them would be silently ignored.
    public mutating func secret(
        _ name: String, default standard: String, help: String, check: (String) -> String? = { _ in nil }
    ) throws(SettingError) -> String {
        let path = try string("\(name)_FILE", default: "", help: "A file that holds \(name), instead of it.")
        var found = lookUp(name)
        if !path.isEmpty {
            if let found, !found.text.isEmpty {
                throw SettingError("\(name)_FILE must not be set together with \(name)")
            }
            guard let bytes = readFile(path) else { throw SettingError("\(name)_FILE cannot be read: '\(path)'") }
            guard let text = SecretFile.text(of: bytes) else {
                throw SettingError("\(name)_FILE must hold one line of text: '\(path)'")
            }
            found = (text, .secretFile)
        }
        return try accept(name, found, default: standard, isSecret: true, help: help, check: check)
    }

    private mutating func accept(
        _ name: String, _ found: (text: String, source: Source)?, default standard: String, isSecret: Bool,
        help: String,
        check: (String) -> String?
    ) throws(SettingError) -> String {
        let text = found?.text ?? standard
        if let problem = check(text) { throw SettingError("\(name) \(problem)") }
        entries.append(
            Entry(name: name, value: text, source: found?.source ?? .standard, isSecret: isSecret, help: help))
        return text
    }

    public mutating func integer(
        _ name: String, default standard: Int, in range: ClosedRange<Int>, help: String
    ) throws(SettingError) -> Int {
        let text = try string(name, default: String(standard), help: help) { text in
            guard let number = Int(text), range.contains(number) else {
                return "must be a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'"
            }
            return nil
        }
        return Int(text)!
    }

    /// A number of seconds, with optional decimals; returned in milliseconds.
    public mutating func seconds(
        _ name: String, default standard: Double, in range: ClosedRange<Double>, help: String
    ) throws(SettingError) -> UInt64 {
        let text = try string(name, default: String(standard), help: help) { text in
            guard let number = Double(text), number.isFinite, range.contains(number) else {
                return "must be a number of seconds from \(range.lowerBound) to \(range.upperBound), not '\(text)'"
            }
            return nil
        }
        return UInt64((Double(text)! * 1_000).rounded())
    }

    public mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, default standard: Choice, help: String
    ) throws(SettingError) -> Choice where Choice.RawValue == String {
        let text = try string(name, default: standard.rawValue, help: help) { text in
            guard Choice(rawValue: text) == nil else { return nil }
            let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            return "must be one of \(names), not '\(text)'"
        }
        return Choice(rawValue: text)!
    }
}

/// A setting that prevents the start, in one line that names it.
public struct SettingError: Error, CustomStringConvertible, Equatable {
    public let description: String
    public init(_ description: String) { self.description = description }
}

extension SettingsReader {
    /// Every effective setting with its source, one per line, with secrets masked, for `--check-config`.
    public var report: String {
        let width = entries.map(\.name.count).max() ?? 0
        return entries.map { entry in
            let name = entry.name + String(repeating: " ", count: width - entry.name.count)
            return "\(name)  \(Self.display(entry))  (\(entry.source.rawValue))"
        }.joined(separator: "\n")
    }

    private static func display(_ entry: Entry) -> String {
        if entry.isSecret { return entry.value.isEmpty ? "(empty)" : "******" }
        return maskCredentials(entry.value)
    }

    /// `redis://user:secret@host` becomes `redis://******@host`.
    static func maskCredentials(_ text: String) -> String {
        text.split(separator: ",", omittingEmptySubsequences: false).map { item in
            guard let slash = item.firstIndex(of: "/"), let at = item.lastIndex(of: "@"), slash < at else {
                return String(item)
            }
            return item[...slash] + "/******" + item[at...]
        }.joined(separator: ",")
    }
}
