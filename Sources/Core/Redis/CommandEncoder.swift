import Replication

/// Encodes commands in RESP, the Redis protocol: arrays of bulk strings, the first of which is the command's name.
///
/// An encoder that is reused needs no allocation once its buffer has grown. The arguments that all replicas share are
/// encoded once. The arguments of one replica are appended, sent, and removed again.
struct CommandEncoder {
    private(set) var encoded = Bytes()

    /// The largest capacity of a buffer that is kept. A buffer that a large value has made larger is released.
    private static let keptCapacity = 1 << 16

    init() {}

    /// Encodes a complete command.
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
        // Append header, argument and line end in one step: each growth of the array costs more than copying a short
        // argument.
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

    /// Appends arguments that are already encoded.
    mutating func append(encoded arguments: Bytes) { encoded += arguments }

    /// Begins a script call: `EVALSHA sha count keys…`
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
    /// The longest header: a character for the type, 19 digits and the line end.
    private static let maxHeaderBytes = 22

    private static func header(_ kind: Unicode.Scalar, _ value: Int, to output: inout OutputSpan<UInt8>) {
        output.append(UInt8(ascii: kind))
        // Most numbers have one or two digits. Those are written without a division by a variable.
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
