import ByteCoding
import JSON

/// A declared parameter of an ``Endpoint``. Handlers read numbers and flags through their declaration, so that a value
/// is accepted if and only if the declaration permits it.
public struct Parameter: Sendable {
    public enum Location: String, Sendable {
        case path
        case query
        case header
    }

    private enum Kind: Sendable {
        case integer(ClosedRange<Int64>)
        case flag
        /// Checked by the handler.
        case text
    }

    public let location: Location
    public let name: String
    public let summary: String
    /// JSON Schema 2020-12.
    public let schema: JSONValue
    public let example: JSONValue
    private let kind: Kind

    /// An integer in the query, in decimal digits.
    /// - Parameter standard: the value if the parameter is absent; nil for none.
    public static func integer(
        _ name: String, in range: ClosedRange<Int64>, default standard: Int64? = nil, example: Int64, _ summary: String
    ) -> Parameter {
        var schema: JSONValue = [
            "type": "integer", "format": "int64", "minimum": .integer(range.lowerBound),
            "maximum": .integer(range.upperBound),
        ]
        schema["default"] = standard.map { .integer($0) }
        return Parameter(
            location: .query, name: name, summary: summary, schema: schema, example: .integer(example),
            kind: .integer(range))
    }

    /// `true` or `false` in the query; false if it is absent.
    public static func flag(_ name: String, _ summary: String) -> Parameter {
        Parameter(
            location: .query, name: name, summary: summary, schema: ["type": "boolean", "default": false],
            example: false, kind: .flag)
    }

    /// A text that the handler checks.
    public static func text(
        _ location: Location, _ name: String, schema: JSONValue = ["type": "string"], example: JSONValue,
        _ summary: String
    ) -> Parameter {
        Parameter(location: location, name: name, summary: summary, schema: schema, example: example, kind: .text)
    }

    /// The response to a value that the declaration does not permit; nil if the handler checks the value.
    var problem: DeclaredProblem? {
        if case .text = kind { return nil }
        return DeclaredProblem(rejection)
    }

    private var rejection: Problem {
        let allowed =
            switch kind {
            case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
            case .flag: "true or false"
            case .text: preconditionFailure("the handler checks texts")
            }
        return .badRequest("bad_\(name)", "\(name) must be \(allowed)")
    }

    /// The value of a number; nil if it is absent.
    /// - Throws: 400 `bad_<name>` if it is not a number, or is out of bounds.
    public func integer(of request: Request) throws(Problem) -> Int64? {
        guard case .integer(let range) = kind else { preconditionFailure("\(name) is no number") }
        guard let text = try request.query(name) else { return nil }
        guard let number = Int64(decimal: Array(text.utf8)), range.contains(number) else { throw rejection }
        return number
    }

    /// The value of a flag.
    /// - Throws: 400 `bad_<name>` if it is neither `true` nor `false`.
    public func flag(of request: Request) throws(Problem) -> Bool {
        guard case .flag = kind else { preconditionFailure("\(name) is no flag") }
        switch try request.query(name) {
        case nil, "false": return false
        case "true": return true
        default: throw rejection
        }
    }
}
