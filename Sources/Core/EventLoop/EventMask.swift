import CLinux

/// The epoll bits that handlers use, so that they need not import the system header.
public enum EventMask {
    public static let readable: UInt32 = EPOLLIN.rawValue
    public static let writable: UInt32 = EPOLLOUT.rawValue
    public static let hangup: UInt32 = EPOLLHUP.rawValue
    public static let error: UInt32 = EPOLLERR.rawValue
}
