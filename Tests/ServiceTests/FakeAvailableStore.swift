import Available
import Replication

@testable import AppAP
@testable import Service

final class FakeAvailableStore: FakeStore, AvailableStore {
    static let mode = ServiceMode.ap
    var onRead: (ReadRequest) throws(AvailableFailure) -> ReadResult = { _ in
        ReadResult(value: Bytes("v".utf8), version: "c7", stalenessMs: 0, isStale: false)
    }
    var onChange: (ChangeRequest) throws(AvailableFailure) -> ChangeResult = { _ in
        ChangeResult(version: "c8", replicasAcked: 1, existed: true)
    }
    private(set) var reads: [ReadRequest] = []
    private(set) var changes: [ChangeRequest] = []

    var handler: any KeyValueHandler { AvailableKeyValue(store: self) }
    var readCount: Int { reads.count }
    var changeCount: Int { changes.count }

    func read(_ request: ReadRequest) async throws(AvailableFailure) -> ReadResult {
        reads.append(request)
        return try onRead(request)
    }

    func change(_ request: ChangeRequest) async throws(AvailableFailure) -> ChangeResult {
        changes.append(request)
        return try onChange(request)
    }
}
