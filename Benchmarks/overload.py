#!/usr/bin/env python3
"""Overloads a service with large values, and measures small requests beside them: `make bench-overload`.

  Benchmarks/overload.py --bin .build/release                 # starts app-cp and then app-ap on replicas of their own
  Benchmarks/overload.py http://127.0.0.1:5001 --seconds 20   # a running service

200 writers and 200 readers of 1 MiB values and 20 small requests per second share one service. Past its capacity the
service must shed large requests with 503 `overloaded`, and must answer every small one. Prints one JSON object; exits
with 1 if a small request failed, their p99 is above --p99-ms, a breaker changed, or memory went above --memory-mb.
"""

import argparse
import asyncio
import collections
import json
import multiprocessing
import re
import socket
import sys
import time
import urllib.parse
import urllib.request

from machine import Failure, Machine, describe

VALUE = 1 << 20
LIMIT_S = 15


class Connection:
    """One keep-alive connection that counts the body of an answer and does not keep it."""

    def __init__(self, address):
        self.address = address
        self.socket = None

    async def ask(self, head, body=b""):
        """The status and `Retry-After` (in seconds) of an answer. Status 0: the connection failed or was too slow."""
        try:
            return await asyncio.wait_for(self._ask(head, body), LIMIT_S)
        except (OSError, asyncio.TimeoutError, EOFError):
            self.close()
            return 0, 0

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    async def _ask(self, head, body):
        loop = asyncio.get_running_loop()
        if self.socket is None:
            self.socket = socket.socket()
            self.socket.setblocking(False)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(self.socket, self.address)
        await loop.sock_sendall(self.socket, head)
        if body:
            await loop.sock_sendall(self.socket, body)
        received = b""
        while b"\r\n\r\n" not in received:
            received += await self._receive(loop)
        header, rest = received.split(b"\r\n\r\n", 1)
        header = header.lower()
        length = re.search(rb"content-length: *(\d+)", header)
        left = int(length[1]) - len(rest) if length else 0
        while left > 0:
            left -= len(await self._receive(loop))
        if b"connection: close" in header:
            self.close()
        retry = re.search(rb"retry-after: *(\d+)", header)
        return int(header.split(b" ", 2)[1]), int(retry[1]) if retry else 0

    async def _receive(self, loop):
        piece = await loop.sock_recv(self.socket, 1 << 18)
        if not piece:
            raise EOFError
        return piece


async def client(address, head, body, until, counts, pause_s):
    connection = Connection(address)
    while time.monotonic() < until:
        status, retry_s = await connection.ask(head, body)
        counts[status] += 1
        if status != 200:
            await asyncio.sleep(min(retry_s, pause_s) if status else pause_s)
    connection.close()


def large(address, writers, readers, until, pause_s, results):
    async def run():
        counts = {"write": collections.Counter(), "read": collections.Counter()}
        body = b"x" * VALUE
        tasks = []
        for number in range(writers):
            head = f"POST /write/large{number % 32} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {VALUE}\r\n\r\n".encode()
            tasks.append(client(address, head, body, until, counts["write"], pause_s))
        for number in range(readers):
            accept = "Accept: application/octet-stream\r\n" if number % 2 else ""
            head = f"GET /read/large{number % 32} HTTP/1.1\r\nHost: localhost\r\n{accept}\r\n".encode()
            tasks.append(client(address, head, b"", until, counts["read"], pause_s))
        await asyncio.gather(*tasks)
        results.put({kind: dict(sorted(count.items())) for kind, count in counts.items()})

    asyncio.run(run())


def percentile(sorted_values, share):
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))] if sorted_values else None


async def small(address, per_second, until):
    """Sends at fixed times, whether or not earlier requests are answered (no coordinated omission)."""
    answers = []
    names = ["write", "read", "health", "metrics"]
    kinds = [
        lambda n: f"POST /write/small{n % 50}/v{n} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
        lambda n: f"GET /read/small{n % 50} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        lambda n: "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        lambda n: "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ]
    idle = []

    async def one(number):
        connection = idle.pop() if idle else Connection(address)
        # Of 20 requests, nine are writes, nine are reads, and one each asks for health and metrics.
        kind = number % 20 % 2 if number % 20 < 18 else number % 20 - 16
        started = time.monotonic()
        status, _ = await connection.ask(kinds[kind](number // 2).encode())
        answers.append(((time.monotonic() - started) * 1e3, names[kind], status))
        idle.append(connection)

    tasks = []
    number = 0
    start = time.monotonic()
    while time.monotonic() < until:
        tasks.append(asyncio.create_task(one(number)))
        number += 1
        await asyncio.sleep(max(0, start + number / per_second - time.monotonic()))
    await asyncio.gather(*tasks)
    return answers


def metrics(base):
    with urllib.request.urlopen(base + "/metrics", timeout=10) as page:
        return page.read().decode()


def total(page, name):
    return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if re.match(name + r"[{ ]", line))


def resident_mb(page):
    return total(page, "process_resident_memory_bytes") / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?", help="of a running service; without it, both services are started")
    parser.add_argument("--bin", default=".build/release", help="where app-cp and app-ap are")
    parser.add_argument(
        "--prepare-url", help="instance that stores the values, so that the loaded one does not know them")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--writers", type=int, default=200)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--small-per-second", type=float, default=20)
    parser.add_argument("--pause-s", type=float, default=0.25, help="longest pause after an answer that is not 200")
    parser.add_argument("--p99-ms", type=float, default=250)
    parser.add_argument("--memory-mb", type=float, default=600)
    options = parser.parse_args()
    if options.url:
        sys.exit(0 if overload(options.url, options) else 1)
    print(describe())
    results = {}
    with Machine(keep=False) as machine:
        try:
            results["app-cp"] = overload(machine.app_cp(options.bin, "always").url, options, "app-cp")
            results["app-ap"] = overload(machine.app_ap(options.bin).url, options, "app-ap")
        except Failure as failure:
            sys.exit(f"bench-overload: {failure}")
    print("bench-overload: " + ", ".join(f"{name} {'passed' if good else 'FAILED'}" for name, good in results.items()))
    sys.exit(0 if all(results.values()) else 1)


def overload(url, options, service=None):
    """Measures one service and prints the figures. Returns whether they are within the limits."""
    base = url.rstrip("/")
    parts = urllib.parse.urlsplit(base)
    address = (parts.hostname, parts.port)
    before = metrics(base)
    sizes = {f"small{number}": 1 for number in range(50)} | {f"large{number}": VALUE for number in range(32)}
    for name, size in sizes.items():
        url = f"{options.prepare_url or base}/write/{name}"
        urllib.request.urlopen(urllib.request.Request(url, b"x" * size, method="POST"), timeout=10)
    until = time.monotonic() + options.seconds
    results = multiprocessing.Queue()
    load = multiprocessing.Process(
        target=large, args=(address, options.writers, options.readers, until, options.pause_s, results))
    load.start()

    async def measure():
        memory = []

        async def watch():
            while time.monotonic() < until:
                try:
                    memory.append(resident_mb(await asyncio.to_thread(metrics, base)))
                except OSError:
                    pass
                await asyncio.sleep(1)

        watcher = asyncio.create_task(watch())
        answers = await small(address, options.small_per_second, until)
        await watcher
        return answers, memory

    answers, memory = asyncio.run(measure())
    counts = results.get(timeout=60)
    load.join(timeout=60)
    after = metrics(base)

    def rise(name):
        return total(after, name) - total(before, name)

    times = sorted(ms for ms, _, _ in answers)
    slowest = {}
    for ms, name, _ in answers:
        slowest[name] = max(slowest.get(name, 0), round(ms, 1))
    failed = collections.Counter(f"{name} {status}" for _, name, status in answers if status != 200)
    report = ({"service": service} if service else {}) | {
        "large": counts,
        "small": {
            "count": len(answers), "failed": dict(failed),
            "p50_ms": round(percentile(times, 0.5), 1), "p99_ms": round(percentile(times, 0.99), 1),
            "slowest_ms": slowest,
        },
        "breaker_changes": rise("circuit_breaker_changes_total"),
        "connection_failures": rise("db_connection_failures_total"),
        "memory_mb": round(max(memory + [resident_mb(after)])),
    }
    print(json.dumps(report, indent=1))
    return (
        not failed and report["small"]["p99_ms"] <= options.p99_ms and report["breaker_changes"] == 0
        and report["connection_failures"] == 0 and report["memory_mb"] <= options.memory_mb)


if __name__ == "__main__":
    main()
