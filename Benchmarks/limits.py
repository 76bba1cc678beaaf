#!/usr/bin/env python3
"""Measures authentication and limits per client: what they cost, and how exact limits are across instances.

    make bench-limits                            both parts, about ten minutes
    make bench-limits ARGS='--part cost'         throughput without both, with authentication, and with both
    make bench-limits ARGS='--part exact'        four instances behind HAProxy, flooded for 70 seconds per limit

Cost: three instances of each service on the same replicas, measured with wrk right after each other, in random order.
Ratios are taken within a round. Exact: the answers other than 429 are compared with the limit's rate and burst.

Exits with 1 if a ratio is below 0.93 or a count is off by more than 1 %; with 2 if something could not be measured.
"""

import argparse
import os
import random
import re
import statistics
import subprocess
import sys
import urllib.request

from machine import Failure, Machine, answers, describe, free_ports, wrk

KEYS = 1000
VALUE = "v" * 32
LEAST_RATIO = 0.93
MOST_DEVIATION = 0.01
# Far above what one machine can send, so that nothing is refused.
HIGH_LIMITS = {"RATE_LIMIT_PER_MINUTE": "10000000", "RATE_LIMIT_PER_HOUR": "100000000"}


def program(arguments, name):
    return os.path.join(os.path.abspath(arguments.bin), name)


def start_group(machine, arguments, mode):
    """Three replicas, initialised. Returns the environment of instances on them, and the replicas."""
    environment, _, redis = machine.group(f"{mode}-limits", mode, "no")
    if mode == "cp":
        init = machine.start("cp-limits-init", [program(arguments, "app-cp"), "init"], environment)
        if init.wait(15) != 0:
            raise Failure(f"app-cp init: {machine.last_lines('cp-limits-init')}")
    return environment, redis


def start_instance(machine, arguments, mode, name, group, settings):
    environment, redis = group
    port = free_ports(1)[0]
    return machine.service(
        f"{mode}-{name}", [program(arguments, f"app-{mode}")], environment | settings | {"HTTP_PORT": str(port)}, port,
        "/health/ready", redis)


def send(service, method, path, headers=()):
    request = urllib.request.Request(service.url + path, method=method, headers=dict(h.split(": ", 1) for h in headers))
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.read().decode()
    except OSError as error:
        raise Failure(f"{method} {service.url}{path}: {error}") from error


# What it costs.

class Variant:
    def __init__(self, name, service, headers):
        self.name, self.service, self.headers = name, service, headers


def start_variants(machine, arguments, mode, tokens, token):
    group = start_group(machine, arguments, mode)
    authenticated = {"AUTH_TOKENS_FILE": tokens}
    fields = [f"Authorization: Bearer {token}"]
    return [
        Variant("off", start_instance(machine, arguments, mode, "off", group, {}), []),
        Variant("auth", start_instance(machine, arguments, mode, "auth", group, authenticated), fields),
        Variant("auth+limits", start_instance(
            machine, arguments, mode, "limits", group, authenticated | HIGH_LIMITS), fields)]


def measure(variant, method, path, seconds, connections, seed):
    """Requests per second, and CPU time of service and replicas per request in microseconds."""
    before = sum(variant.service.cpu_us())
    figures = wrk(
        variant.service.url + "/", seconds, connections, [method, path, str(KEYS), str(seed), *variant.headers])
    if figures["refused"] or figures["broken"] or not figures["requests"]:
        raise Failure(f"{variant.name}: {figures}")
    used_us = sum(variant.service.cpu_us()) - before
    return figures["requests"] * 1e6 / figures["us"], used_us / figures["requests"]


def ratios(mine, other, figure):
    """The median of the ratios within a round."""
    return statistics.median(first[figure] / second[figure] for first, second in zip(mine, other))


def measure_cost(machine, arguments, rng):
    tokens = os.path.join(machine.directory, "tokens")
    made = subprocess.run(
        [program(arguments, "app-cp"), "token", "bench", "--scopes", "read,write", "--file", tokens],
        capture_output=True, text=True, check=False)
    if made.returncode:
        raise Failure(f"app-cp token: {made.stderr}")
    cases = []
    for mode in ("cp", "ap"):
        variants = start_variants(machine, arguments, mode, tokens, made.stdout.strip())
        for number in range(1, KEYS + 1):
            send(variants[0].service, "POST", f"/write/bench-{number:04}/{VALUE}")
        cases.append((f"{mode.upper()} read", "GET", "/read/KEY", variants))
        if mode == "ap":
            cases.append(("AP write", "POST", f"/write/KEY/{VALUE}", variants))
    rounds = {(name, variant.name): [] for name, _, _, variants in cases for variant in variants}
    for number in range(-1, arguments.rounds):
        for name, method, path, variants in cases:
            for variant in rng.sample(variants, len(variants)):
                figures = measure(
                    variant, method, path, arguments.seconds, arguments.connections, rng.randrange(1 << 30))
                # The first round warms up.
                if number >= 0:
                    rounds[name, variant.name].append(figures)
        print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
    print("Ratios to 'off', medians over rounds. CPU: time of service and replicas per request.")
    print(f"{'case':<10} {'off, req/s':>11} {'auth':>7} {'auth+limits':>12} {'CPU off':>9} {'auth':>7} {'auth+limits':>12}")
    lowest = 1.0
    for name, _, _, _ in cases:
        off, *others = (rounds[name, variant] for variant in ("off", "auth", "auth+limits"))
        rates, times = ([ratios(other, off, figure) for other in others] for figure in (0, 1))
        lowest = min(lowest, rates[1])
        print(
            f"{name:<10} {statistics.median(rate for rate, _ in off):>11,.0f} {rates[0]:>7.3f} {rates[1]:>12.3f}"
            f" {statistics.median(time for _, time in off):>6.1f} us {times[0]:>7.3f} {times[1]:>12.3f}")
    return lowest >= LEAST_RATIO


# How exact it is.

def haproxy(machine, name, ports):
    port = free_ports(1)[0]
    path = os.path.join(machine.directory, f"{name}.cfg")
    servers = "\n".join(f"    server s{number} 127.0.0.1:{port}" for number, port in enumerate(ports))
    with open(path, "w") as file:
        file.write(
            "defaults\n    mode http\n    option forwardfor\n    timeout connect 1s\n    timeout client 60s\n"
            f"    timeout server 10s\nlisten pool\n    bind 127.0.0.1:{port}\n    balance roundrobin\n{servers}\n")
    process = machine.start(name, ["haproxy", "-db", "-f", path])
    request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    machine.wait_until(name, process, lambda: answers(port, request, b"HTTP/1.1 200"))
    return port


def calls(service):
    """Calls for permits, and those that no replica answered."""
    page = send(service, "GET", "/metrics")
    return [int(float(re.search(rf'app_rate_limit_calls_total{{result="{result}"}} (\S+)', page)[1]))
            for result in ("answered", "failed")]


def measure_exactness(machine, arguments, rng):
    group = start_group(machine, arguments, "ap")
    print(f"{'per minute':>10} {'burst':>7} {'sent':>10} {'admitted':>9} {'expected':>9} {'off by':>8} {'calls':>7} {'failed':>7}")
    is_exact = True
    for number, limit in enumerate(arguments.limits):
        settings = {"RATE_LIMIT_PER_MINUTE": str(limit), "TRUSTED_PROXIES": "127.0.0.1"}
        instances = [
            start_instance(machine, arguments, "ap", f"{limit}-{instance}", group, settings) for instance in range(4)]
        writer = start_instance(machine, arguments, "ap", f"{limit}-writer", group, {})
        for key in range(1, KEYS + 1):
            send(writer, "POST", f"/write/bench-{key:04}/{VALUE}")
        port = haproxy(machine, f"haproxy-{limit}", [service.url.rpartition(":")[2] for service in instances])
        client = f"X-Forwarded-For: 198.51.100.{number + 1}"
        figures = wrk(
            f"http://127.0.0.1:{port}/", arguments.flood, arguments.connections,
            ["GET", "/read/KEY", str(KEYS), str(rng.randrange(1 << 30)), client])
        if figures["broken"]:
            raise Failure(f"{figures['broken']} requests failed")
        admitted = figures["requests"] - figures["refused"]
        burst = max(limit // 6, 1)
        expected = limit * figures["us"] / 60e6 + burst
        deviation = admitted / expected - 1
        is_exact = is_exact and abs(deviation) <= max(MOST_DEVIATION, 1 / expected)
        asked = [sum(numbers) for numbers in zip(*(calls(service) for service in instances))]
        print(
            f"{limit:>10,} {burst:>7,} {figures['requests']:>10,} {admitted:>9,} {expected:>9,.0f} {deviation:>+8.2%}"
            f" {asked[0]:>7,} {asked[1]:>7,}", flush=True)
    return is_exact


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=".build/release", help="directory of app-cp and app-ap")
    parser.add_argument("--part", choices=["cost", "exact"], help="one part instead of both")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=2, help="per variant and round")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--flood", type=int, default=70, help="seconds per limit")
    parser.add_argument(
        "--limits", default="600,6000,60000", type=lambda text: [int(number) for number in text.split(",")],
        help="per minute")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30), help="of order and keys")
    parser.add_argument("--keep", action="store_true", help="keep the directory with data and logs")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    print(describe())
    parts = {"cost": measure_cost, "exact": measure_exactness}
    try:
        is_good = True
        for name, part in parts.items():
            if arguments.part in (None, name):
                with Machine(arguments.keep) as machine:
                    is_good = part(machine, arguments, rng) and is_good
    except Failure as failure:
        print(f"bench-limits: {failure}", file=sys.stderr)
        return 2
    return 0 if is_good else 1


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.exit(main())
