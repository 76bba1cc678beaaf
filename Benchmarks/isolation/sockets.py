"""Asks the kernel about sockets: whether a program listens at an address, and which process has a connection."""

import errno
import os
import socket
import struct

# netlink(7) and sock_diag(7): the message headers and numbers of linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h.
NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1
NLMSG_ERROR = 2
TCP_LISTEN = 10
ALL_STATES = 0xFFFFFFFF
NO_COOKIE = 0xFFFFFFFF
HEADER = struct.Struct("=IHHII")
ANSWER_LIMIT_S = 1
ANSWER_BYTES = 8_192


class ListeningSockets:
    """Asks the kernel whether a program listens at an address.

    One question takes about 10 us. Reading /proc/net/tcp takes milliseconds on a machine with many connections, which
    is too slow to repeat it every 20 ms.
    """

    def __init__(self):
        self.channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
        # The kernel answers at once; the limit only prevents an endless wait.
        self.channel.settimeout(ANSWER_LIMIT_S)

    def has(self, host, port):
        """Whether a connect to this IPv4 address would be accepted. A socket on all addresses counts, too."""
        address = struct.pack("!HH4s28x", port, 0, socket.inet_aton(host)) + struct.pack("=3I", 0, NO_COOKIE, NO_COOKIE)
        question = struct.pack("=4BI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, ALL_STATES) + address
        length = HEADER.size + len(question)
        self.channel.send(HEADER.pack(length, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 0, 0) + question)
        answer = self.channel.recv(ANSWER_BYTES)
        if HEADER.unpack_from(answer)[1] != NLMSG_ERROR:
            return answer[HEADER.size + 1] == TCP_LISTEN
        code = -struct.unpack_from("=i", answer, HEADER.size)[0]
        if code != errno.ENOENT:
            raise OSError(code, f"sock_diag: {os.strerror(code)}")
        return False


def node_of(port, listen, pids):
    """The index of the process that opened the connection from local `port` to the address `listen`, or None."""
    names = {name for name, local, remote in connections() if (local[1], remote) == (port, listen)}
    return next((node for node, pid in enumerate(pids) if names & sockets_of(pid)), None)


def connections():
    """Socket name, local and remote address of all TCP connections over IPv4 (proc(5), net/tcp)."""
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(path) as file:
            for row in map(str.split, file.readlines()[1:]):
                yield f"socket:[{row[9]}]", address_of(row[1]), address_of(row[2])


def address_of(text):
    """Host and port. An IPv4 address is in the last eight digits, as a number in the order of this machine."""
    host, _, port = text.rpartition(":")
    return socket.inet_ntoa(struct.pack("=I", int(host[-8:], 16))), int(port, 16)


def sockets_of(pid):
    """The names of the open sockets of a process."""
    names = set()
    try:
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            names.add(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    except OSError:
        # The process, or one of its files, was closed meanwhile.
        pass
    return names


def direct_connections(pids, addresses):
    """Pairs of nodes with a connection that no relay can cut. `addresses` are those at which each node listens."""
    opened = list(connections())
    for source, pid in enumerate(pids):
        names = sockets_of(pid)
        remote = {address for name, _, address in opened if name in names}
        yield from (
            (source, target) for target, own in enumerate(addresses) if target != source and remote & set(own))
