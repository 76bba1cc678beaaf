import EventLoop
import Replication

/// One Redis server. It runs commands in the order of their arrival.
///
/// Like Redis, it processes all commands that have arrived as one batch: it runs them, syncs the disk (with
/// `appendfsync always`), and then replies.
final class SimulatedReplica {
    let index: Int
    let name: String
    let world: World
    let redis = MemoryRedis(runId: [])
    let clock: SimulatedClock
    private let lua: LuaHost
    /// True if replies wait for the disk (`appendfsync always`). Otherwise the server syncs its disk once per second.
    private let isSyncAlways: Bool

    private(set) var isRunning = true
    /// True after `SIGSTOP`: commands wait in the sockets.
    private(set) var isPaused = false
    private var process = ServerProcess(run: 0)
    /// Rises whenever the server may have lost the effect of a command that it had run.
    private(set) var losses = 0
    /// Rises whenever the server may have lost the effect of a command to which it had replied.
    private(set) var diskLosses = 0
    var fsyncMeanUs = SimulatedReplica.usualFsyncMeanUs
    static let usualFsyncMeanUs: UInt64 = 100
    /// Called before and after each run of a script.
    weak var watcher: (any ScriptWatcher)?
    /// Alters every reply, as a hostile server would; nil for an honest one.
    var alterReply: ((Reply) -> Reply)?
    /// The links to inform when a run of the server ends, as its kernel would reset their connections.
    private var links: [WeakLink] = []

    struct Message {
        let commands: [WireCommand]
        let reply: ([Reply]) -> Void
    }

    /// One run of the server. All of this is lost when the run ends.
    private struct ServerProcess {
        let run: UInt64
        var loaded: Set<String> = []
        var inbox: [Message] = []
        var isBusy = false
    }

    private struct WeakLink {
        weak var link: SimulatedLink?
    }

    init(index: Int, name: String, world: World, lua: LuaHost, isSyncAlways: Bool) {
        self.index = index
        self.name = name
        self.world = world
        self.lua = lua
        self.isSyncAlways = isSyncAlways
        clock = SimulatedClock(world: world, redis: redis)
        redis.nowUs = { [clock] in clock.nowUs }
        newRun()
        syncEachSecond()
    }

    /// The replicas of a group, in the order of `REPLICAS`.
    static func group(
        _ names: [String] = ["g1", "g2", "g3"], in world: World, isSyncAlways: Bool = true
    ) -> [SimulatedReplica] {
        let lua = LuaHost()
        return names.enumerated().map {
            SimulatedReplica(index: $0, name: $1, world: world, lua: lua, isSyncAlways: isSyncAlways)
        }
    }

    /// The number of the server's current run. It rises with each start. A connection leads to one run of the server.
    var run: UInt64 { process.run }

    private func newRun() {
        process = ServerProcess(run: run + 1)
        redis.runId = Bytes(hexadecimal: world.random.next())
    }

    private func syncEachSecond() {
        world.after(1_000 * nsPerMs) { [weak self] in
            guard let self else { return }
            if !isSyncAlways, isRunning, !isPaused { redis.sync() }
            syncEachSecond()
        }
    }

    // MARK: Commands

    func receive(_ message: Message) {
        guard isRunning else { return }
        process.inbox.append(message)
        takeInbox()
    }

    private func takeInbox() {
        guard isRunning, !isPaused, !process.isBusy, !process.inbox.isEmpty else { return }
        process.isBusy = true
        let batch = process.inbox
        process.inbox.removeAll()
        let replies = batch.map { message in
            message.commands.map { command in
                let reply = answer(command)
                return alterReply.map { $0(reply) } ?? reply
            }
        }
        let run = run
        let delayNs = isSyncAlways ? world.random.exponentialNs(meanUs: fsyncMeanUs) : world.random.ns(us: 5...20)
        world.after(delayNs) { [self] in
            finish(batch, replies, run: run)
        }
    }

    private func finish(_ batch: [Message], _ replies: [[Reply]], run: UInt64) {
        guard run == self.run, isRunning else { return }
        guard !isPaused else {
            // The server was paused after it ran the command and before it replied.
            world.after(5 * nsPerMs) { [self] in finish(batch, replies, run: run) }
            return
        }
        if isSyncAlways { redis.sync() }
        process.isBusy = false
        for (message, replies) in zip(batch, replies) { message.reply(replies) }
        takeInbox()
    }

    private func answer(_ command: WireCommand) -> Reply {
        switch command {
        case .plain(let arguments):
            let needsMemory = MemoryRedis.needingMemory.contains(arguments.first?.text.uppercased() ?? "")
            return redis.isFull && needsMemory ? MemoryRedis.outOfMemory : redis.run(arguments)
        case .load(let script):
            process.loaded.insert(script.name)
            return .status("OK")
        case .script(let script, let keys, let arguments):
            guard process.loaded.contains(script.name) else {
                return .error("NOSCRIPT No matching script. Please use EVAL.")
            }
            watcher?.willRun(script, keys: keys, on: self)
            let reply = lua.run(script.source, keys: keys, arguments: arguments, on: redis)
            watcher?.didRun(script, keys: keys, arguments: arguments, reply: reply, on: self)
            return reply
        }
    }

    /// The state of the server, for reports.
    var summary: String {
        "\(name)\(isRunning ? "" : " stopped")\(isPaused ? " paused" : "")\(process.isBusy ? " busy" : "")"
            + " inbox \(process.inbox.count)"
    }

    // MARK: Faults

    func pause() { isPaused = true }

    func resume() {
        isPaused = false
        takeInbox()
    }

    /// Ends the process like `kill -9`. The server loses what is not on its disk.
    func crash() {
        guard isRunning else { return }
        isRunning = false
        isPaused = false
        process.inbox.removeAll()
        losses += 1
        if !isSyncAlways { diskLosses += 1 }
        redis.loseUnsynced()
        links.removeAll { $0.link == nil }
        for entry in links { entry.link?.serverDidEnd(run: run) }
    }

    func addLink(_ link: SimulatedLink) { links.append(WeakLink(link: link)) }

    func start() {
        guard !isRunning else { return }
        isRunning = true
        newRun()
    }

    /// Forgets all loaded scripts (`SCRIPT FLUSH`).
    func flushScripts() { process.loaded.removeAll() }

    /// Deletes all data, as an operator's `FLUSHALL` does.
    func wipe() {
        noteDiskLoss()
        redis.wipe()
        redis.sync()
    }

    /// Replaces the server with a blank one.
    func replace() {
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

    /// Rolls the server back to an old dump while it runs, like a machine that returns to a snapshot of its memory.
    func rollBack(to dump: MemoryRedis) {
        noteDiskLoss()
        redis.restore(dump)
    }

    /// Stops the server, restores an old dump, and starts the server.
    func restore(_ dump: MemoryRedis) {
        noteDiskLoss()
        crash()
        redis.restore(dump)
        start()
    }
}

/// Called before and after a replica runs a script.
protocol ScriptWatcher: AnyObject {
    func willRun(_ script: Script, keys: [Bytes], on replica: SimulatedReplica)
    func didRun(_ script: Script, keys: [Bytes], arguments: [Bytes], reply: Reply, on replica: SimulatedReplica)
}

/// One command that is sent to a server.
enum WireCommand {
    case plain([Bytes])
    case script(Script, keys: [Bytes], arguments: [Bytes])
    case load(Script)

    /// Approximate size on the wire, in bytes. The text of a script counts as 0, because a connection usually loads it
    /// only once.
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
