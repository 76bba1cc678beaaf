#!/usr/bin/env python3
"""Measures app-cp and app-ap with wrk: against webdis (one Redis over HTTP, in C), or against another build.

    make bench-quick                                     ratios to webdis, about two minutes
    make bench-quick ARGS='--baseline DIR'               ratios to the app-cp and app-ap in DIR, about four minutes

Starts all servers itself on free loopback ports: a redis-server behind webdis, and three redis-servers behind each
service, without relays. All cases are measured in each round, so that a disturbance of the machine affects all of them,
and ratios are taken within a round. Two builds are measured right after each other, in alternating order.

Exits with 0 once everything was measured, whatever the ratios; with 2 if something could not be measured.
"""

import argparse
import os
import random
import statistics
import sys

from machine import Failure, Machine, busy_us, describe, wrk

KEYS = 1000
VALUE = "v" * 32
# The share of the machine, in cores, that other programs may use. A measurement above it is repeated, within limits.
DISTURBED_CORES = 0.15


class Case:
    """One request form to one service, and the case that it is compared with."""

    def __init__(self, name, service, method, path, base=None):
        self.name, self.service, self.method, self.path, self.base = name, service, method, path, base
        self.rounds = []

    @property
    def is_write(self):
        return self.method == "POST" or "/SET/" in self.path

    def median(self, figure):
        return statistics.median(r[figure] for r in self.rounds)

    def ratios(self, figure):
        """The ratio of this case's figure to that of its base, for each round."""
        return [mine[figure] / other[figure] for mine, other in zip(self.rounds, self.base.rounds) if other[figure]]

    def send(self, number):
        answer = self.service.request(self.method, self.path.replace("KEY", f"bench-{number:04}"))
        if self.path.endswith("KEY") and VALUE not in answer:
            raise Failure(f"{self.name} does not return the value: {answer}")

    def measure(self, seconds, connections, seed):
        busy, before = busy_us(), self.service.cpu_us()
        figures = wrk(self.service.url + "/", seconds, connections, [self.method, self.path, str(KEYS), str(seed)])
        after, busy = self.service.cpu_us(), busy_us() - busy
        if figures["refused"] or figures["broken"]:
            raise Failure(f"{self.name}: {figures['refused']} answers were not 2xx, {figures['broken']} failed")
        if not figures["requests"]:
            raise Failure(f"{self.name}: no answer")
        return {
            "rate": figures["requests"] * 1e6 / figures["us"],
            "own_us": (after[0] - before[0]) / figures["requests"],
            "redis_us": (after[1] - before[1]) / figures["requests"],
            "p50_us": figures["p50_us"],
            "p99_us": figures["p99_us"],
            "other_cores": max(0, busy - sum(after) + sum(before) - figures["cpu_us"]) / figures["us"],
        }


def read_and_write(name, service, bases=(None, None)):
    return [
        Case(f"{name} read", service, "GET", "/read/KEY", bases[0]),
        Case(f"{name} write", service, "POST", f"/write/KEY/{VALUE}", bases[1])]


def start_services(machine, arguments, directory, suffix=""):
    """The services of one build, by the name of their cases."""
    services = {}
    if "cp" in arguments.services:
        services["CP"] = machine.app_cp(directory, "no", suffix)
    if "ap" in arguments.services:
        services["AP"] = machine.app_ap(directory, suffix)
    if arguments.full and "cp" in arguments.services:
        services["CP fsync"] = machine.app_cp(directory, "always", suffix)
    return services


def start_cases(machine, arguments):
    """All cases, each base before the cases that are compared with it."""
    services = start_services(machine, arguments, arguments.bin)
    cases = []
    if arguments.baseline:
        for name, other in start_services(machine, arguments, arguments.baseline, "-base").items():
            bases = read_and_write(f"{name} base", other)
            cases += bases + read_and_write(name, services[name], bases)
        return cases
    webdis = machine.webdis(arguments.webdis_threads)
    bases = [Case("webdis GET", webdis, "GET", "/GET/KEY"), Case("webdis SET", webdis, "GET", f"/SET/KEY/{VALUE}")]
    cases += bases
    for name, service in services.items():
        cases += read_and_write(name, service, bases)
    return cases


def order(cases, number, is_pairs, rng):
    """The order of a round: random; two builds of a case right after each other, the first one alternating."""
    if not is_pairs:
        return rng.sample(cases, len(cases))
    pairs = [[case.base, case] for case in cases if case.base]
    return [case for pair in rng.sample(pairs, len(pairs)) for case in (pair if number % 2 else reversed(pair))]


def run(arguments):
    rng = random.Random(arguments.seed)
    with Machine(arguments.keep) as machine:
        cases = start_cases(machine, arguments)
        # Write every key before it is read, and run every case before it is measured.
        for case in sorted(cases, key=lambda case: not case.is_write):
            for number in range(1, KEYS + 1) if case.is_write else [1]:
                case.send(number)
        for case in cases:
            case.measure(1, arguments.connections, 0)
        repeats = arguments.rounds * len(cases) // 4
        for number in range(arguments.rounds):
            for case in order(cases, number, arguments.baseline, rng):
                figures = case.measure(arguments.seconds, arguments.connections, rng.randrange(1 << 30))
                while figures["other_cores"] > DISTURBED_CORES and repeats:
                    repeats -= 1
                    figures = case.measure(arguments.seconds, arguments.connections, rng.randrange(1 << 30))
                case.rounds.append(figures)
            print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
        memory = {case.name.rpartition(" ")[0]: case.service.memory_mb() for case in cases}
    return cases, memory


def middle(numbers):
    """Median and a 95 % confidence interval of it, from the order of the numbers (binomial, normal approximation)."""
    ordered = sorted(numbers)
    half = 0.98 * len(ordered) ** 0.5
    low, high = int(len(ordered) / 2 - half), int(len(ordered) / 2 + half + 0.999)
    return statistics.median(ordered), ordered[max(0, low)], ordered[min(len(ordered), high) - 1]


def text_of_ratios(numbers):
    median, low, high = middle(numbers)
    return f"{median:.3f}", f"({low:.3f}-{high:.3f})"


def print_table(cases):
    row = "{:<15} {:>8} {:>6} {:>15}  {:>7} {:>6} {:>8}  {:>7} {:>7}"
    print(row.format("case", "req/s", "ratio", "(95 %)", "own us", "ratio", "redis us", "p50 ms", "p99 ms"))
    for case in cases:
        ratio = spread = own = ""
        if case.base:
            ratio, spread = text_of_ratios(case.ratios("rate"))
            own = text_of_ratios(case.ratios("own_us"))[0]
        print(
            row.format(
                case.name, f"{case.median('rate'):,.0f}", ratio, spread, f"{case.median('own_us'):.1f}", own,
                f"{case.median('redis_us'):.1f}", f"{case.median('p50_us') / 1000:.2f}",
                f"{case.median('p99_us') / 1000:.2f}"))


def print_report(arguments, cases, memory):
    print(describe())
    print(
        f"wrk: 1 thread, {arguments.connections} connections; {arguments.rounds} rounds of {arguments.seconds} s per case;"
        f" {KEYS} keys, values of {len(VALUE)} bytes; seed {arguments.seed}")
    other = f"the build in {arguments.baseline}" if arguments.baseline else f"webdis, {arguments.webdis_threads} thread(s)"
    print(f"Redis: appendonly yes, appendfsync no, save ''; fsync: appendfsync always. Ratios to {other}.")
    print("Medians over rounds. req/s: higher is better. us: CPU time per request of service and Redis, lower is better.\n")
    print_table(cases)
    print("\nresident memory: " + "; ".join(f"{name} {now:.1f} MB (peak {peak:.1f})" for name, (now, peak) in memory.items()))
    # If other programs use the machine, the figures are not usable.
    shares = [r["other_cores"] for case in cases for r in case.rounds]
    print(f"Other programs used {statistics.median(shares):.2f} cores (median), {max(shares):.2f} at most.", end="")
    print(" The machine was not idle: repeat this." if statistics.median(shares) > DISTURBED_CORES else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=".build/release", help="directory of app-cp and app-ap")
    parser.add_argument("--baseline", metavar="DIR", help="compare with app-cp and app-ap of this directory, not webdis")
    parser.add_argument("--full", action="store_true", help="also CP with appendfsync always")
    parser.add_argument("--services", default="cp,ap", type=lambda text: text.split(","), help="cp, ap, or cp,ap")
    parser.add_argument("--rounds", type=int, help="8; with --baseline 24")
    parser.add_argument("--seconds", type=int, help="per case and round: 2; with --baseline 1")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--webdis-threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30), help="of order and keys")
    parser.add_argument("--keep", action="store_true", help="keep the directory with data and logs")
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (24 if arguments.baseline else 8)
    arguments.seconds = arguments.seconds or (1 if arguments.baseline else 2)
    if arguments.rounds < 2 or arguments.seconds < 1 or arguments.connections < 1:
        parser.error("at least 2 rounds, 1 second, 1 connection")
    try:
        cases, memory = run(arguments)
    except Failure as failure:
        print(f"bench-quick: {failure}", file=sys.stderr)
        return 2
    print_report(arguments, cases, memory)
    return 0


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.exit(main())
