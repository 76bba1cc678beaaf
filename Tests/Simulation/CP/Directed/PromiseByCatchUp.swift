extension Stage {
    /// A replica may have an accept from the background work before its author's own one comes (rules C2, C11). It answers
    /// OK to that, and must then have promised the author's next ballot as well: the author will use it without asking.
    ///
    /// The accept of `first` reaches `a` alone, and `b` and `c` get that state from elsewhere before it comes. `second`,
    /// with the ballot right above, reaches `b` alone, and `c` gets its state from elsewhere before it comes. Then `first`
    /// writes again, at `a` and `c`: what `second` wrote must not be lost.
    func promiseByCatchUp() async throws(Missed) {
        let first = try await instance(busyWith: 1)
        let second = try await instance(busyWith: 1)
        let reader = try await instance()

        hold(first, to: c)
        let one = begin(.write("one"), at: first)
        try await until("b has promised") { field("promise", at: b) != nil }
        hold(first, to: b)
        try await until("a has accepted") { field("value", at: a) == "one" }
        try await backgroundWorkReaches(b, c)
        join(first, to: b, c)
        try await until("first has its answer") { one.isAnswered }

        hold(second, to: a)
        await pass(ms: 20)
        let old = field("promise", at: c)
        let two = begin(.write("two"), at: second)
        try await until("b and c have promised") {
            field("promise", at: c) != old && field("promise", at: b) == field("promise", at: c)
        }
        hold(second, to: c)
        try await until("b has accepted") { field("value", at: b) == "two" }
        try await backgroundWorkReaches(c)
        join(second, to: c)
        try await until("second has its answer") { two.isAnswered }

        hold(first, to: b)
        await ask(.write("three"), at: first)
        await ask(.read, at: reader)
    }

    private func backgroundWorkReaches(_ targets: Int...) async throws(Missed) {
        let before = targets.map { field("ballot", at: $0) }
        let keeper = try await instance(upkeep: .hasty)
        try await until("background work has reached them") {
            zip(targets, before).allSatisfy { field("ballot", at: $0) != $1 }
        }
        keeper.crash()
    }
}
