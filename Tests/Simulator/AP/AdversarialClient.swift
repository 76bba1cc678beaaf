import Available
import EventLoop
import Replication

/// A client whose requests must always be rejected (rules A7, A9). Its tokens and contexts were changed, or were issued
/// by another group, for another key or for another use. Its required sessions cannot be met.
///
/// It draws from its own random generator, and a rejection takes no virtual time. So the history of the other clients
/// is the same with and without this client.
final class AdversarialClient {
    static let groupName = "sim"
    static let secret: GroupSecret = "secret of the simulation"

    private let world: World
    private let fail: (String) -> Void
    private var random: SplitMix64
    private let foreignGroups = ForeignGroup.all

    init(seed: UInt64, world: World, fail: @escaping (String) -> Void) {
        self.world = world
        self.fail = fail
        random = SplitMix64(seed: seed ^ 0x1A90_57E2)
    }

    /// Sends one bad request in a quarter of the calls. The request is made from the contexts and the session of an
    /// honest client, or from those of a foreign group.
    func mayTry(_ keyIndex: Int, _ contexts: [String?], _ session: SessionJudge, at instance: APInstance) async {
        guard random.isTrue(percent: 25) else { return }
        let key = Bytes("k\(keyIndex)".utf8)
        let own = contexts[keyIndex]
        switch random.below(4) {
        case 0:
            var required = SessionRequest()
            required.isRequired = true
            await expect(
                .sessionUnmet, key, required, context: nil, "a session that is required and has no token", instance)
        case 1:
            // The vector of this key did not fit into the token. A change that requires the session must not succeed.
            guard let key = session.unnoted else { return }
            var required = session.request
            required.isRequired = true
            await expectNoChange(.sessionUnmet, key, required, context: nil, "a session without room", instance)
        case 2:
            let foreign = foreignGroups[random.index(foreignGroups.count)]
            let forged = [
                (session.request.token.map { changed($0) }, "a changed token"),
                (foreign.token, "a token of another \(foreign.name)"), (own, "a context as a token"),
            ][random.index(3)]
            guard let token = forged.0 else { return }
            var request = SessionRequest()
            request.token = token
            await expect(.badToken, key, request, context: nil, forged.1, instance)
        default:
            let foreign = foreignGroups[random.index(foreignGroups.count)]
            let forged = [
                (own.map { changed($0) }, key, "a changed context"),
                (foreign.context, foreign.key, "a context of another \(foreign.name)"),
                (own, other(key), "a context of another key"),
                (session.request.token, key, "a token as a context"),
            ][random.index(4)]
            guard let context = forged.0 else { return }
            await expectNoChange(.badContext, forged.1, SessionRequest(), context: context, forged.2, instance)
        }
    }

    /// A different key of the same length.
    private func other(_ key: Bytes) -> Bytes {
        key.dropLast() + [key.last == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")]
    }

    /// `text` with one character changed.
    private func changed(_ text: String) -> String {
        var bytes = Bytes(text.utf8)
        guard !bytes.isEmpty else { return "A" }
        let index = random.index(bytes.count)
        bytes[index] = bytes[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        return bytes.text
    }

    // MARK: Requests

    private func expect(
        _ code: StoreFailure.Code, _ key: Bytes, _ session: SessionRequest, context: String?, _ name: String,
        _ instance: APInstance
    ) async {
        guard random.isTrue(percent: 50) else {
            await expectNoChange(code, key, session, context: context, name, instance)
            return
        }
        var request = ReadRequest(key: key, deadlineNs: world.nowNs + 1_000 * nsPerMs)
        request.session = session
        guard let answer = await instance.read(request) else { return }
        if case .failure(let failure) = answer, failure.code == code { return }
        fail("\(name) is accepted for a read of \(key.text)")
    }

    private func expectNoChange(
        _ code: StoreFailure.Code, _ key: Bytes, _ session: SessionRequest, context: String?, _ name: String,
        _ instance: APInstance
    ) async {
        var request = ChangeRequest(
            key: key, kind: .write(Bytes("adversarial".utf8)), deadlineNs: world.nowNs + 1_000 * nsPerMs)
        request.session = session
        request.context = context
        guard let answer = await instance.change(request) else { return }
        if case .failure(let failure) = answer, failure.code == code, failure.outcome == .notApplied { return }
        fail("\(name) is accepted for a change of \(key.text)")
    }
}

/// A context and a token of a group with another name or another secret. A separate engine in a separate world creates
/// them.
private struct ForeignGroup {
    let name: String
    let key = Bytes("k0".utf8)
    let context: String?
    let token: String?

    static let all = [
        ForeignGroup(name: "group", groupName: "other", secret: AdversarialClient.secret),
        ForeignGroup(name: "secret", groupName: AdversarialClient.groupName, secret: "secret of others"),
    ]

    private init(name: String, groupName: String, secret: GroupSecret) {
        self.name = name
        let world = World(seed: 1)
        let replicas = SimulatedReplica.group(in: world)
        let settings = AvailableSettings(groupName: groupName, secret: secret, nodeName: "other")
        let instance = APInstance(index: 0, world: world, replicas: replicas, near: [0, 1, 2], settings: settings)
        var result: ChangeResult?
        world.spawn { [key] in
            await world.sleep(500 * nsPerMs)
            let request = ChangeRequest(
                key: key, kind: .write(Bytes("v".utf8)), deadlineNs: world.nowNs + 1_000 * nsPerMs)
            result = try? await instance.engine.change(request)
        }
        world.run(limitNs: 5_000 * nsPerMs) { result != nil }
        instance.crash()
        context = result?.version
        token = result?.session.token
    }
}
