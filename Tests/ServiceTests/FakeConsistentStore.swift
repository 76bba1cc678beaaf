import Consistent
import Replication

@testable import AppCP
@testable import Service

final class FakeConsistentStore: FakeStore, ConsistentStore {
    static let mode = ServiceMode.cp
    var onRead: (ReadRequest) throws(StoreFailure) -> ReadResult = { _ in
        ReadResult(value: Bytes("v".utf8), version: 7)
    }
    var onChange: (ChangeRequest) throws(StoreFailure) -> ChangeResult = { _ in
        .applied(version: 8, replicasAcked: 2)
    }
    var beforeChange: (() async -> Void)?
    private(set) var reads: [ReadRequest] = []
    private(set) var changes: [ChangeRequest] = []

    var handler: any KeyValueHandler { ConsistentKeyValue(store: self) }
    var readCount: Int { reads.count }
    var changeCount: Int { changes.count }

    func read(_ request: ReadRequest) async throws(StoreFailure) -> ReadResult {
        reads.append(request)
        return try onRead(request)
    }

    func change(_ request: ChangeRequest) async throws(StoreFailure) -> ChangeResult {
        changes.append(request)
        await beforeChange?()
        return try onChange(request)
    }
}
