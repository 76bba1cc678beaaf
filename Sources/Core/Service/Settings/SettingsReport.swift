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
