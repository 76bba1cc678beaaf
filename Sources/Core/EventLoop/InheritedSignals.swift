import Glibc

/// True if the process was started with this signal ignored. The command nohup(1) starts a program with SIGHUP ignored,
/// and a shell starts a background command with SIGINT ignored (POSIX.1-2024, Shell & Utilities 2.12). Then the signal
/// must stay ignored, because a handler would end a program that is meant to survive the signal. Call this function
/// before you install a handler.
public func isInheritedAsIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
}
