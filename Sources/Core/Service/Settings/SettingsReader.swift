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

    /// A setting of any type.
    /// - Parameter parse: throws the problem as the end of a sentence that begins with the name.
    public mutating func value<Value>(
        _ name: String, default standard: String, help: String, parse: (String) throws(SettingError) -> Value
    ) throws(SettingError) -> Value {
        try accept(name, lookUp(name), default: standard, isSecret: false, help: help, parse: parse)
    }

    /// A text that reports mask, from `NAME` or from the file that `NAME_FILE` names. Both at once are rejected: one of
    /// them would be silently ignored.
    public mutating func secret(
        _ name: String, default standard: String, help: String, check: (String) throws(SettingError) -> Void = { _ in }
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
        return try accept(name, found, default: standard, isSecret: true, help: help) { text throws(SettingError) in
            try check(text)
            return text
        }
    }

    private mutating func accept<Value>(
        _ name: String, _ found: (text: String, source: Source)?, default standard: String, isSecret: Bool,
        help: String, parse: (String) throws(SettingError) -> Value
    ) throws(SettingError) -> Value {
        let text = found?.text ?? standard
        do throws(SettingError) {
            let value = try parse(text)
            entries.append(
                Entry(name: name, value: text, source: found?.source ?? .standard, isSecret: isSecret, help: help))
            return value
        } catch { throw SettingError("\(name) \(error)") }
    }

    public mutating func string(
        _ name: String, default standard: String, help: String
    ) throws(SettingError) -> String {
        try value(name, default: standard, help: help) { $0 }
    }

    public mutating func integer<Number: FixedWidthInteger>(
        _ name: String, default standard: Number, in range: ClosedRange<Number>, help: String
    ) throws(SettingError) -> Number {
        try value(name, default: String(standard), help: help) { text throws(SettingError) in
            guard let number = Number(text), range.contains(number) else {
                throw SettingError(
                    "must be a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
            }
            return number
        }
    }

    /// A number of seconds, with optional decimals; returned in milliseconds.
    public mutating func seconds(
        _ name: String, default standard: Double, in range: ClosedRange<Double>, help: String
    ) throws(SettingError) -> UInt64 {
        try value(name, default: String(standard), help: help) { text throws(SettingError) in
            guard let number = Double(text), range.contains(number) else {
                throw SettingError(
                    "must be a number of seconds from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
            }
            return UInt64((number * 1_000).rounded())
        }
    }

    public mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, default standard: Choice, help: String
    ) throws(SettingError) -> Choice where Choice.RawValue == String {
        try value(name, default: standard.rawValue, help: help) { text throws(SettingError) in
            if let choice = Choice(rawValue: text) { return choice }
            let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw SettingError("must be one of \(names), not '\(text)'")
        }
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
            let isMasked = entry.isSecret && !entry.value.isEmpty
            let value = isMasked ? "******" : entry.isSecret ? "(empty)" : Self.maskCredentials(entry.value)
            return "\(name)  \(value)  (\(entry.source.rawValue))"
        }.joined(separator: "\n")
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
