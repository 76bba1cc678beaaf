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

    mutating func begin(argumentCount: Int) {
        encoded.append(addingCapacity: Self.maxHeaderBytes) { Self.header("*", argumentCount, to: &$0) }
    }

    mutating func append(_ argument: Bytes) {
        let isShort = argument.count <= Self.shortByteCount
        // In one step: each growth of the array costs more than the bytes of a short argument.
        encoded.append(addingCapacity: Self.maxHeaderBytes + Self.shortByteCount + 2) { output in
            Self.header("$", argument.count, to: &output)
            guard isShort else { return }
            for byte in argument { output.append(byte) }
            Self.lineEnd(to: &output)
        }
        guard !isShort else { return }
        encoded += argument
        encoded += Self.lineEnd
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

    private static let lineEnd = Bytes("\r\n".utf8)
    private static let shortByteCount = 128
    /// The kind, 19 digits and the line end.
    private static let maxHeaderBytes = 22

    private static func header(_ kind: Unicode.Scalar, _ value: Int, to output: inout OutputSpan<UInt8>) {
        output.append(UInt8(ascii: kind))
        // Most are short: without divisions by a variable.
        if value >= 100 {
            var divisor = 100
            while value / divisor >= 10 { divisor *= 10 }
            while divisor > 10 {
                digit(value / divisor % 10, to: &output)
                divisor /= 10
            }
        }
        if value >= 10 { digit(value / 10 % 10, to: &output) }
        digit(value % 10, to: &output)
        lineEnd(to: &output)
    }

    private static func digit(_ value: Int, to output: inout OutputSpan<UInt8>) {
        output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value))
    }

    private static func lineEnd(to output: inout OutputSpan<UInt8>) {
        output.append(UInt8(ascii: "\r"))
        output.append(UInt8(ascii: "\n"))
    }
}
