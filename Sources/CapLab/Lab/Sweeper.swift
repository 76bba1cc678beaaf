import FoundationEssentials
import Glibc

/// What is left to clean up if the lab should die without a word (SIGKILL, out of memory).
///
/// The lab starts this program once more as a sweeper, at the other end of a pipe, in a process group of its own. Every child
/// writes its own line into that pipe before it turns into the program it is to run (see ``Launcher``), so that there is
/// no moment in which a child exists that the sweeper does not know. When the pipe closes without `done`, the sweeper
/// kills what is listed and removes what is listed. A process is known by pid and start time, as pids are used again.
struct SweepList: Equatable {
    struct Process: Hashable {
        let pid: pid_t
        /// Clock ticks since boot, field 22 of `/proc/<pid>/stat`.
        let startTicks: UInt64
    }

    private(set) var processes: Set<Process> = []
    private(set) var paths: [String] = []
    private(set) var runDirectory: String?
    private(set) var isDone = false

    enum Message: Equatable {
        case child(Process)
        case gone(pid_t)
        /// A directory, with all that is in it.
        case path(String)
        /// The run directory: socket and lock, and itself if nothing else is in it.
        case run(String)
        case done

        /// Shorter than PIPE_BUF (4096), so that lines of several writers never mix.
        var line: String {
            switch self {
            case .child(let process): "child \(process.pid) \(process.startTicks)\n"
            case .gone(let pid): "gone \(pid)\n"
            case .path(let path): "path \(path)\n"
            case .run(let path): "run \(path)\n"
            case .done: "done\n"
            }
        }

        init?(_ line: Substring) {
            let words = line.split(separator: " ", maxSplits: 1)
            switch (words.first, words.count) {
            case ("child", 2):
                let numbers = words[1].split(separator: " ")
                guard numbers.count == 2, let pid = pid_t(numbers[0]), pid > 1, let ticks = UInt64(numbers[1]) else {
                    return nil
                }
                self = .child(Process(pid: pid, startTicks: ticks))
            case ("gone", 2):
                guard let pid = pid_t(words[1]) else { return nil }
                self = .gone(pid)
            case ("path", 2):
                guard words[1].hasPrefix("/"), words[1].count > 1 else { return nil }
                self = .path(String(words[1]))
            case ("run", 2):
                guard words[1].hasPrefix("/") else { return nil }
                self = .run(String(words[1]))
            case ("done", 1): self = .done
            default: return nil
            }
        }
    }

    mutating func apply(_ message: Message) {
        switch message {
        case .child(let process): processes.insert(process)
        case .gone(let pid): processes = processes.filter { $0.pid != pid }
        case .path(let path): paths.append(path)
        case .run(let path): runDirectory = path
        case .done: isDone = true
        }
    }
}

enum Sweeper {
    /// Runs until the lab's end of the pipe (standard input) is closed.
    static func run() {
        for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { signal(number, SIG_IGN) }
        var list = SweepList()
        while let line = readLine() {
            if let message = SweepList.Message(line[...]) { list.apply(message) }
        }
        if !list.isDone { sweep(list) }
    }

    static func sweep(_ list: SweepList) {
        let alive = list.processes.filter { startTicks(of: $0.pid) == $0.startTicks }
        for process in alive { kill(process.pid, SIGKILL) }
        // Five seconds at most: a process in the middle of a slow disk write takes a moment to die.
        for _ in 0..<500 where alive.contains(where: { startTicks(of: $0.pid) == $0.startTicks }) { usleep(10_000) }
        for path in list.paths { try? FileManager.default.removeItem(atPath: path) }
        // Under the lock, or not at all: a new lab may be there already.
        if let path = list.runDirectory, let lock = try? RunDirectory(path: path).lock() {
            RunDirectory(path: path).remove()
            RunDirectory.unlock(lock)
        }
    }

    /// - Returns: nil where there is no such process, or only its zombie.
    static func startTicks(of pid: pid_t) -> UInt64? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return nil }
        return startTicks(fromStat: text)
    }

    /// The name in parentheses may hold anything, so fields are counted after the last `)`.
    static func startTicks(fromStat text: String) -> UInt64? {
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return UInt64(fields[19])
    }
}
