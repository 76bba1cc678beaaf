#!/usr/bin/env -S python3 -B
"""Runs both services for a long time under random faults and clients that stall: `make soak`.

Starts a lab with four services. Clients write and read values of 0 B to 1 MiB. Others send half of a request, do not
read their answer, or hold idle connections. Cuts, stalls, delays, paused and killed replicas follow each other at
random. After each fault, the services recover, and then run without a fault for some seconds. Fails if

- a service exited, or was replaced by another process,
- a circuit breaker opened while there was no fault,
- a service does not report `ok` within a minute after a fault,
- without clients, a service has over 4 descriptors more, or clearly more memory, at the end than after the warm-up.

Prints one JSON object with the figures. Exit code 1 if something failed. `--seed` repeats the same sequence of faults.
"""

import argparse
import asyncio
import collections
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "prometheus"), str(ROOT / "Tests")]
import lab as lab_addresses  # noqa: E402  (prometheus/lab.py)
from clients import Load  # noqa: E402
from programs import Lab, StartError, until  # noqa: E402

WARM_UP_S = 20
QUIET_S = 8
RECOVERY_LIMIT_S = 60
# The allocator keeps some memory that is no longer used.
MORE_MEMORY_MB, MORE_MEMORY_SHARE = 48, 1.25
# 0: no answer, as during a fault.
VALID_STATUSES = {0, 200, 404, 409, 503, 504}
MORE_DESCRIPTORS = 4


class Failure(Exception):
    pass


class Service:
    """One of the four services, seen from outside."""

    def __init__(self, name, pid, address):
        self.name, self.pid, self.address = name, pid, address

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=10) as page:
                return page.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def is_ok(self):
        try:
            return json.loads(self.get("/health"))["status"] == "ok"
        except (OSError, ValueError):
            return False

    def series(self, name):
        """The values of a metric by series."""
        page = self.get("/metrics").splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in page if line.startswith(name)}

    def opened_breakers(self):
        return {name: value for name, value in self.series("circuit_breaker_changes_total{").items() if '"OPEN"' in name}

    def connection_failures(self):
        return sum(self.series("db_connection_failures_total{").values())

    def memory_mb(self):
        with open(f"/proc/{self.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) * 1024 / 1e6

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Pair(Lab):
    def __init__(self, binaries, directory):
        self.caplab, self.run_dir = binaries / "caplab", directory / "run"
        super().__init__(self.caplab, directory, ["--run-dir", self.run_dir, "--log-level", "warning"])
        self.wait()
        addresses = lab_addresses.services_of_lab(self.caplab, self.run_dir)
        self.services = [Service(name, self.pids()[name], address) for name, address in addresses.items()]

    def run(self, command, *arguments):
        done = subprocess.run(
            [self.caplab, command, "--run-dir", self.run_dir, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"caplab {command} {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def pids(self):
        return {node["name"]: node["pid"] for node in json.loads(self.run("status", "--json"))["nodes"]}

    def check_processes(self):
        pids = self.pids()
        for service in self.services:
            if pids.get(service.name) != service.pid or not pathlib.Path(f"/proc/{service.pid}").exists():
                raise Failure(f"{service.name} exited; the end of the lab's output: {self.output()[-1_000:]}")


class Fault:
    """One fault at a time: how it begins and how it ends."""

    def __init__(self, pair, dice):
        group = dice.choice(["cp", "ap"])
        replica = f"{group}_db_g{dice.randint(1, 3)}"
        target = dice.choice(["west", replica])
        mode = dice.choice(["drop", "reset", "stall", "delay=50ms"])
        cut = (f"{mode} {target}", [("partition", target, "--mode", mode)], [("heal",)])
        pause = (f"pause {replica}", [("pause", replica)], [("resume", replica)])
        kill = (f"kill {replica}", [("kill", replica)], [("start", replica)])
        self.pair = pair
        self.name, self.begins, self.ends = dice.choice([cut, cut, pause, kill])
        self.length_s = dice.uniform(2, 8)

    def begin(self):
        for command in self.begins:
            self.pair.run(*command)

    def end(self):
        for command in self.ends:
            self.pair.run(*command)


class Soak:
    def __init__(self, pair, options):
        self.pair, self.options = pair, options
        self.dice = random.Random(options.seed)
        addresses = {service.name: service.address for service in pair.services}
        self.load = Load(addresses, options.clients, options.stallers, random.Random(options.seed + 1))
        self.report = {"seed": options.seed, "faults": 0, "quiet_s": 0, "slowest_recovery_s": 0,
                       "opened_without_fault": {}, "connection_failures_without_fault": 0}
        self.quiet_statuses = collections.Counter()

    async def outside(self, call, *arguments):
        """Runs a blocking call while the clients continue."""
        return await asyncio.to_thread(call, *arguments)

    async def recover(self, what):
        start = time.monotonic()
        while not all([await self.outside(service.is_ok) for service in self.pair.services]):
            if time.monotonic() > start + RECOVERY_LIMIT_S:
                raise Failure(f"not all services are ok {RECOVERY_LIMIT_S} s after {what}")
            await asyncio.sleep(0.2)
        took = round(time.monotonic() - start, 1)
        self.report["slowest_recovery_s"] = max(self.report["slowest_recovery_s"], took)
        # Wait until the commands that were sent during the fault are answered or have failed.
        await asyncio.sleep(2)

    async def opened_breakers(self):
        return {f"{service.name} {series}": value for service in self.pair.services
                for series, value in (await self.outside(service.opened_breakers)).items()}

    async def connection_failures(self):
        return sum([await self.outside(service.connection_failures) for service in self.pair.services])

    async def quiet(self):
        """Some seconds without a fault, in which no breaker may open."""
        opened, failures, statuses = await self.opened_breakers(), await self.connection_failures(), +self.load.statuses
        await asyncio.sleep(QUIET_S)
        self.report["quiet_s"] += QUIET_S
        self.quiet_statuses += self.load.statuses - statuses
        self.report["connection_failures_without_fault"] += await self.connection_failures() - failures
        for name, value in (await self.opened_breakers()).items():
            if value > opened.get(name, 0):
                total = self.report["opened_without_fault"]
                total[name] = total.get(name, 0) + value - opened.get(name, 0)

    async def measure(self):
        """Memory and descriptors of each service without clients."""
        await self.load.stop()
        services = self.pair.services
        # One connection is that of the request for the metrics.
        await self.outside(
            until, lambda: all(sum(each.series("app_connections{").values()) <= 1 for each in services), 90)
        await asyncio.sleep(5)
        return {each.name: {"memory_mb": round(each.memory_mb()), "descriptors": each.descriptors()}
                for each in services}

    async def run(self):
        end = time.monotonic() + self.options.seconds
        await self.recover("the start")
        self.load.start()
        await asyncio.sleep(min(WARM_UP_S, self.options.seconds / 4))
        self.report["after_warm_up"] = await self.measure()
        self.load.start()
        await asyncio.sleep(2)
        await self.quiet()
        while time.monotonic() < end:
            fault = Fault(self.pair, self.dice)
            print(f"soak: {max(0, end - time.monotonic()):.0f} s left: {fault.name}", file=sys.stderr, flush=True)
            await self.outside(fault.begin)
            await asyncio.sleep(fault.length_s)
            await self.outside(fault.end)
            self.report["faults"] += 1
            await self.recover(fault.name)
            await self.quiet()
            await self.outside(self.pair.check_processes)
        self.report["at_the_end"] = await self.measure()
        self.pair.check_processes()
        for name, counter in (("answers", self.load.statuses), ("answers_without_fault", self.quiet_statuses)):
            self.report[name] = {f"{kind} {status}": count for (kind, status), count in sorted(counter.items()) if count}

    def problems(self):
        found = []
        if opened := self.report["opened_without_fault"]:
            found.append(f"breakers opened without a fault, at a load of {os.getloadavg()[0]:.0f}: {opened}")
        # The requests are valid, so any other answer means that the test does not work.
        if strange := {f"{kind} {status}": count for (kind, status), count in self.load.statuses.items()
                       if status not in VALID_STATUSES and count}:
            found.append(f"answers that no request should get: {strange}")
        for name, before in self.report["after_warm_up"].items():
            after = self.report["at_the_end"][name]
            if after["descriptors"] > before["descriptors"] + MORE_DESCRIPTORS:
                found.append(f"{name} leaks descriptors: {before['descriptors']}, then {after['descriptors']}")
            if after["memory_mb"] > before["memory_mb"] * MORE_MEMORY_SHARE + MORE_MEMORY_MB:
                found.append(f"{name} leaks memory: {before['memory_mb']} MB, then {after['memory_mb']} MB")
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / ".build/release", help="caplab, app-cp and app-ap")
    parser.add_argument("--seconds", type=float, default=1_800)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--clients", type=int, default=8, help="per service")
    parser.add_argument("--stallers", type=int, default=10, help="clients that stall, per service")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="cap-soak-"))
    # SIGTERM stops the lab too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    pair, problems = None, []
    try:
        pair = Pair(options.bin.resolve(), directory)
        soak = Soak(pair, options)
        try:
            asyncio.run(soak.run())
            problems = soak.problems()
        except Failure as failure:
            problems = [str(failure)]
        print(json.dumps(soak.report, indent=1))
    except StartError as error:
        problems = [str(error)]
    finally:
        if pair:
            pair.stop()
        shutil.rmtree(directory, ignore_errors=True)
    for problem in problems:
        print(f"soak: {problem}", file=sys.stderr)
    print("soak: " + (f"FAILED; repeat with --seed {options.seed}" if problems else "passed"), file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
