"""Clients of a soak test: well-behaved ones with values of all sizes, and hostile ones that stall."""

import asyncio
import collections
import contextlib

SMALL, LARGE = 16 << 10, 1 << 20
SIZES = [(0, 5), (10, 40), (1_000, 30), (SMALL, 15), (100_000, 6), (LARGE, 4)]
ANSWER_LIMIT_S = 20
# The keys of large values are few, because each of them may have several values at three replicas.
SMALL_KEYS, LARGE_KEYS = 200, 8


class Lost(Exception):
    """The connection ended before the answer."""


async def answer(reader):
    """The status of the next answer, whose body is read and dropped; also whether the connection stays open."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = 0
    for line in head.split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while length > 0:
        piece = await reader.read(min(length, 1 << 16))
        if not piece:
            raise Lost
        length -= len(piece)
    return int(head.split(b" ", 2)[1]), b"connection: close" not in head


class Load:
    """All clients of all services. `statuses` counts answers by kind (small, large) and status. Status 0: no answer."""

    def __init__(self, services, clients, stallers, random):
        self.services, self.random = services, random
        self.clients, self.stallers = clients, stallers
        self.statuses = collections.Counter()
        self.tasks = []

    def start(self):
        for address in self.services.values():
            for _ in range(self.clients):
                self.tasks.append(asyncio.create_task(self.client(address)))
            for number in range(self.stallers):
                self.tasks.append(asyncio.create_task(self.staller(address, number)))

    async def stop(self):
        left = set(self.tasks)
        while left:
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=1)
        self.tasks = []

    @contextlib.asynccontextmanager
    async def connection(self, address):
        host, port = address.rsplit(":", 1)
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    def request(self):
        """A request and its kind: "small" or "large"."""
        size = self.random.choices([size for size, _ in SIZES], [weight for _, weight in SIZES])[0]
        kind = "small" if size <= SMALL else "large"
        key = f"{kind}{self.random.randrange(SMALL_KEYS if kind == 'small' else LARGE_KEYS)}"
        what = self.random.random()
        if what < 0.5:
            return kind, f"GET /read/{key} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        if what < 0.55:
            return kind, f"DELETE /delete/{key} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        head = f"POST /write/{key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
        return kind, head.encode() + bytes(size)

    async def client(self, address):
        """Sends one request after the other, with pauses, on connections that it reuses."""
        while True:
            try:
                async with self.connection(address) as (reader, writer):
                    is_open = True
                    while is_open:
                        kind, request = self.request()
                        status, is_open = await self.exchange(kind, request, reader, writer)
                        self.statuses[kind, status] += 1
                        await asyncio.sleep(self.random.expovariate(20))
            except (OSError, EOFError, Lost, TimeoutError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.1)

    async def exchange(self, kind, request, reader, writer):
        """Sends a request and reads its answer. A lost answer is counted here."""
        writer.write(request)
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                return await answer(reader)
        except (OSError, EOFError, Lost, TimeoutError, asyncio.IncompleteReadError):
            self.statuses[kind, 0] += 1
            raise

    async def staller(self, address, number):
        """Holds connections, and the service's memory for them, for seconds."""
        ways = [self.half_head, self.half_body, self.unread_answer, self.half_closed, self.idle]
        while True:
            with contextlib.suppress(OSError, EOFError, Lost, TimeoutError):
                async with self.connection(address) as (reader, writer):
                    await ways[number % len(ways)](reader, writer)
            await asyncio.sleep(0.1)

    def pause(self):
        return asyncio.sleep(self.random.uniform(1, 15))

    async def half_head(self, _, writer):
        for piece in (b"GET /read/small1 HTTP", b"/1.1\r\nHost: loc", b"alhost\r\nX-A: "):
            writer.write(piece)
            await self.pause()

    async def half_body(self, _, writer):
        writer.write(f"POST /write/large1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {LARGE}\r\n\r\n".encode())
        writer.write(bytes(LARGE // 2))
        await self.pause()

    async def unread_answer(self, reader, writer):
        reader._transport.pause_reading()
        writer.write(b"GET /read/large2 HTTP/1.1\r\nHost: localhost\r\nAccept: application/octet-stream\r\n\r\n" * 3)
        await self.pause()

    async def half_closed(self, reader, writer):
        writer.write(b"GET /read/large3 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        writer.write_eof()
        async with asyncio.timeout(ANSWER_LIMIT_S):
            while await reader.read(1 << 14):
                await asyncio.sleep(0.01)

    async def idle(self, *_):
        await self.pause()
