/// Receives the events of the lab page. An event has a name such as `state`, and one line of JSON.
protocol EventSink: AnyObject {
    func publish(_ name: StaticString, _ json: [UInt8])
}
