import Synchronization

/// Name, type and labels of a family.
struct FamilyHeader: Sendable {
    let name: String
    let help: String
    let kind: MetricKind
    let labelNames: [String]
    /// Limit of series, without the overflow series.
    let maxSeries: Int

    /// Longest label value, in bytes.
    static let maxLabelValueBytes = 256

    /// `mode="cp",status="200"`, escaped once per series, not once per scrape.
    func labelText(_ values: [String]) -> [UInt8] {
        precondition(values.count == labelNames.count, "\(name) takes \(labelNames.count) label values")
        return Self.labelText(Array(zip(labelNames, values)))
    }

    /// The labels of the series that all series above the limit share.
    var overflowLabelText: [UInt8] {
        labelNames.isEmpty ? Self.labelText([("overflow", "true")]) : labelText(labelNames.map { _ in "overflow" })
    }

    static func labelText(_ labels: [(String, String)]) -> [UInt8] {
        var text: [UInt8] = []
        for (name, value) in labels {
            if !text.isEmpty { text.append(UInt8(ascii: ",")) }
            text.append(text: name)
            text.append(text: "=\"")
            text.append(quoted: Self.bounded(value).utf8)
            text.append(UInt8(ascii: "\""))
        }
        return text
    }

    /// The value, cut at a character if it is too long.
    private static func bounded(_ value: String) -> Substring {
        var end = value.startIndex
        guard value.utf8.count > maxLabelValueBytes else { return value[...] }
        var bytes = 0
        while end < value.endIndex {
            let next = value.unicodeScalars.index(after: end)
            bytes += value.utf8.distance(from: end, to: next)
            if bytes > maxLabelValueBytes { break }
            end = next
        }
        return value[..<end]
    }
}

/// The series of one family, sorted by label text: at most ``FamilyHeader/maxSeries`` and one for the rest.
///
/// Look-ups and scrapes take the lock; counting does not.
final class SeriesTable<Series: AnyObject & Sendable>: Sendable {
    struct Entry: Sendable {
        let labels: [UInt8]
        let series: Series
    }

    private let entries = Mutex<[Entry]>([])

    func snapshot() -> [Entry] {
        entries.withLock { $0 }
    }

    /// The series with these labels, created if necessary; above the limit the overflow series.
    func series(_ labels: [UInt8], in header: FamilyHeader, make: () -> Series) -> Series {
        entries.withLock { entries in
            var labels = labels
            var index = Self.position(of: labels, in: entries)
            if !Self.holds(entries, labels, at: index), entries.count >= header.maxSeries {
                labels = header.overflowLabelText
                index = Self.position(of: labels, in: entries)
            }
            if Self.holds(entries, labels, at: index) {
                return entries[index].series
            }
            let series = make()
            entries.insert(Entry(labels: labels, series: series), at: index)
            return series
        }
    }

    private static func holds(_ entries: [Entry], _ labels: [UInt8], at index: Int) -> Bool {
        index < entries.count && entries[index].labels == labels
    }

    /// The first index whose labels do not sort before `labels`.
    private static func position(of labels: [UInt8], in entries: [Entry]) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].labels.lexicographicallyPrecedes(labels) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
