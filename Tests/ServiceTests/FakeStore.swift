import EventLoop
import Foundation
import HTTP
import Replication
import Testing

@testable import Service

/// A store that notes what it is asked and answers what the test says.
final class FakeStore: ReplicatedStore {
    var onRead: (ReadRequest) throws(StoreFailure) -> ReadResult = { _ in
        ReadResult(value: Bytes("v".utf8), version: .counter(7), stalenessMs: 0, isStale: false)
    }
    var onChange: (ChangeRequest) throws(StoreFailure) -> ChangeResult = { _ in
        ChangeResult(version: .counter(8), replicasAcked: 2, existed: true)
    }
    private(set) var reads: [ReadRequest] = []
    private(set) var changes: [ChangeRequest] = []

    func read(_ request: ReadRequest) async throws(StoreFailure) -> ReadResult {
        reads.append(request)
        return try onRead(request)
    }

    func change(_ request: ChangeRequest) async throws(StoreFailure) -> ChangeResult {
        changes.append(request)
        return try onChange(request)
    }
}

/// The key-value endpoints of one service before a ``FakeStore``, without sockets.
final class Endpoints {
    let store = FakeStore()
    private(set) var notes: [(change: ChangeRequest, failure: StoreFailure?)] = []
    private(set) var refusals: [StoreFailure.Code] = []
    private let router = Router()
    static let maxValueBytes = 1_000

    init(_ mode: ServiceMode = .cp, _ further: [String: String] = [:]) throws {
        let common = ["MAX_VALUE_BYTES": "\(Self.maxValueBytes)", "NETWORK_TIMEOUT_SEC": "2"]
        let settings = try serviceSettings(mode, common.merging(further) { $1 })
        KeyValueEndpoints(
            settings: settings, store: store,
            onRefusal: { [unowned self] in refusals.append($0) },
            onChange: { [unowned self] in notes.append(($0, $1)) }
        ).addRoutes(to: router)
    }

    func ask(_ method: HTTP.Method, _ target: String, headers: [String: String] = [:], body: Bytes = []) async
        -> Response
    {
        await router.respond(
            to: Request(
                method: method, target: target, headers: headers.map { Header($0, $1) }, body: body,
                receivedNs: 5_000_000_000))
    }

    func maxBodyBytes(_ method: HTTP.Method, _ target: String) -> Int {
        router.maxBodyBytes(for: Request(method: method, target: target))
    }
}

extension Response {
    /// The members of a JSON object.
    var members: [String: any Sendable] {
        get throws {
            try #require(JSONSerialization.jsonObject(with: Data(body)) as? [String: any Sendable])
        }
    }

    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// One member of a JSON object as text, whatever its kind; nil where it is absent.
func text(_ member: (any Sendable)?) -> String? { member.map { "\($0)" } }
