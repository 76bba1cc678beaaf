/// Bytes as they are stored and sent: keys, values and script arguments are binary-safe.
public typealias Bytes = [UInt8]
