import EventLoop
import Replication

/// One Redis server: runs commands in the order of their arrival, and replies when they are on its disk.
///
/// As Redis does, it processes all commands that have arrived as one batch: run, `fsync`, then reply.
public final class SimulatedReplica {
    public let index: Int
    let world: World
    private let lua: LuaHost
    private(set) var redis: MemoryRedis
    private(set) var loaded: Set<String> = []

    public private(set) var isRunning = true
    /// As `SIGSTOP`: commands wait in the sockets.
    public private(set) var isPaused = false
    /// Rises with each start: a connection belongs to one run of the server.
    private(set) var run: UInt64 = 0
    /// Offset of its clock from the world's, in microseconds; may jump.
    public var clockSkewUs: Int64 = 0 {
        didSet { noteSetBack(byUs: oldValue - clockSkewUs) }
    }
    /// Times at which its clock was set back by so little that no script may detect it, and by how many microseconds.
    private(set) var setBacks: [(atNs: UInt64, byUs: Int64)] = []
    /// By how much its clock was set back since a script last read it, and how much of that is in `setBacks`.
    private var unseenBack: (byUs: Int64, listedUs: Int64) = (0, 0)
    /// Rises whenever it may have lost the effect of a command that it had run.
    private(set) var losses = 0
    /// Rises whenever it may have lost the effect of a command that it had replied to.
    private(set) var diskLosses = 0
    /// Informed before and after every script.
    weak var watcher: (any ScriptWatcher)?
    public var fsyncMeanUs = SimulatedReplica.usualFsyncMeanUs
    static let usualFsyncMeanUs: UInt64 = 100
    /// Replies wait for the disk (`appendfsync always`); otherwise it is written once per second.
    public var isSyncAlways: Bool

    struct Message {
        let commands: [WireCommand]
        let reply: ([Reply]) -> Void
    }
    /// Informed when a run of the server ends, as by the kernel.
    private var watchers: [WeakLink] = []
    private struct WeakLink {
        weak var link: SimulatedLink?
    }
    private var inbox: [Message] = []
    private var isBusy = false

    init(index: Int, world: World, lua: LuaHost, isSyncAlways: Bool) {
        self.index = index
        self.world = world
        self.lua = lua
        self.isSyncAlways = isSyncAlways
        redis = MemoryRedis(runId: [])
        newRun()
        syncEachSecond()
    }

    private func newRun() {
        run += 1
        loaded.removeAll()
        redis.runId = Bytes(hexadecimal: world.random.next())
        redis.nowUs = { [unowned self] in
            SimulatedProcess.epochMs * 1_000 + Int64(world.nowNs / 1_000) + clockSkewUs
        }
    }

    private func syncEachSecond() {
        world.after(1_000 * nsPerMs) { [weak self] in
            guard let self else { return }
            if !isSyncAlways, isRunning, !isPaused { redis.sync() }
            syncEachSecond()
        }
    }

    /// Scripts compare the clock with the last one that they stored in `cap:clock`. Within 1.5 s the clock may pass it
    /// again before the next script reads it, or be set forward again.
    private func noteSetBack(byUs: Int64) {
        var seenUs: Int64 = 0
        if case .string(let text)? = redis.value(Bytes("cap:clock".utf8)) { seenUs = Int64(decimal: text) ?? 0 }
        let nowUs = redis.nowUs()
        let isUnseen = seenUs > nowUs + byUs
        if !isUnseen { unseenBack = (0, 0) }
        unseenBack.byUs = max(0, unseenBack.byUs + byUs)
        let moreUs = unseenBack.byUs - unseenBack.listedUs
        guard moreUs > 0, seenUs - nowUs < 1_500_000 else { return }
        setBacks.append((world.nowNs, moreUs))
        unseenBack.listedUs += moreUs
    }

    // MARK: Commands

    func receive(_ message: Message) {
        guard isRunning else { return }
        inbox.append(message)
        takeInbox()
    }

    private func takeInbox() {
        guard isRunning, !isPaused, !isBusy, !inbox.isEmpty else { return }
        isBusy = true
        let batch = inbox
        inbox.removeAll()
        let replies = batch.map { message in message.commands.map { answer($0) } }
        let run = run
        let delayNs = isSyncAlways ? world.random.exponentialNs(meanUs: fsyncMeanUs) : world.random.ns(us: 5...20)
        world.after(delayNs) { [self] in
            finish(batch, replies, run: run)
        }
    }

    private func finish(_ batch: [Message], _ replies: [[Reply]], run: UInt64) {
        guard run == self.run, isRunning else { return }
        guard !isPaused else {
            // It was stopped between the command and the reply.
            world.after(5 * nsPerMs) { [self] in finish(batch, replies, run: run) }
            return
        }
        if isSyncAlways { redis.sync() }
        isBusy = false
        for (message, replies) in zip(batch, replies) { message.reply(replies) }
        takeInbox()
    }

    private func answer(_ command: WireCommand) -> Reply {
        switch command {
        case .plain(let arguments): return redis.run(arguments)
        case .load(let script):
            loaded.insert(script.name)
            return .status("OK")
        case .script(let script, let keys, let arguments):
            guard loaded.contains(script.name) else { return .error("NOSCRIPT No matching script. Please use EVAL.") }
            watcher?.willRun(script, keys: keys, on: self)
            let reply = lua.run(script.source, keys: keys, arguments: arguments, on: redis)
            watcher?.didRun(script, keys: keys, arguments: arguments, reply: reply, on: self)
            return reply
        }
    }

    /// For reports.
    var summary: String {
        "g\(index + 1)\(isRunning ? "" : " stopped")\(isPaused ? " paused" : "")\(isBusy ? " busy" : "") inbox \(inbox.count)"
    }

    // MARK: Faults

    public func pause() { isPaused = true }

    public func resume() {
        isPaused = false
        takeInbox()
    }

    /// `kill -9`: loses what is not on the disk.
    public func crash() {
        guard isRunning else { return }
        isRunning = false
        isPaused = false
        isBusy = false
        inbox.removeAll()
        losses += 1
        if !isSyncAlways { diskLosses += 1 }
        redis.loseUnsynced()
        watchers.removeAll { $0.link == nil }
        for watcher in watchers { watcher.link?.serverDidEnd(run: run) }
    }

    func addWatcher(_ link: SimulatedLink) { watchers.append(WeakLink(link: link)) }

    public func start() {
        guard !isRunning else { return }
        isRunning = true
        newRun()
    }

    /// `SCRIPT FLUSH`.
    public func flushScripts() { loaded.removeAll() }

    /// `FLUSHALL` by an operator.
    public func wipe() {
        noteDiskLoss()
        redis.wipe()
        redis.sync()
    }

    /// Replaces it by a blank server.
    public func replace() {
        noteDiskLoss()
        crash()
        redis.wipe()
        redis.sync()
        start()
    }

    private func noteDiskLoss() {
        losses += 1
        diskLosses += 1
    }

    var dump: MemoryRedis { redis.dump }

    /// Sets it back to an old dump while it runs: a machine that returns to a snapshot of its memory.
    func setBack(to dump: MemoryRedis) {
        noteDiskLoss()
        redis.restore(dump)
    }

    /// Stops it, restores an old dump, and starts it.
    func restore(_ dump: MemoryRedis) {
        noteDiskLoss()
        crash()
        redis.restore(dump)
        start()
    }
}

/// Informed while a replica runs scripts.
protocol ScriptWatcher: AnyObject {
    func willRun(_ script: Script, keys: [Bytes], on replica: SimulatedReplica)
    func didRun(_ script: Script, keys: [Bytes], arguments: [Bytes], reply: Reply, on replica: SimulatedReplica)
}

/// One command to a server.
enum WireCommand {
    case plain([Bytes])
    case script(Script, keys: [Bytes], arguments: [Bytes])
    case load(Script)

    /// About its size on the wire; scripts are loaded once per connection and count nothing.
    var byteCount: Int {
        switch self {
        case .plain(let arguments): arguments.reduce(0) { $0 + $1.count }
        case .script(_, let keys, let arguments): (keys + arguments).reduce(0) { $0 + $1.count }
        case .load: 0
        }
    }
}

extension Reply {
    var byteCount: Int {
        switch self {
        case .bulk(let bytes): bytes.count
        case .array(let elements): elements.reduce(0) { $0 + $1.byteCount }
        default: 8
        }
    }
}
