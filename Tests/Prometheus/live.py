#!/usr/bin/env -S python3 -B
"""The alerts on a real pair with a real Prometheus: `make test-prometheus`.

Starts a lab, clients, Prometheus and Alertmanager on free loopback ports, cuts, slows, kills and spoils, and asks
Prometheus' own API which alerts fire, and that no other does. Everything runs ten times as fast as it is configured:
the rules are those of prometheus/rules, by prometheus/lab.py. Where that fails it is done once more, slower: on a
machine too busy to answer a scrape within 400 ms, instances look down. Ends with 1 where it fails again.
"""

import argparse
import os
import pathlib
import shutil
import sys
import tempfile
import time

import dashboard
import support

START = time.monotonic()
SPEEDS = [10, 4]
# The longest 'for' is 5 min; a busy machine may take longer.
LIMIT_S = 900
# A replica may take three quarters of a second: a stall of 0.6 s makes requests slow, and none fail.
# A replica that is out of reach is tried often enough for a window of 25 s to see it at ten times the speed.
SETTINGS = {"MAX_STALENESS_MS": "2000", "NETWORK_TIMEOUT_SEC": "3", "BREAKER_MAX_OPEN_MS": "500"}
STALL_S, STALL_EVERY_S = 0.6, 4

EAST_WEST = {
    "app_cp": ["g3"], "app_cp_west": ["g1", "g2"], "app_ap": ["g3"], "app_ap_west": ["g1", "g2"],
}
CONFLICTS = {("ConflictsUnresolved", i, n) for i in ("app_ap", "app_ap_west") for n in ("g1", "g2", "g3")}


class Failure(Exception):
    pass


class Stage:
    """What happens to the pair, and what may be seen of it."""

    def __init__(self, title, prometheus, tolerated=()):
        self.prometheus, self.tolerated = prometheus, set(tolerated)
        self.limit_s = LIMIT_S / prometheus.speed
        self.start = time.monotonic()
        print(f"== {title}", flush=True)

    def fires(self, expected):
        self.expected = set(expected)
        missing = lambda: self.expected - self.prometheus.firing()  # noqa: E731
        support.until(lambda: not missing(), self.limit_s)
        if left := missing():
            raise Failure(f"these alerts did not fire within {self.limit_s:.0f} s: {names(left)}")
        print(f"   {len(self.expected)} alerts fire, after {time.monotonic() - self.start:.0f} s", flush=True)

    def ends(self):
        """All that fired resolves, and nothing else ever fired."""
        start = time.monotonic()
        firing = lambda: self.prometheus.firing() - self.tolerated  # noqa: E731
        support.until(lambda: not firing(), self.limit_s)
        if left := firing():
            raise Failure(f"these alerts still fire after {self.limit_s:.0f} s: {names(left)}")
        self.nothing_else()
        print(f"   all resolved, after {time.monotonic() - start:.0f} s", flush=True)

    def nothing_else(self):
        if wrong := self.prometheus.fired_since(self.start) - self.expected - self.tolerated:
            raise Failure(f"these alerts fired and should not: {names(wrong)}")


def names(alerts):
    return ", ".join(sorted("/".join(word for word in alert if word) for alert in alerts))


def check_rules(prometheus):
    """Prometheus runs the rules of this repository, at the speed asked for."""
    written = {}
    for block in (support.PROMETHEUS / "rules" / "alerts.yml").read_text().split("- alert: ")[1:]:
        amount, unit = support.lab.DURATION.search(block.split("\n        for: ")[1]).groups()
        written[block.split("\n")[0]] = int(amount) * support.lab.MS[unit] / 1_000 / prometheus.speed
    rules = [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"]]
    running = {rule["name"]: rule["duration"] for rule in rules if rule["type"] == "alerting"}
    if running != written:
        raise Failure(f"Prometheus runs {running}, the rules say {written}")
    if bad := [rule["name"] for rule in rules if rule["health"] == "err"]:
        raise Failure(f"rules that cannot be evaluated: {bad}")


def in_health_nothing_fires(pair, prometheus):
    stage = Stage("in health nothing fires", prometheus)
    recorded = 'count by (__name__) ({__name__=~"instance.*:.*"})'
    support.until(lambda: len(prometheus.query(recorded)) >= 8, stage.limit_s)
    check_rules(prometheus)
    if (count := len(prometheus.query(recorded))) < 8:
        raise Failure(f"only {count} of 8 recording rules gave anything")
    # Past the time after which a wrong alert on what is there all the time would fire.
    time.sleep(60 / prometheus.speed)
    stage.expected = set()
    stage.nothing_else()


def west_is_cut(pair, prometheus, alertmanager):
    stage = Stage("west is cut off: alerts on both sides of the cut, and the dashboard shows it", prometheus)
    pair.run("partition", "west")
    for service in ("app_ap", "app_ap_west"):
        if pair.ask(service, "POST", f"/write/both/{service}")[0] != 200:
            raise Failure(f"{service} did not take a write during the partition")
    across = [(instance, node) for instance, nodes in EAST_WEST.items() for node in nodes]
    stage.fires(
        {("CircuitBreakerOpen", *link) for link in across}
        | {("ConnectionFailures", *link) for link in across}
        | {("HighStaleness", i, n) for i in ("app_ap", "app_ap_west") for n in ("g1", "g2", "g3")}
        | {("HintsGrowing", i, None) for i in ("app_ap", "app_ap_west")}
        | {("CPWithoutMajority", "app_cp_west", None), ("HighErrorRate", "app_cp_west", None)}
    )
    told = {
        ("CPWithoutMajority", "app_cp_west"): "active", ("CircuitBreakerOpen", "app_cp_west"): "suppressed",
        ("HighErrorRate", "app_cp_west"): "suppressed", ("CircuitBreakerOpen", "app_cp"): "active",
        ("HighStaleness", "app_ap_west"): "active",
    }
    if not support.until(lambda: told.items() <= alertmanager.alerts().items(), stage.limit_s):
        raise Failure(f"Alertmanager was to know {told}, and knows {alertmanager.alerts()}")
    print("   Alertmanager tells of the lost majority, not of what follows from it", flush=True)
    empty = dashboard.queries_without_result(prometheus)
    if empty:
        raise Failure("queries of the dashboard without a result: " + "; ".join(empty))
    print(f"   all {len(dashboard.queries())} queries of the dashboard have a result", flush=True)
    pair.run("heal")
    stage.tolerated = CONFLICTS
    stage.ends()


def three_things_at_once(pair, prometheus):
    title = "slow disks, a killed instance, a replica that is not ours: each its own alert"
    stage = Stage(title, prometheus, CONFLICTS)
    pair.run("kill", "app_ap_west")
    # In one step, for a blank replica would be adopted at once.
    pair.run("redis", "cp_db_g3", "EVAL", "redis.call('FLUSHALL') redis.call('SET', 'stranger', '1')", "0")
    with support.Stalls(pair, ["cp_db_g1", "cp_db_g2"], STALL_S, STALL_EVERY_S):
        stage.fires(
            {("InstanceDown", "app_ap_west", None)}
            | {("HighLatency", instance, None) for instance in ("app_cp", "app_cp_west")}
            | {("ReplicaRebuilding", instance, "g3") for instance in ("app_cp", "app_cp_west")}
        )
    pair.run("redis", "cp_db_g3", "DEL", "stranger")
    pair.run("start", "app_ap_west")
    stage.ends()


def conflicts_are_resolved(pair, prometheus):
    stage = Stage("the key that both sides wrote is told of until somebody resolves it", prometheus)
    stage.fires(CONFLICTS)
    status, answer = pair.ask("app_ap", "GET", "/read/both")
    if status != 200 or sorted(answer.get("conflicts", [])) != ["app_ap", "app_ap_west"]:
        raise Failure(f"the conflict reads {status} {answer}")
    pair.ask("app_ap", "POST", "/write/both/agreed", {"X-Context": answer["version"]})
    stage.ends()


def run(binaries, speed):
    """All of it; throws ``Failure``."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="cap-test-prometheus-"))
    running = []
    try:
        pair = support.Pair(binaries, directory, SETTINGS)
        running.append(pair)
        running.append(support.Clients(pair))
        alertmanager = support.Alertmanager(directory)
        support.lab.write_configuration(directory, pair.services | {"alertmanager": alertmanager.address}, speed)
        alertmanager.start()
        running.append(alertmanager)
        prometheus = support.Prometheus(directory, speed)
        running.append(prometheus)
        in_health_nothing_fires(pair, prometheus)
        west_is_cut(pair, prometheus, alertmanager)
        three_things_at_once(pair, prometheus)
        conflicts_are_resolved(pair, prometheus)
    finally:
        for program in reversed(running):
            program.stop()
        shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    standard = support.ROOT / ".build/release"
    parser.add_argument("--bin", type=pathlib.Path, default=standard, help="where caplab, app-cp and app-ap are")
    options = parser.parse_args()
    for speed in SPEEDS:
        try:
            run(options.bin, speed)
        except Failure as failure:
            load = os.getloadavg()[0]
            print(f"test-prometheus: at {speed} times the speed, load {load:.0f} on {os.cpu_count()} cores: {failure}")
            continue
        print(f"test-prometheus: all good, in {time.monotonic() - START:.0f} s")
        return
    sys.exit(1)


if __name__ == "__main__":
    main()
