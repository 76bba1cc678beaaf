import Replication

/// Why a connection to a replica failed, or why the circuit breaker counted a failure.
public struct LinkFailure: Sendable, Equatable {
    public enum Cause: Sendable {
        /// No reply: a partition, a stuck process, a lost connection.
        case unreachable
        /// Nothing listens at the address: the process is down.
        case connectionRefused
        /// The replica replies, but this service cannot use it.
        case rejected
    }

    public let cause: Cause
    /// The reason in words for clients. Omits the server's error text, which may name users, commands and scripts.
    public let summary: String
    /// The reason in words for the log, with the server's error text.
    public let text: String

    /// - Parameter reason: the error text of hiredis or of the link.
    init(_ reason: String) {
        cause = reason == "Connection refused" ? .connectionRefused : .unreachable
        (summary, text) = (reason, reason)
    }

    /// The replica cannot be reached by TLS. `reason` is the error text of OpenSSL, which names no secrets.
    init(tls reason: String) { self.init(rejected: reason) }

    /// The replica replied to `command` with an error.
    init(_ command: String, rejectedWith error: ServerError) {
        cause = .rejected
        summary = "it rejected \(command): \(error.summary)"
        text = "it rejected \(command): \(error.text)"
    }

    private init(rejected summary: String) {
        cause = .rejected
        (self.summary, text) = (summary, summary)
    }

    /// The engine did not admit the replica. The engine reports the reason itself.
    static let notAdmitted = LinkFailure(rejected: "it was not admitted")
}
