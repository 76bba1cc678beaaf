import Glibc

/// Whether the process was started with this signal ignored, as nohup(1) does with SIGHUP and a shell with the SIGINT
/// of a background command (POSIX.1-2024, Shell & Utilities 2.12). Such a signal must stay ignored: a handler would end
/// a program that its user wants to survive the terminal. To be called before a handler is installed.
public func isInheritedAsIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
}
