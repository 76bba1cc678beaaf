import HTTP
import Replication
import Testing

@testable import Service

@Suite(.timeLimit(.minutes(20))) struct FailureProblemTests {
    @Test(arguments: [
        (StoreFailure.Code.noQuorum, 503), (.noReplica, 503), (.replicasBlank, 503), (.rebuilding, 503),
        (.insufficientAcks, 503), (.overloaded, 503), (.badReply, 503), (.replicaFull, 503), (.timeout, 504),
        (.preconditionFailed, 412), (.tooStale, 412), (.tooManySiblings, 409), (.badContext, 400),
    ])
    func aFailureIsAProblemWithCodeAndOutcome(_ code: StoreFailure.Code, _ status: Int) throws {
        let response = Problem(StoreFailure(code, "why", outcome: .unknown)).response
        let members = try response.members
        #expect(response.status == status)
        #expect(response.contentType == "application/problem+json")
        #expect(text(members["status"]) == "\(status)")
        #expect(text(members["title"]) == Response.reason(status))
        #expect(text(members["code"]) == code.rawValue)
        #expect(text(members["detail"]) == "why")
        #expect(text(members["outcome"]) == "unknown")
        // Only errors of the service (5xx) have `Retry-After`, because a retry may succeed.
        #expect((response.header("Retry-After") != nil) == (status >= 500))
    }

    @Test func aFailedReadHasNoOutcome() throws {
        #expect(try Problem(StoreFailure(.noQuorum, "why")).response.members["outcome"] == nil)
    }
}
