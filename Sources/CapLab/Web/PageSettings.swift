/// How the page is served, and what it shows.
struct PageSettings: Sendable {
    var address: PageAddress
    var isReadOnly = false
    var commands = ShownCommands()
    /// True if the events include the messages between services and replicas.
    var hasMessages = true
    var firstKey = LabPage.firstKey
    /// The lab's deliberate bug, which the page names; nil if there is none.
    var bug: LabBug?
}

/// Where the page is served.
struct PageAddress: Sendable {
    /// The address on which the server listens.
    var host = "127.0.0.1"
    var port: UInt16
    /// The port on loopback at which readers open the page, if it differs from ``port``. It differs for a page in a
    /// container.
    var publishedPort: UInt16?
}

/// The commands that the page shows for its reader to type.
struct ShownCommands: Sendable {
    /// Which commands a read-only page shows in place of buttons. The raw value appears in the event `hello`.
    enum Tool: String, CaseIterable, Sendable {
        case caplab, compose
    }

    var tool = Tool.caplab
    /// How `caplab` is called.
    var program = "caplab"
    /// The options that follow each command so that it finds its lab, with a leading space.
    var options = ""
}
