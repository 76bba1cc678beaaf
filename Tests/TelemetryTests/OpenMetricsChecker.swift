/// A small strict parser of OpenMetrics 1.0.0, for pages as this project writes them. It shares no code with the
/// writer.
struct OpenMetricsChecker {
    struct Failure: Error {
        let reason: String
    }

    struct Exemplar: Equatable {
        let labels: [String: String]
        let value: Double
        /// Since 1970.
        let seconds: Double
    }

    private(set) var exemplars: [String: Exemplar] = [:]
    private var family: (name: String, type: String)?
    private var finished: Set<String> = []
    private var samples: [String: Double] = [:]
    private var lastBucket: (labels: String, bound: Double, count: Double)?

    /// Returns the samples by `name{label=value,...}`.
    /// - Throws: ``Failure`` at the first violation of the format.
    static func parse(_ page: String) throws -> [String: Double] { try read(page).samples }

    /// The exemplars by the same keys.
    static func exemplars(_ page: String) throws -> [String: Exemplar] { try read(page).exemplars }

    private static func read(_ page: String) throws -> OpenMetricsChecker {
        guard page.hasSuffix("# EOF\n") else { throw Failure(reason: "no EOF") }
        var checker = OpenMetricsChecker()
        for line in page.dropLast("# EOF\n".count).split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            try checker.take(String(line))
        }
        return checker
    }

    private mutating func take(_ line: String) throws {
        guard line.hasPrefix("#") else { return try takeSample(line) }
        let words = line.split(separator: " ", maxSplits: 3).map(String.init)
        guard words.count == 4, words[0] == "#" else { throw Failure(reason: "comment: \(line)") }
        switch words[1] {
        case "HELP":
            try begin(words[2], type: nil)
        case "TYPE":
            guard ["counter", "gauge", "histogram"].contains(words[3]) else { throw Failure(reason: line) }
            try begin(words[2], type: words[3])
        case "UNIT":
            guard family?.name == words[2], words[2].hasSuffix("_" + words[3]) else { throw Failure(reason: line) }
        default:
            throw Failure(reason: "comment: \(line)")
        }
    }

    private mutating func begin(_ name: String, type: String?) throws {
        if let family, family.name == name {
            guard let type, family.type.isEmpty else { throw Failure(reason: "said twice: \(name)") }
            self.family = (name, type)
            return
        }
        guard finished.insert(name).inserted else { throw Failure(reason: "family in two parts: \(name)") }
        family = (name, type ?? "")
        lastBucket = nil
    }

    private mutating func takeSample(_ line: String) throws {
        let name = String(line.prefix { $0 != "{" && $0 != " " })
        var rest = line.dropFirst(name.count)
        let labels = try Self.takeLabels(&rest)
        let parts = rest.firstRange(of: " # ").map { (rest[..<$0.lowerBound], rest[$0.upperBound...]) } ?? (rest, "")
        guard parts.0.first == " ", let value = Self.number(parts.0.dropFirst()) else { throw Failure(reason: line) }
        guard let family, name.hasPrefix(family.name) else { throw Failure(reason: "no family: \(line)") }
        let suffixes = ["counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]]
        let suffix = String(name.dropFirst(family.name.count))
        guard suffixes[family.type]?.contains(suffix) == true else { throw Failure(reason: "suffix: \(line)") }
        let key = name + "{" + labels.map { "\($0.0)=\($0.1)" }.joined(separator: ",") + "}"
        guard samples.updateValue(value, forKey: key) == nil else { throw Failure(reason: "sample twice: \(key)") }
        if family.type == "histogram" { try checkHistogram(suffix, labels, value) }
        if !parts.1.isEmpty {
            guard suffix == "_bucket" else { throw Failure(reason: "an exemplar: \(line)") }
            exemplars[key] = try Self.exemplar(parts.1)
        }
    }

    private mutating func checkHistogram(_ suffix: String, _ labels: [(String, String)], _ value: Double) throws {
        let others = labels.filter { $0.0 != "le" }.map { "\($0.0)=\($0.1)" }.joined(separator: ",")
        switch suffix {
        case "_bucket":
            guard let text = labels.first(where: { $0.0 == "le" })?.1, let bound = Self.number(text[...]),
                text == "+Inf" || text.contains(".") || text.contains("e")
            else { throw Failure(reason: "le: \(labels)") }
            if let last = lastBucket, last.labels == others, last.bound >= bound || last.count > value {
                throw Failure(reason: "buckets are not cumulative: \(labels)")
            }
            lastBucket = (others, bound, value)
        case "_count":
            guard let last = lastBucket, last.labels == others, last.bound == .infinity, last.count == value else {
                throw Failure(reason: "count is not that of +Inf: \(labels)")
            }
        default:
            break
        }
    }

    /// - Parameter text: `{labels} value timestamp`; the timestamp is optional, but this project always writes it.
    private static func exemplar(_ text: Substring) throws -> Exemplar {
        var rest = text
        guard rest.first == "{" else { throw Failure(reason: "exemplar: \(text)") }
        let labels = try takeLabels(&rest)
        let numbers = rest.split(separator: " ", omittingEmptySubsequences: false).dropFirst().map { number($0) }
        guard labels.reduce(0, { $0 + $1.0.count + $1.1.count }) <= 128, rest.first == " ", numbers.count == 2,
            let value = numbers[0], let seconds = numbers[1]
        else { throw Failure(reason: "exemplar: \(text)") }
        return Exemplar(labels: Dictionary(uniqueKeysWithValues: labels), value: value, seconds: seconds)
    }

    private static func number(_ text: Substring) -> Double? {
        switch text {
        case "+Inf": .infinity
        case "-Inf": -.infinity
        case "NaN": .nan
        default: text.allSatisfy { "0123456789.eE+-".contains($0) } ? Double(text) : nil
        }
    }

    private static func takeLabels(_ rest: inout Substring) throws -> [(String, String)] {
        guard rest.first == "{" else { return [] }
        rest.removeFirst()
        var labels: [(String, String)] = []
        while true {
            let name = String(rest.prefix { $0 != "=" })
            rest = rest.dropFirst(name.count)
            guard !name.isEmpty, rest.hasPrefix("=\"") else { throw Failure(reason: "label: \(rest)") }
            rest = rest.dropFirst(2)
            var value = ""
            while let character = rest.popFirst(), character != "\"" {
                guard character == "\\" else {
                    value.append(character)
                    continue
                }
                switch rest.popFirst() {
                case "n": value.append("\n")
                case "\\": value.append("\\")
                case "\"": value.append("\"")
                default: throw Failure(reason: "escape: \(rest)")
                }
            }
            labels.append((name, value))
            switch rest.popFirst() {
            case ",": continue
            case "}": return labels
            default: throw Failure(reason: "labels: \(rest)")
            }
        }
    }
}
