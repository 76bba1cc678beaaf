/// How a page is served, and what it shows.
struct PageSettings: Sendable {
    /// The commands that a read-only page shows in place of buttons. The raw value is the word for the page.
    enum Commands: String, CaseIterable, Sendable {
        case caplab, compose
    }

    /// The address to listen on.
    var host = "127.0.0.1"
    var port: UInt16
    /// The port on loopback where readers open the page, if it differs from ``port``, as for a container.
    var publishedPort: UInt16?
    var isReadOnly = false
    var commands = Commands.caplab
    /// How `caplab` is called, and what follows each command so that it finds its lab; with a leading space.
    var program = "caplab"
    var options = ""
    /// The events have the messages between services and replicas.
    var hasMessages = true
    var firstKey = LabPage.firstKey
    /// The deliberate bug of the lab, which the page names.
    var bug: LabBug?
}
