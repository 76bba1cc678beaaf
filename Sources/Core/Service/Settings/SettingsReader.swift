import Configuration

/// Reads settings from the environment and a `.env` file, and records the value and source of each.
///
/// The environment overrides the file, the file overrides the default. Every setting is read here, so that
/// `--check-config` and the test of `.env.example` know all of them. An invalid setting is recorded in ``problems`` and
/// has its default from then on, so that one start reports all of them.
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
    /// The problems that prevent the start: one line each, in the order in which they were found.
    public private(set) var problems: [String] = []
    /// The files with secrets that were read: the setting that names a file, and its path.
    private(set) var secretFiles: [(setting: String, path: String)] = []
    private var rejected: Set<String> = []
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

    /// Reads the environment and, if it exists, the file at `envFilePath`.
    /// - Throws: ``SettingError`` if the file is unreadable or has carriage returns, or is required and does not exist.
    public static func standard(envFilePath: String, isFileRequired: Bool) async throws(SettingError) -> SettingsReader
    {
        // For the library, a carriage return and a line feed do not end a line: the whole file would be one setting.
        guard !EnvFile.hasCarriageReturns(envFilePath) else {
            throw SettingError("\(envFilePath): has carriage returns; save it with line feeds alone")
        }
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

    // MARK: Problems

    /// Records that a setting is invalid.
    /// - Parameter problem: the end of a sentence that begins with the name.
    public mutating func reject(_ name: String, _ problem: String) {
        rejected.insert(name)
        problems.append("\(name) \(problem)")
    }

    /// Records a problem whose text already names the setting or the file.
    mutating func report(_ error: SettingError) { problems.append(error.description) }

    /// Records the names in the environment and in the file that no service reads, and the file's invalid lines. Must
    /// be called after all settings were read.
    mutating func checkNames(envFilePath: String, environment: some Collection<String>) {
        let names = SettingNames(read: entries.map(\.name))
        problems += environment.sorted().compactMap(names.problem(inEnvironment:))
        problems += EnvFile.problems(of: envFilePath, names)
    }

    /// False if the setting was rejected. Checks that compare it with another setting are then skipped, because they
    /// would report the other one.
    public func isValid(_ name: String) -> Bool { !rejected.contains(name) }

    // MARK: Kinds of settings

    /// A setting of any type.
    /// - Parameter parse: throws the problem as the end of a sentence that begins with the name.
    /// - Precondition: `parse` accepts the default.
    public mutating func value<Value>(
        _ name: String, default standard: String, help: String, parse: (String) throws(SettingError) -> Value
    ) -> Value {
        let text = record(name, lookUp(name), default: standard, isSecret: false, help: help)
        do throws(SettingError) { return try parse(text) } catch { reject(name, error.description) }
        do throws(SettingError) { return try parse(standard) } catch {
            preconditionFailure("the default of \(name) is invalid: \(error)")
        }
    }

    /// A secret, which reports mask, from `NAME` or from the file that `NAME_FILE` names. Both at once are rejected,
    /// because one of them would be silently ignored.
    public mutating func secret(
        _ name: String, default standard: String, help: String, check: (String) throws(SettingError) -> Void = { _ in }
    ) -> String {
        let fileName = "\(name)_FILE"
        let path = string(fileName, default: "", help: "A file that holds \(name), instead of it.")
        var found = lookUp(name)
        if !path.isEmpty {
            noteSecretFile(fileName, path)
            if let found, !found.text.isEmpty {
                reject(fileName, "must not be set together with \(name)")
            } else if let bytes = readFile(path) {
                found = SecretFile.text(of: bytes).map { ($0, .secretFile) }
                if found == nil { reject(fileName, "must hold one line of text") }
            } else {
                // Omit the path: it is the secret itself if somebody confused the two settings.
                reject(fileName, "is not the path of a file that can be read")
            }
        }
        let text = record(name, found, default: standard, isSecret: true, help: help)
        guard isValid(fileName) else { return text }
        do throws(SettingError) { try check(text) } catch { reject(name, error.description) }
        return text
    }

    /// Records that the file at `path` contains secrets; see ``ExposedSecret``. Ignores an empty path.
    mutating func noteSecretFile(_ setting: String, _ path: String) {
        if !path.isEmpty { secretFiles.append((setting, path)) }
    }

    private mutating func record(
        _ name: String, _ found: (text: String, source: Source)?, default standard: String, isSecret: Bool, help: String
    ) -> String {
        let text = found?.text ?? standard
        entries.append(
            Entry(name: name, value: text, source: found?.source ?? .standard, isSecret: isSecret, help: help))
        return text
    }

    public mutating func string(
        _ name: String, default standard: String, help: String
    ) -> String {
        value(name, default: standard, help: help) { $0 }
    }

    public mutating func boolean(_ name: String, default standard: Bool, help: String) -> Bool {
        value(name, default: String(standard), help: help) { text throws(SettingError) in
            guard let flag = Bool(text) else { throw SettingError("must be true or false, not '\(text)'") }
            return flag
        }
    }

    public mutating func integer<Number: FixedWidthInteger>(
        _ name: String, default standard: Number, in range: ClosedRange<Number>, help: String
    ) -> Number {
        value(name, default: String(standard), help: help) { text throws(SettingError) in
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
    ) -> UInt64 {
        value(name, default: String(standard), help: help) { text throws(SettingError) in
            guard let number = Double(text), range.contains(number) else {
                throw SettingError(
                    "must be a number of seconds from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
            }
            return UInt64((number * 1_000).rounded())
        }
    }

    public mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, default standard: Choice, help: String
    ) -> Choice where Choice.RawValue == String {
        value(name, default: standard.rawValue, help: help) { text throws(SettingError) in
            if let choice = Choice(rawValue: text) { return choice }
            let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw SettingError("must be one of \(names), not '\(text)'")
        }
    }
}

/// Why a setting, or the file of settings, prevents the start.
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
