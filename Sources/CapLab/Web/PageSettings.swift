/// How the page is served, and what it shows.
struct PageSettings: Sendable {
    /// Which commands a read-only page shows in place of buttons. The raw value is the word that the page uses.
    enum Commands: String, CaseIterable, Sendable {
        case caplab, compose
    }

    /// The address on which the server listens.
    var host = "127.0.0.1"
    var port: UInt16
    /// The port on loopback at which readers open the page, if it differs from ``port``. It does for a container.
    var publishedPort: UInt16?
    var isReadOnly = false
    var commands = Commands.caplab
    /// How `caplab` is called in the commands that the page shows.
    var program = "caplab"
    /// The options that follow each command so that it finds its lab, with a leading space.
    var options = ""
    /// True if the events include the messages between services and replicas.
    var hasMessages = true
    var firstKey = LabPage.firstKey
    /// The lab's deliberate bug, which the page names; nil if there is none.
    var bug: LabBug?
}
