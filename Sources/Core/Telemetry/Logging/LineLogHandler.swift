import Logging

/// The swift-log handler of the services: collects metadata and passes each record to the shared ``LogOutput``.
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

    /// Metadata of the line overrides that of the provider, which overrides that of the logger.
    public func log(event: LogEvent) {
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { _, new in new } }
        if let given = event.metadata { fields.merge(given) { _, new in new } }
        let name = fields.removeValue(forKey: LogRecord.eventKey)
        if let error = event.error, fields["error"] == nil { fields["error"] = .string(String(describing: error)) }
        output.log(level: event.level, event: name?.description, message: event.message.description, metadata: fields)
    }
}
