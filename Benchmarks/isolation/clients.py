"""Clients of one node each, with a deadline for every request: app-cp, app-ap and etcd. All three speak HTTP.

Every client has the same methods. `put` stores a number without a condition. `read` returns the number and an opaque
version. `put_if` stores a number if the version is still the current one, and returns whether it did.
"""

import base64
import json
import re
import socket
import time


class Unserved(Exception):
    """A request that did not succeed. `code` is the reason; `may_be_applied`: the change may still take effect."""

    def __init__(self, code, may_be_applied=True):
        super().__init__(code)
        self.code, self.may_be_applied = code, may_be_applied


class Refused(Unserved):
    """The node answered with an error, or closed or refused the connection."""


class Unanswered(Unserved):
    """The deadline passed without an answer."""

    def __init__(self):
        super().__init__("no answer")


class Wire:
    """One connection that is opened when needed, and closed after every failure."""

    def __init__(self, port):
        self.port = port
        self.socket = None
        self.received = b""

    def exchange(self, deadline, steps, opening=None):
        """Runs `steps` on the connection, and before it `opening` if the connection is new."""
        try:
            if self.socket is None:
                self.socket = socket.create_connection(("127.0.0.1", self.port), remaining_s(deadline))
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.received = b""
                if opening:
                    opening(deadline)
            return steps(deadline)
        except TimeoutError as error:
            self.close()
            raise Unanswered from error
        except ConnectionRefusedError as error:
            self.close()
            raise Refused("connection refused", may_be_applied=False) from error
        except OSError as error:
            self.close()
            raise Refused("connection closed") from error

    def send(self, data, deadline):
        self.socket.settimeout(remaining_s(deadline))
        self.socket.sendall(data)

    def receive_until(self, is_complete, deadline):
        """Receives until `is_complete` returns the length of the first message. Returns the message."""
        while not (length := is_complete(self.received)):
            self.socket.settimeout(remaining_s(deadline))
            piece = self.socket.recv(1 << 16)
            if not piece:
                raise ConnectionResetError("closed by the node")
            self.received += piece
        message, self.received = self.received[:length], self.received[length:]
        return message

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None


def remaining_s(deadline):
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def http_length(received):
    """The length of the complete answer at the beginning of `received`, or 0."""
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return 0
    start = len(head) + 4
    if is_chunked(head):
        # etcd sends its errors in chunks. The last chunk is empty, and trailers may follow it (RFC 9112, section 7.1).
        end = re.search(rb"(?:^|\r\n)0\r\n(?:[^\r\n]+\r\n)*\r\n", body)
        return start + end.end() if end else 0
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    total = start + (int(length[1]) if length else 0)
    return total if len(received) >= total else 0


def is_chunked(head):
    return re.search(rb"\r\ntransfer-encoding: *chunked", head, re.IGNORECASE) is not None


def unchunked(body):
    """The content of a complete chunked body."""
    content = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if not length:
            return content
        content, body = content + body[:length], body[length + 2:]


class HttpClient:
    def __init__(self, port, key):
        self.wire, self.key = Wire(port), key

    def request(self, method, path, deadline, body=b"", headers=()):
        """The status and the JSON of the answer."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers, "", ""]

        def steps(deadline):
            self.wire.send("\r\n".join(lines).encode() + body, deadline)
            return self.wire.receive_until(http_length, deadline)

        head, _, content = self.wire.exchange(deadline, steps).partition(b"\r\n\r\n")
        if b"connection: close" in head.lower():
            self.wire.close()
        try:
            return int(head.split(b" ", 2)[1]), json.loads(unchunked(content) if is_chunked(head) else content)
        except ValueError as error:
            # The end of the answer is unknown, so the connection is not used again.
            self.wire.close()
            raise Refused("not JSON") from error

    def close(self):
        self.wire.close()


class AppClient(HttpClient):
    """app-cp or app-ap. In app-ap, `put_if` always succeeds: it sends the version that was read as the context."""

    def __init__(self, port, key, is_consistent):
        super().__init__(port, key)
        self.is_consistent = is_consistent

    def put(self, number, deadline):
        self._write(number, deadline, [], [200])

    def read(self, deadline):
        status, answer = self.request("GET", f"/read/{self.key}", deadline)
        if status == 404:
            return 0, None
        if status != 200:
            raise Refused(answer.get("code", str(status)), may_be_applied=False)
        values = answer.get("conflicts") or [answer["value"]]
        return max(int(value) for value in values if value is not None), answer["version"]

    def put_if(self, number, version, deadline):
        if not self.is_consistent:
            headers = [f"X-Context: {version}"] if version else []
        else:
            headers = [f'If-Match: "{version}"' if version is not None else "If-None-Match: *"]
        return self._write(number, deadline, headers, [200, 412]) == 200

    def _write(self, number, deadline, headers, expected):
        status, answer = self.request("POST", f"/write/{self.key}/{number}", deadline, headers=headers)
        if status not in expected:
            raise Refused(answer.get("code", str(status)), answer.get("outcome") != "not_applied")
        return status


class EtcdClient(HttpClient):
    """etcd by the JSON form of its API version 3. Reads are linearizable, which is the default."""

    def put(self, number, deadline):
        self._call("put", {"key": text(self.key), "value": text(number)}, deadline)

    def read(self, deadline):
        pairs = self._call("range", {"key": text(self.key)}, deadline).get("kvs")
        if not pairs:
            return 0, "0"
        return int(base64.b64decode(pairs[0]["value"])), pairs[0]["mod_revision"]

    def put_if(self, number, version, deadline):
        condition = {"key": text(self.key), "target": "MOD", "result": "EQUAL", "mod_revision": version}
        change = {"request_put": {"key": text(self.key), "value": text(number)}}
        answer = self._call("txn", {"compare": [condition], "success": [change]}, deadline)
        return answer.get("succeeded", False)

    def _call(self, name, arguments, deadline):
        status, answer = self.request("POST", f"/v3/kv/{name}", deadline, json.dumps(arguments).encode())
        if status != 200:
            raise Refused(answer.get("error", str(status)).removeprefix("etcdserver: "))
        return answer


def text(value):
    return base64.b64encode(str(value).encode()).decode()
