import Logging

/// The swift-log handler of the services: gathers metadata and hands each record to the ``LogOutput``, which all
/// loggers share.
public struct LineLogHandler: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    private let output: LogOutput

    public init(output: LogOutput, level: Logger.Level, metadataProvider: Logger.MetadataProvider? = nil) {
        self.output = output
        logLevel = level
        self.metadataProvider = metadataProvider
    }

    public subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// What is given with the line wins over the provider's metadata, and that over the logger's own.
    public func log(event: LogEvent) {
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { _, new in new } }
        if let given = event.metadata { fields.merge(given) { _, new in new } }
        let name = fields.removeValue(forKey: LogRecord.eventKey)
        if let error = event.error, fields["error"] == nil { fields["error"] = .string(String(describing: error)) }
        output.log(level: event.level, event: name?.description, message: event.message.description, metadata: fields)
    }
}
