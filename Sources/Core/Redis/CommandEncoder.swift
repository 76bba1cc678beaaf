import Replication

/// Encodes commands in RESP: arrays of bulk strings, the first of which is the command's name.
///
/// Reused, it needs no allocation once its buffer has grown. The arguments that all replicas share are encoded once;
/// those of one replica are appended, sent, and truncated.
struct CommandEncoder {
    private(set) var encoded = Bytes()

    /// A buffer that a very large value made larger than this is released.
    private static let keptCapacity = 1 << 16

    init() {}

    /// A whole command.
    init(_ arguments: [Bytes]) {
        begin(argumentCount: arguments.count)
        append(arguments)
    }

    mutating func reset() { encoded.removeAll(keepingCapacity: encoded.capacity <= Self.keptCapacity) }

    mutating func truncate(to count: Int) { encoded.removeLast(encoded.count - count) }

    mutating func begin(argumentCount: Int) { header("*", argumentCount) }

    mutating func append(_ argument: Bytes) {
        header("$", argument.count)
        encoded += argument
        lineEnd()
    }

    mutating func append(_ arguments: [Bytes]) {
        for argument in arguments { append(argument) }
    }

    /// Appends arguments that are encoded already.
    mutating func append(encoded arguments: Bytes) { encoded += arguments }

    /// `EVALSHA sha count keys…`
    mutating func begin(sha: Bytes, keys: [Bytes], argumentCount: Int) {
        begin(argumentCount: 3 + keys.count + argumentCount)
        append(Self.evalsha)
        append(sha)
        append(Bytes(decimal: UInt64(keys.count)))
        append(keys)
    }

    private static let evalsha = Bytes("EVALSHA".utf8)

    private mutating func header(_ kind: Unicode.Scalar, _ value: Int) {
        encoded.append(UInt8(ascii: kind))
        encoded.append(decimal: UInt64(value))
        lineEnd()
    }

    private mutating func lineEnd() {
        encoded.append(UInt8(ascii: "\r"))
        encoded.append(UInt8(ascii: "\n"))
    }
}
