/// Carries a value that is not `Sendable` into a closure that must be, where both ends run on one and the same thread.
struct ThreadConfined<Value>: @unchecked Sendable {
    // Safe because only `Reactor.spawn` makes one: it checks that it is on the reactor's thread, the task starts there at
    // once (`Task.immediate`), and its executor preference keeps every later part of it there too.
    let value: Value

    init(_ value: Value) { self.value = value }
}
