import EventLoop

/// Both directions of a relayed connection.
struct ChannelPair {
    var toReplica = Channel()
    var toService = Channel()

    var bufferedBytes: Int { toReplica.bufferedBytes + toService.bufferedBytes }
    /// True if, in both directions, the end was forwarded or there is no longer a receiver.
    var areDone: Bool { toReplica.isDone && toService.isDone }

    mutating func apply(_ fault: LinkFault) {
        for direction in [Directions.toReplica, .toService] {
            with(direction) {
                $0.isHeld = fault.holds(direction)
                $0.delayNs = UInt64(fault.delayMs(direction)) * nsPerMs
            }
        }
    }

    /// Changes one direction in place. A subscript would copy its buffered bytes.
    mutating func with<Result>(_ direction: Directions, _ body: (inout Channel) -> Result) -> Result {
        direction == .toReplica ? body(&toReplica) : body(&toService)
    }
}
