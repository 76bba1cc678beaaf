#!/usr/bin/env python3
"""Measures TLS: requests while the certificate is replaced, and the cost beside plain HTTP: `make bench-tls`.

Clients send 1,000 requests per second, 20 on each connection, to an app-cp whose certificate is replaced every second.
None may fail. Then wrk reads in turn from two instances on the same replicas, one of them with TLS. It measures
requests per second, and the CPU time of the service per request, as ratios with TLS to without.

Prints one JSON object. Exits with 1 if a request failed, or if the certificate was replaced less often than expected.
"""

import argparse
import asyncio
import collections
import json
import os
import re
import signal
import ssl
import statistics
import subprocess
import sys
import time
import urllib.request

from machine import Failure, Machine, cpu_us, describe, free_ports

REQUESTS_ON_CONNECTION = 20
LIMIT_S = 10
HEAD = b"Host: localhost\r\n\r\n"


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Certificates:
    """An authority, and the file with certificate and key of a service."""

    def __init__(self, directory):
        self.directory = directory
        self.pair = self.path("pair.pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=bench-tls", "-keyout", self.path("ca.key"), "-out", self.path("ca.pem"))
        with open(self.path("extensions"), "w") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        self.replace()

    def path(self, name):
        return os.path.join(self.directory, name)

    def replace(self):
        """A new certificate with a new key, in one step."""
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
                "-keyout", self.path("new.key"), "-out", self.path("new.csr"))
        openssl("x509", "-req", "-in", self.path("new.csr"), "-CA", self.path("ca.pem"), "-CAkey",
                self.path("ca.key"), "-CAcreateserial", "-days", "1", "-extfile", self.path("extensions"),
                "-out", self.path("new.crt"))
        with open(self.path("new.pem"), "wb") as pair:
            for name in ("new.crt", "new.key"):
                with open(self.path(name), "rb") as part:
                    pair.write(part.read())
        os.chmod(self.path("new.pem"), 0o600)
        os.rename(self.path("new.pem"), self.pair)

    def context(self):
        return ssl.create_default_context(cafile=self.path("ca.pem"))


class Client:
    """One connection at a time; each is closed after some requests."""

    def __init__(self, port, context):
        self.port, self.context = port, context
        self.writer = None
        self.left = 0

    async def ask(self, number):
        """The status, or what went wrong."""
        try:
            return await asyncio.wait_for(self._ask(number), LIMIT_S)
        except (OSError, EOFError, asyncio.TimeoutError, ssl.SSLError) as error:
            self.writer = None
            return type(error).__name__

    async def _ask(self, number):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(
                "127.0.0.1", self.port, ssl=self.context, server_hostname="localhost")
            self.left = REQUESTS_ON_CONNECTION
        method = b"POST /write/k%d/v" if number % 10 == 0 else b"GET /read/k%d"
        length = b"Content-Length: 0\r\n" if number % 10 == 0 else b""
        self.writer.write(method % (number // 10 % 50) + b" HTTP/1.1\r\n" + length + HEAD)
        head = await self.reader.readuntil(b"\r\n\r\n")
        body = re.search(rb"(?i)content-length: *(\d+)", head)
        await self.reader.readexactly(int(body[1]))
        self.left -= 1
        if self.left == 0:
            self.writer.close()
            self.writer = None
        return int(head.split(b" ", 2)[1])


async def rotate(certificates, process, until):
    count = 0
    start = time.monotonic()
    while time.monotonic() < until:
        await asyncio.to_thread(certificates.replace)
        process.send_signal(signal.SIGHUP)
        count += 1
        await asyncio.sleep(max(0, start + count - time.monotonic()))
    return count


async def requests(port, context, per_second, until):
    statuses = collections.Counter()
    idle, tasks, number, start = [], set(), 0, time.monotonic()

    async def one(number):
        client = idle.pop() if idle else Client(port, context)
        statuses[str(await client.ask(number))] += 1
        idle.append(client)

    while time.monotonic() < until:
        task = asyncio.create_task(one(number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
        await asyncio.sleep(max(0, start + number / per_second - time.monotonic()))
    took = time.monotonic() - start
    await asyncio.gather(*tasks)
    return statuses, sum(statuses.values()) / took


async def replace_under_load(port, process, certificates, options):
    until = time.monotonic() + options.seconds
    (statuses, per_second), count = await asyncio.gather(
        requests(port, certificates.context(), options.per_second, until), rotate(certificates, process, until))
    return {"replaced": count, "per_second": round(per_second), "answers": dict(statuses)}


def metric(page, name):
    return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(name))


def measure(machine, options):
    certificates = Certificates(machine.directory)
    environment, plain_port, redis = machine.group("cp", "cp", "no")
    program = os.path.join(os.path.abspath(options.bin), "app-cp")
    if machine.start("init", [program, "init"], environment).wait(15) != 0:
        raise Failure(f"app-cp init: {machine.last_lines('init')}")
    plain = machine.service("plain", [program], environment, plain_port, "/health/ready", redis)
    port = free_ports(1)[0]
    settings = {"HTTP_PORT": str(port), "TLS_CERT_FILE": certificates.pair, "TLS_KEY_FILE": certificates.pair}
    process = machine.start("tls", [program], environment | settings)
    url = f"https://127.0.0.1:{port}"
    context = certificates.context()

    def page(path):
        try:
            with urllib.request.urlopen(url + path, timeout=5, context=context) as answer:
                return answer.read().decode()
        except OSError:
            return None

    machine.wait_until("tls", process, lambda: page("/health/ready") is not None)
    for number in range(50):
        plain.request("POST", f"/write/k{number}/v")
    result = asyncio.run(replace_under_load(port, process, certificates, options))
    metrics = page("/metrics")
    result["in_force"] = int(metric(metrics, 'app_tls_reloads_total{result="success"}'))
    result["handshakes"] = int(metric(metrics, 'app_tls_handshakes_total{result="completed"}'))
    result["failed_handshakes"] = int(metric(metrics, "app_tls_handshakes_total")) - result["handshakes"]
    ratios = []
    for _ in range(options.rounds):
        without, with_tls = (
            read(base, of, options.wrk_seconds) for base, of in ((plain.url, plain.process), (url, process)))
        ratios.append([second / first for first, second in zip(without, with_tls)])
    if ratios:
        result["rate_ratio"], result["cpu_ratio"] = (
            round(statistics.median(kind), 2) for kind in zip(*ratios))
    return result


def read(url, process, seconds):
    """32 connections that stay open: reads per second, and CPU time of the service for each, in microseconds."""
    before = cpu_us(process.pid)
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", f"{url}/read/k1"]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+) requests in ([0-9.]+)s", output)
    if not found or "Non-2xx" in output or "Socket errors" in output:
        raise Failure(f"wrk: {output}")
    count = int(found[1])
    return count / float(found[2]), (cpu_us(process.pid) - before) / count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=".build/release", help="where app-cp is")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--per-second", type=float, default=1_000)
    parser.add_argument("--rounds", type=int, default=3, help="how often wrk measures both")
    parser.add_argument("--wrk-seconds", type=int, default=5)
    options = parser.parse_args()
    print(describe())
    with Machine(keep=False) as machine:
        try:
            result = measure(machine, options)
        except Failure as failure:
            sys.exit(f"bench-tls: {failure}")
    print(json.dumps(result))
    is_good = set(result["answers"]) == {"200"} and result["failed_handshakes"] == 0
    sys.exit(0 if is_good and result["in_force"] >= result["replaced"] * 0.9 else 1)


if __name__ == "__main__":
    main()
