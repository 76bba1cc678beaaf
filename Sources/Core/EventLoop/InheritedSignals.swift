import Glibc

/// True if the process was started with this signal ignored. The program nohup(1) does this with SIGHUP, and a shell
/// with SIGINT for a background command (POSIX.1-2024, Shell & Utilities 2.12). Then the signal must stay ignored,
/// because a handler would end a program that is meant to survive the signal. Call this function before you install a
/// handler.
public func isInheritedAsIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
}
