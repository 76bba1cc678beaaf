"""TCP relays between the nodes of a cluster: they can isolate one node without root and without a firewall.

While a node is isolated, every link from or to it drops all bytes in both directions, also on existing connections, and
accepts new connections without forwarding them. A connection that lost something is reset when the node rejoins,
because TCP never continues after a gap.

While a link is not cut, it can mirror its target: it refuses connections as long as the target does not listen. If a
relay accepted and then closed them, the target would seem to fail later, and a program might react differently.

The relays run as a process of their own (this file is the program), so that they do not share a Python interpreter with
the writers. `Relays` starts and commands that process.
"""

import asyncio
import dataclasses
import json
import os
import socket
import struct
import sys

from .sockets import ListeningSockets, node_of

COMMAND_TIMEOUT_S = 5
MAX_CONNECTIONS = 1_000
MIRROR_INTERVAL_S = 0.02
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclasses.dataclass(frozen=True)
class Link:
    """The address at which nodes reach the node `target`, and the address at which that node really listens.

    `source` is the node that connects. None if several nodes use the same address: then /proc shows which process
    opened the connection. `rename` is a pair of texts: in the first bytes from the source, the
    first one is replaced. It is for protocols whose first message contains the source's address.
    `mirrors_target`: connections are refused while the target does not listen. The relay detects a change of the target
    within about 20 ms.
    """

    listen: tuple
    upstream: tuple
    target: int
    source: int | None = None
    rename: tuple | None = None
    mirrors_target: bool = False


class Relays:
    """The relay process, seen from the measuring program."""

    def __init__(self, machine, links):
        path = os.path.join(machine.directory, "relays.socket")
        description = json.dumps([dataclasses.asdict(link) for link in links])
        command = [sys.executable, "-B", "-m", "isolation.relays", path, description]
        environment = os.environ | {"PYTHONPATH": os.path.dirname(os.path.dirname(os.path.abspath(__file__)))}
        process = machine.start("relays", command, environment)
        self.channel = socket.socket(socket.AF_UNIX)
        self.channel.settimeout(COMMAND_TIMEOUT_S)
        machine.wait_until("relays", process, lambda: self.channel.connect_ex(path) == 0)

    def identify(self, pids):
        """Sets the process of each node, for links without a source."""
        self._command({"pids": pids})

    def isolate(self, node):
        self._command({"isolated": node})

    def rejoin(self):
        self._command({"isolated": None})

    def _command(self, command):
        self.channel.sendall(json.dumps(command).encode() + b"\n")
        if self.channel.recv(16) != b"done\n":
            raise OSError("the relays did not confirm a command")


class Switch:
    """The state that all links share: the isolated node, the open connections, the processes of the nodes."""

    def __init__(self):
        self.isolated = None
        self.connections = set()
        self.pids = []

    def is_cut(self, source, target):
        return self.isolated is not None and self.isolated in (source, target)

    def can_be_cut(self, link):
        """Whether the isolated node is, or may be, at one end of the link."""
        return self.isolated is not None and (link.source is None or self.is_cut(link.source, link.target))

    def apply(self, command):
        if "pids" in command:
            self.pids = command["pids"]
        if "isolated" in command:
            self.isolated = command["isolated"]
            for connection in [each for each in self.connections if each.has_lost and not each.is_cut]:
                connection.reset()


class Connection:
    """One accepted connection, joined to one to the target."""

    def __init__(self, switch, link):
        self.switch, self.link, self.source = switch, link, link.source
        self.accepted, self.opened = End(self), End(self)
        self.has_lost = False
        self.is_first = True
        self.task = None

    @property
    def is_cut(self):
        return self.switch.is_cut(self.source, self.link.target)

    def begin(self):
        if self.source is None:
            self.source = node_of(
                self.accepted.transport.get_extra_info("peername")[1], self.link.listen, self.switch.pids)
        if self.source is None or len(self.switch.connections) >= MAX_CONNECTIONS:
            return self.accepted.transport.abort()
        self.switch.connections.add(self)
        if self.is_cut:
            self.has_lost = True
        else:
            self.accepted.transport.pause_reading()
            self.task = asyncio.get_running_loop().create_task(self.open())

    async def open(self):
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.opened, *self.link.upstream)
        except OSError:
            # If a cut began meanwhile, the source must not learn that the target refused.
            if self.is_cut:
                self.has_lost = True
                return None
            return self.reset()
        if self.accepted.is_open:
            self.accepted.transport.resume_reading()
        else:
            self.reset()

    def other(self, end):
        return self.opened if end is self.accepted else self.accepted

    def forward(self, end, data):
        if self.is_cut or self.has_lost:
            self.has_lost = True
        elif self.other(end).is_open:
            if self.is_first and end is self.accepted and self.link.rename:
                data = data.replace(*(text.encode() for text in self.link.rename))
                self.is_first = False
            self.other(end).transport.write(data)

    def end_of_stream(self, end):
        if self.is_cut or self.has_lost:
            self.has_lost = True
        elif self.other(end).is_open:
            self.other(end).transport.write_eof()

    def lost(self, end):
        """One end is closed. During a cut, the other end must stay open."""
        other = self.other(end)
        if not other.is_open:
            self.switch.connections.discard(self)
        elif self.is_cut:
            self.has_lost = True
        else:
            # Sends the buffered bytes first.
            other.transport.close()

    def reset(self):
        for end in (self.accepted, self.opened):
            if end.is_open:
                # Closing without lingering sends a reset (socket(7), SO_LINGER).
                end.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                end.transport.abort()
        self.switch.connections.discard(self)


class End(asyncio.Protocol):
    """One end of a relayed connection. A full write buffer stops reading at the other end."""

    def __init__(self, connection):
        self.connection = connection
        self.transport = None
        self.is_open = False

    def connection_made(self, transport):
        self.transport, self.is_open = transport, True
        if self is self.connection.accepted:
            self.connection.begin()

    def data_received(self, data):
        self.connection.forward(self, data)

    def eof_received(self):
        self.connection.end_of_stream(self)
        # Keep the other direction open, as TCP does.
        return True

    def connection_lost(self, _):
        self.is_open = False
        self.connection.lost(self)

    def pause_writing(self):
        if self.connection.other(self).is_open:
            self.connection.other(self).transport.pause_reading()

    def resume_writing(self):
        other = self.connection.other(self)
        if other.is_open and not other.transport.is_closing():
            other.transport.resume_reading()


class Entrance:
    """The address at which a link listens, or refuses connections.

    The socket stays bound while the link does not listen. So the kernel refuses connections, and the port stays taken.
    """

    def __init__(self, switch, link):
        self.switch, self.link = switch, link
        self.server = None
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(link.listen)

    async def update(self, listening):
        """Listens, or stops listening. A cut link always listens, because a cut network does not refuse."""
        link = self.link
        is_needed = not link.mirrors_target or self.switch.can_be_cut(link) or listening.has(*link.upstream)
        if is_needed and self.server is None:
            # The server closes its socket when it stops, so it gets a duplicate.
            self.server = await asyncio.get_running_loop().create_server(
                lambda: Connection(self.switch, link).accepted, sock=self.socket.dup())
        elif not is_needed and self.server is not None:
            self.server.close()
            self.server = None
            # Ends listening for all duplicates, and resets connections that were not yet accepted.
            self.socket.shutdown(socket.SHUT_RDWR)


class Entrances:
    """All entrances. Only one task at a time updates them."""

    def __init__(self, switch, links):
        self.all = [Entrance(switch, link) for link in links]
        self.mirrors = [entrance for entrance in self.all if entrance.link.mirrors_target]
        self.listening = ListeningSockets() if self.mirrors else None
        self.lock = asyncio.Lock()

    async def update(self, entrances):
        async with self.lock:
            for entrance in entrances:
                await entrance.update(self.listening)

    async def mirror(self):
        """Updates the mirroring links at intervals, until the process ends."""
        while self.mirrors:
            await self.update(self.mirrors)
            await asyncio.sleep(MIRROR_INTERVAL_S)
        await asyncio.get_running_loop().create_future()


async def serve(path, links):
    switch = Switch()
    entrances = Entrances(switch, links)
    await entrances.update(entrances.all)

    async def control(reader, writer):
        while line := await reader.readline():
            switch.apply(json.loads(line))
            await entrances.update(entrances.mirrors)
            writer.write(b"done\n")

    # The measuring program waits for this socket, so it comes last.
    await asyncio.start_unix_server(control, path)
    await entrances.mirror()


def main():
    links = [
        Link(**each | {"listen": tuple(each["listen"]), "upstream": tuple(each["upstream"])})
        for each in json.loads(sys.argv[2])]
    try:
        asyncio.run(serve(sys.argv[1], links))
    except OSError as error:
        sys.exit(f"relays: {error}")


if __name__ == "__main__":
    main()
