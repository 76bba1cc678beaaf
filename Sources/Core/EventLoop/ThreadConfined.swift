/// Carries a value that is not `Sendable` into a closure that must be, where both run on the same thread.
struct ThreadConfined<Value>: @unchecked Sendable {
    // Safe because only `Reactor.spawn` makes one: it checks that it is on the reactor's thread, the task starts there
    // (`Task.immediate`), and its executor preference keeps it there.
    let value: Value

    init(_ value: Value) { self.value = value }
}
