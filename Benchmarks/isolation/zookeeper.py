"""A minimal client of ZooKeeper's protocol: one session with one server, one request at a time.

Messages are a length of four bytes and then fields in the order of `zookeeper.jute` of the ZooKeeper sources. A new
connection opens a new session: opening one needs a majority of the servers, as a write does.
"""

import socket
import struct

from .clients import Refused, Wire

CREATE, GET_DATA, SET_DATA = 1, 4, 5
NODE_EXISTS, BAD_VERSION = -110, -103
ERRORS = {-4: "connection loss", -101: "no node", -112: "session expired", -118: "session moved"}
SESSION_TIMEOUT_MS = 10_000
ANY_VERSION = -1


class ZooKeeperClient:
    """One key, which is a node below the root."""

    def __init__(self, port, key):
        self.wire, self.path = Wire(port), string(f"/{key}")
        self.last_request = 0

    def create(self, deadline):
        """Creates the node if it does not exist."""
        anyone = struct.pack(">ii", 1, 31) + string("world") + string("anyone")
        self._call(CREATE, self.path + string("0") + anyone + struct.pack(">i", 0), deadline, [NODE_EXISTS])

    def put(self, number, deadline):
        self._set(number, ANY_VERSION, deadline)

    def read(self, deadline):
        """Reads the value at this server, which may be stale. Then `put_if` fails."""
        _, body = self._call(GET_DATA, self.path + b"\0", deadline)
        (length,) = struct.unpack_from(">i", body)
        # The version follows four numbers of eight bytes in the node's description.
        (version,) = struct.unpack_from(">i", body, 4 + length + 32)
        return int(body[4:4 + length]), version

    def put_if(self, number, version, deadline):
        return self._set(number, version, deadline) == 0

    def close(self):
        self.wire.close()

    def _set(self, number, version, deadline):
        return self._call(SET_DATA, self.path + string(number) + struct.pack(">i", version), deadline, [BAD_VERSION])[0]

    def _call(self, kind, arguments, deadline, expected=()):
        """The error code, which is 0 or one of `expected`, and the body of the answer."""

        def steps(deadline):
            self.last_request += 1
            self.wire.send(framed(struct.pack(">ii", self.last_request, kind) + arguments), deadline)
            return self.wire.receive_until(frame_length, deadline)

        answer = self.wire.exchange(deadline, steps, self._open_session)
        _, _, _, error = struct.unpack_from(">iiqi", answer)
        if error and error not in expected:
            self.wire.close()
            raise Refused(ERRORS.get(error, f"error {error}"))
        return error, answer[20:]

    def _open_session(self, deadline):
        password = struct.pack(">i", 16) + bytes(16)
        self.wire.send(framed(struct.pack(">iqiq", 0, 0, SESSION_TIMEOUT_MS, 0) + password + b"\0"), deadline)
        _, _, timeout_ms = struct.unpack_from(">iii", self.wire.receive_until(frame_length, deadline))
        if timeout_ms <= 0:
            raise ConnectionResetError("the server opened no session")


def is_leader(port):
    """Whether the server reports itself as the leader (command `srvr`); False if it does not answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"srvr")
            answer = b""
            while piece := connection.recv(1 << 12):
                answer += piece
        return b"Mode: leader" in answer
    except OSError:
        return False


def string(value):
    data = str(value).encode()
    return struct.pack(">i", len(data)) + data


def framed(message):
    return struct.pack(">i", len(message)) + message


def frame_length(received):
    """The length of the complete message at the beginning of `received`, or 0."""
    if len(received) < 4:
        return 0
    total = 4 + struct.unpack_from(">i", received)[0]
    return total if len(received) >= total else 0
