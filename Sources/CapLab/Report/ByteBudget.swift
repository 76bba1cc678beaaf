/// A budget of bytes that grows at a fixed rate. Unspent bytes are saved, but at most those of `savedSeconds`.
struct ByteBudget {
    private let bytesPerSecond: Int
    private let most: Int
    private var left: Int
    private var filledUs: Int64 = 0

    init(bytesPerSecond: Int, savedSeconds: Int = 2) {
        self.bytesPerSecond = bytesPerSecond
        most = bytesPerSecond * savedSeconds
        left = most
    }

    /// - Parameter isRequired: true to spend the bytes even if too few are left, so that later events get less.
    /// - Returns: false if the bytes are not required and too few are left.
    mutating func spend(_ count: Int, atUs timeUs: Int64, isRequired: Bool) -> Bool {
        left = min(left + Int(max(0, timeUs - filledUs)) * bytesPerSecond / 1_000_000, most)
        filledUs = max(filledUs, timeUs)
        guard isRequired || left >= count else { return false }
        left -= count
        return true
    }
}
