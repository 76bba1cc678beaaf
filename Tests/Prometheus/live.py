#!/usr/bin/env -S python3 -B
"""Tests every alert with real services and a real Prometheus: `make test-prometheus`.

Starts a lab, clients, Prometheus and Alertmanager on free loopback ports and injects faults: a partition, slow disks, a
killed instance, a replica with foreign data, one that rejects writes. Asserts through the API of Prometheus that the
expected alerts fire and no others, and that Alertmanager sends at most three notifications about the partition. All
durations of prometheus/rules are divided by ten (prometheus/lab.py). After a failure the test runs again, slower: on a
machine that cannot answer a scrape within 400 ms, instances appear down. Exit code 1 if it fails again.
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
# Far above the longest 'for' (5 min), with a margin for a busy machine.
LIMIT_S = 900
# The timeout of a replica is 750 ms, so a stall of 600 ms makes requests slow without failures. The breaker
# tries an unreachable replica often enough for a window of 25 s divided by ten.
SETTINGS = {"MAX_STALENESS_MS": "2000", "NETWORK_TIMEOUT_SEC": "3", "BREAKER_MAX_OPEN_MS": "500"}
STALL_S, STALL_EVERY_S = 0.6, 4

BOTH_SITES = [("app-cp", "east"), ("app-cp", "west"), ("app-ap", "east"), ("app-ap", "west")]
CONFLICTS = {("ConflictsUnresolved", "app-ap", None)}


class Failure(Exception):
    pass


class Scenario:
    """One fault, the alerts that it must fire, and the alerts that may fire meanwhile."""

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
        """Waits until all alerts resolve. Raises Failure if an unexpected alert fired."""
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
    """Prometheus runs the rules of this repository, at the requested speed."""
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


def no_alert_without_faults(pair, prometheus):
    scenario = Scenario("no alert fires without faults", prometheus)
    recorded = 'count by (__name__) ({__name__=~"instance.*:.*"})'
    support.until(lambda: len(prometheus.query(recorded)) >= 8, scenario.limit_s)
    check_rules(prometheus)
    if (count := len(prometheus.query(recorded))) < 8:
        raise Failure(f"only {count} of 8 recording rules have a result")
    # The pause is long enough for an alert with a wrong expression to fire.
    time.sleep(60 / prometheus.speed)
    scenario.expected = set()
    scenario.nothing_else()


def west_is_cut(pair, prometheus, alertmanager):
    scenario = Scenario("west is cut off: alerts fire at both sites, every dashboard query has a result", prometheus)
    pair.run("partition", "west")
    for service in ("app_ap", "app_ap_west"):
        if pair.ask(service, "POST", f"/write/both/{service}")[0] != 200:
            raise Failure(f"{service} rejected a write during the partition")
    effects = (
        {("CircuitBreakerOpen", *where) for where in BOTH_SITES}
        | {("ConnectionFailures", *where) for where in BOTH_SITES}
        | {("HighStaleness", "app-ap", site) for site in ("east", "west")}
        | {("HintsGrowing", "app-ap", site) for site in ("east", "west")}
        | {("CPWithoutMajority", "app-cp", "west"), ("HighErrorRate", "app-cp", "west")}
    )
    cause = {("SiteIsolated", "app-cp", "west"), ("SiteIsolated", "app-ap", "west")}
    scenario.fires(effects | cause)
    expected = dict.fromkeys(effects, "suppressed") | dict.fromkeys(cause, "active")
    if not support.until(lambda: expected.items() <= alertmanager.alerts().items(), scenario.limit_s):
        raise Failure(f"Alertmanager must have {expected}, but has {alertmanager.alerts()}")
    print(f"   Alertmanager suppresses {len(effects)} alerts that follow from the cut", flush=True)
    empty = dashboard.queries_without_result(prometheus)
    if empty:
        raise Failure("queries of the dashboard without a result: " + "; ".join(empty))
    print(f"   all {len(dashboard.queries())} queries of the dashboard have a result", flush=True)
    pair.run("heal")
    scenario.tolerated = CONFLICTS
    scenario.ends()
    one_page_for_the_cut(prometheus, alertmanager)


def one_page_for_the_cut(prometheus, alertmanager):
    """The cut caused at most three notifications, all named SiteIsolated. A service may detect it or its end later."""
    sent = alertmanager.notifications
    # group_interval is one minute.
    support.until(lambda: any(each["status"] == "resolved" for each in sent), 180 / prometheus.speed)
    ours = [each for each in sent if each["groupLabels"]["alertname"] != "ConflictsUnresolved"]
    summary = [(each["status"], each["groupLabels"]["alertname"], len(each["alerts"])) for each in ours]
    about = {name for _, name, _ in summary}
    if about != {"SiteIsolated"} or len(ours) > 3 or summary[-1][0] != "resolved":
        raise Failure(f"the cut must cause at most three notifications about its cause, but there were {summary}")
    links = {alert["annotations"]["runbook_url"] for each in ours for alert in each["alerts"]}
    if links != {"https://runbooks.example/site-isolated.md"}:
        raise Failure(f"the notifications link to {links}")
    if labels := {"runbook_base_url"} & set(ours[0]["commonLabels"]):
        raise Failure(f"the notifications have the labels {labels}")
    print(f"   Alertmanager sent {len(ours)} notifications, all about the cut", flush=True)


def three_faults_at_once(pair, prometheus):
    title = "slow disks, a killed instance, a replica with foreign data: each fires its own alert"
    scenario = Scenario(title, prometheus, CONFLICTS)
    pair.run("kill", "app_ap_west")
    # Use one step, because the services adopt a blank replica at once.
    pair.run("redis", "cp_db_g3", "EVAL", "redis.call('FLUSHALL') redis.call('SET', 'foreign', '1')", "0")
    with support.Stalls(pair, ["cp_db_g1", "cp_db_g2"], STALL_S, STALL_EVERY_S):
        scenario.fires(
            {("InstanceDown", "app-ap", "west"), ("ReplicaRebuilding", "app-cp", "g3"),
             ("ReplicaRefused", "app-cp", "g3")}
            | {("HighLatency", "app-cp", site) for site in ("east", "west")}
        )
    pair.run("redis", "cp_db_g3", "DEL", "foreign")
    pair.run("start", "app_ap_west")
    scenario.ends()


def a_replica_rejects_writes(pair, prometheus):
    scenario = Scenario("a replica that answers and rejects writes fires an alert", prometheus, CONFLICTS)
    pair.run("redis", "cp_db_g1", "CONFIG", "SET", "min-replicas-to-write", "1")
    scenario.fires({("ReplicaNotWritable", "app-cp", "g1")})
    pair.run("redis", "cp_db_g1", "CONFIG", "SET", "min-replicas-to-write", "0")
    scenario.ends()


def conflicts_are_resolved(pair, prometheus):
    scenario = Scenario("the key that both sites wrote fires an alert until it is resolved", prometheus)
    scenario.fires(CONFLICTS)
    status, answer = pair.ask("app_ap", "GET", "/read/both")
    if status != 200 or sorted(answer.get("conflicts", [])) != ["app_ap", "app_ap_west"]:
        raise Failure(f"the read of the conflict returned {status} {answer}")
    pair.ask("app_ap", "POST", "/write/both/agreed", {"X-Context": answer["version"]})
    scenario.ends()


def run(binaries, speed):
    """Runs all scenarios; raises ``Failure``."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="cap-test-prometheus-"))
    running = []
    try:
        pair = support.Pair(binaries, directory, SETTINGS)
        running.append(pair)
        running.append(support.Clients(pair))
        alertmanager = support.Alertmanager(directory)
        addresses = pair.services | {"alertmanager": alertmanager.address}
        links = "https://runbooks.example"
        support.lab.write_configuration(directory, addresses, speed, links, alertmanager.receiver.url)
        alertmanager.start()
        running.append(alertmanager)
        prometheus = support.Prometheus(directory, speed)
        running.append(prometheus)
        no_alert_without_faults(pair, prometheus)
        west_is_cut(pair, prometheus, alertmanager)
        three_faults_at_once(pair, prometheus)
        a_replica_rejects_writes(pair, prometheus)
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
            print(f"test-prometheus: failed at speed {speed}, load {load:.0f} on {os.cpu_count()} cores: {failure}")
            continue
        print(f"test-prometheus: passed in {time.monotonic() - START:.0f} s")
        return
    sys.exit(1)


if __name__ == "__main__":
    main()
