import Replication

/// Passes each request to the reactor that owns its key, so that the changes of one key queue up in one place and its
/// proposer's cached promise is of use (rule C4). Only where there is more than one reactor.
final class KeyOwnerStore: ReplicatedStore {
    private unowned let local: ServiceInstance
    private let peers: [ServiceInstance]

    init(local: ServiceInstance, peers: [ServiceInstance]) {
        self.local = local
        self.peers = peers
    }

    private func owner(of key: Bytes) -> ServiceInstance { peers[Int(key.fnv1a % UInt64(peers.count))] }

    func read(_ request: ReadRequest) async throws(StoreFailure) -> ReadResult {
        let owner = owner(of: request.key)
        if owner === local { return try await local.store.read(request) }
        return try await owner.perform { instance -> Result<ReadResult, StoreFailure> in
            do throws(StoreFailure) { return .success(try await instance.store.read(request)) } catch {
                return .failure(error)
            }
        }.get()
    }

    func change(_ request: ChangeRequest) async throws(StoreFailure) -> ChangeResult {
        let owner = owner(of: request.key)
        if owner === local { return try await local.store.change(request) }
        return try await owner.perform { instance -> Result<ChangeResult, StoreFailure> in
            do throws(StoreFailure) { return .success(try await instance.store.change(request)) } catch {
                return .failure(error)
            }
        }.get()
    }
}
