import Glibc
import Replication

/// Encodes commands in RESP into one buffer that is reused: no allocation per command once it has grown.
///
/// The arguments that all replicas share are encoded once; those of one replica are appended, sent, and truncated.
final class CommandEncoder {
    private var storage: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0

    /// A buffer that a very large value made larger than this is released.
    private static let keptCapacity = 1 << 16

    init() {
        capacity = 4_096
        storage = .allocate(capacity: capacity)
    }

    deinit { storage.deallocate() }

    /// The encoded bytes; valid until the next change.
    var encoded: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: storage, count: count) }

    func reset() {
        count = 0
        if capacity > Self.keptCapacity {
            storage.deallocate()
            capacity = Self.keptCapacity
            storage = .allocate(capacity: capacity)
        }
    }

    func truncate(to count: Int) {
        precondition(count <= self.count)
        self.count = count
    }

    /// Begins a command: an array of bulk strings in RESP, the first of which is its name.
    func begin(argumentCount: Int) {
        reserve(24)
        header(UInt8(ascii: "*"), argumentCount)
    }

    func append(_ bytes: Bytes) {
        reserve(bytes.count + 26)
        header(UInt8(ascii: "$"), bytes.count)
        bytes.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { (storage + count).update(from: base, count: source.count) }
        }
        count += bytes.count
        lineEnd()
    }

    /// Appends arguments that are encoded already.
    func append(encoded bytes: Bytes) {
        reserve(bytes.count)
        bytes.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { (storage + count).update(from: base, count: source.count) }
        }
        count += bytes.count
    }

    func append(_ text: StaticString) {
        reserve(text.utf8CodeUnitCount + 26)
        header(UInt8(ascii: "$"), text.utf8CodeUnitCount)
        (storage + count).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        count += text.utf8CodeUnitCount
        lineEnd()
    }

    private func header(_ kind: UInt8, _ value: Int) {
        storage[count] = kind
        count += 1
        var divisor = 1
        while value / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            storage[count] = UInt8(48 + value / divisor % 10)
            count += 1
            divisor /= 10
        }
        lineEnd()
    }

    private func lineEnd() {
        storage[count] = 13
        storage[count + 1] = 10
        count += 2
    }

    private func reserve(_ extra: Int) {
        guard count + extra > capacity else { return }
        let grown = max(capacity * 2, count + extra)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: grown)
        moved.update(from: storage, count: count)
        storage.deallocate()
        storage = moved
        capacity = grown
    }
}
