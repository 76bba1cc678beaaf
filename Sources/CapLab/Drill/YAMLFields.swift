import Yams

/// A node of a YAML document. In this module, `Node` means a node of the lab.
typealias YAMLNode = Yams.Node

/// Reads the members of one YAML mapping strictly: each member must be known, and its value must have the right form.
///
/// Error messages name the file and the line. Errors have exit code 2.
struct YAMLFields {
    let file: String
    private let mapping: YAMLNode.Mapping
    private let line: Int

    /// - Parameter known: the names of the valid members.
    init(_ node: YAMLNode, file: String, known: [String]) throws(LabError) {
        self.file = file
        line = node.mark?.line ?? 1
        guard let mapping = node.mapping else {
            throw Self.problem("expected members such as '\(known[0]): ...'", at: node, in: file)
        }
        self.mapping = mapping
        for (key, _) in mapping {
            guard let name = key.string, known.contains(name) else {
                throw Self.problem(
                    "unknown field '\(key.string ?? "?")'; valid: \(known.joined(separator: ", "))",
                    at: key, in: file)
            }
        }
    }

    /// Parses a file that must have exactly one document.
    static func document(_ text: String, file: String, known: [String]) throws(LabError) -> YAMLFields {
        try refuseAliases(text, file: file)
        do {
            guard let root = try compose(yaml: text) else {
                throw LabError("\(file):1: the file is empty", exitCode: 2)
            }
            return try YAMLFields(root, file: file, known: known)
        } catch let error as LabError {
            throw error
        } catch let error as YamlError {
            let (line, problem) = describe(error)
            throw LabError("\(file):\(line): \(problem)", exitCode: 2)
        } catch {
            throw LabError("\(file):1: \(error)", exitCode: 2)
        }
    }

    /// Rejects YAML aliases. An alias repeats a node, so a short file with aliases of aliases could keep the parser
    /// busy for hours.
    private static func refuseAliases(_ text: String, file: String) throws(LabError) {
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        where line.contains(/(^|[\s\[{,:?-])[&*][A-Za-z0-9_-]/) {
            throw LabError("\(file):\(index + 1): a drill has no anchors or aliases ('&name', '*name')", exitCode: 2)
        }
    }

    private static func describe(_ error: YamlError) -> (line: Int, problem: String) {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            (mark.line, problem)
        case .duplicatedKeysInMapping(let duplicates, let context):
            (context.mark.line, "the field '\(duplicates.joined(separator: "', '"))' is given twice")
        case .reader(let problem, _, _, _): (1, problem)
        default: (1, "not valid YAML")
        }
    }

    static func problem(_ problem: String, at node: YAMLNode, in file: String) -> LabError {
        LabError("\(file):\(node.mark?.line ?? 1): \(problem)", exitCode: 2)
    }

    /// - Parameter name: the member whose line the error names; nil for the line of the mapping.
    func problem(_ problem: String, at name: String? = nil) -> LabError {
        guard let name, let node = mapping[name] else { return LabError("\(file):\(line): \(problem)", exitCode: 2) }
        return Self.problem(problem, at: node, in: file)
    }

    // MARK: Members

    func optional(_ name: String) -> YAMLNode? { mapping[name] }

    func required(_ name: String) throws(LabError) -> YAMLNode {
        guard let node = mapping[name] else { throw problem("the field '\(name)' is missing") }
        return node
    }

    /// A text of one line. YAML may have folded several lines into it.
    func text(_ name: String, maxCharacters: Int) throws(LabError) -> String {
        let node = try required(name)
        guard let text = node.scalar?.string.trimmed, !text.isEmpty, text.unicodeScalars.count <= maxCharacters else {
            throw problem("'\(name)' is a text of 1 to \(maxCharacters) characters", at: name)
        }
        // Invisible characters could change what a terminal shows, or the order in which text appears.
        let hidden: [Unicode.GeneralCategory] = [.control, .format, .lineSeparator, .paragraphSeparator]
        guard !text.unicodeScalars.contains(where: { hidden.contains($0.properties.generalCategory) }) else {
            throw problem("'\(name)' has a control character", at: name)
        }
        return text
    }

    /// A duration such as `12s` or `500ms`, in milliseconds.
    func duration(_ name: String) throws(LabError) -> Int {
        let text = try required(name).scalar?.string ?? ""
        guard let match = text.wholeMatch(of: /([0-9]{1,6})(ms|s)/), let count = Int(match.1) else {
            throw problem("'\(text)' is not a duration; write it as 12s or 500ms", at: name)
        }
        return match.2 == "s" ? count * 1_000 : count
    }

    /// An integer followed by `unit`; `standard` if the member is missing.
    func number(_ name: String, in range: ClosedRange<Int>, unit: String = "", default standard: Int) throws(LabError)
        -> Int
    {
        guard let node = mapping[name] else { return standard }
        let text = node.scalar?.string ?? ""
        guard text.hasSuffix(unit), let number = Int(text.dropLast(unit.count)), range.contains(number) else {
            throw problem(
                "'\(name)' is a number from \(range.lowerBound)\(unit) to \(range.upperBound)\(unit), not '\(text)'",
                at: name)
        }
        return number
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
