"""One isolation: start a cluster, write at its three nodes, isolate one node, let it rejoin, collect the figures."""

import time

from machine import Failure, Machine

from .clients import Unserved
from .clusters import NODES, persist
from .sockets import direct_connections
from .timeline import Timeline, figures, states
from .writers import Writer, stop

STEADY_LIMIT_S = 30
# A writer is not steady if it had no success for longer than this.
STEADY_GAP_S = 1.0
POLL_S = 0.05
REPLICATION_S = 1
SHARED_KEY = "shared"


class Times:
    """How long each phase lasts, in seconds. After the return: until all writers are steady, or the limit."""

    def __init__(self, before_s, held_s, after_s, after_limit_s):
        self.before_s, self.held_s, self.after_s, self.after_limit_s = before_s, held_s, after_s, after_limit_s


def run(cluster, role, is_shared, times, arguments, number):
    """Runs one scenario. `role` is leader, follower or any. Returns figures and buckets as JSON values."""
    with Machine(arguments.keep) as machine:
        cluster.start(machine, arguments)
        keys = [SHARED_KEY] if is_shared else [f"own-{node + 1}" for node in NODES]
        cluster.prepare(keys)
        writers = [Writer(cluster.client(node, keys[0 if is_shared else node]), is_shared) for node in NODES]
        for writer in writers:
            writer.start()
        try:
            wait_until_steady(cluster, writers, STEADY_LIMIT_S, times.before_s)
            isolated = choose(cluster, role, number)
            cut_at = time.monotonic()
            cluster.relays.isolate(isolated)
            time.sleep(times.held_s)
            require_isolation(cluster)
            rejoined_at = time.monotonic()
            cluster.relays.rejoin()
            is_steady = wait_after(writers, times)
            end_at = time.monotonic()
        finally:
            stop(writers)
        timelines = [
            Timeline(writer.attempts, cut_at, -times.before_s, end_at - cut_at) for writer in writers]
        held_s = rejoined_at - cut_at
        return {
            "system": cluster.name, "title": cluster.title, "keys": "shared" if is_shared else "own", "role": role,
            "isolated_node": isolated + 1, "start_s": -times.before_s, "held_s": round(held_s, 3),
            "end_s": round(end_at - cut_at, 3), "steady_at_end": is_steady,
            "figures": rounded(figures(timelines, isolated, held_s)),
            "increments": increments(cluster, writers, isolated) if is_shared else None,
            "writers": [describe(node, isolated, timelines[node]) for node in NODES]}


def require_isolation(cluster):
    """Raises Failure if two nodes are connected without a relay, because then the figures would be meaningless."""
    if direct := list(direct_connections(cluster.pids, cluster.addresses)):
        raise Failure(f"{cluster.title}: node {direct[0][0] + 1} is directly connected to node {direct[0][1] + 1}")


def describe(node, isolated, timeline):
    buckets = timeline.buckets()
    return {
        "node": node + 1, "is_isolated": node == isolated, "attempts": len(timeline.attempts),
        "states": states(buckets),
        "buckets": {kind: counts for kind, counts in buckets.items() if any(counts)}}


def wait_until_steady(cluster, writers, limit_s, steady_s):
    end = time.monotonic() + limit_s
    began = time.monotonic()
    while time.monotonic() < end:
        since = time.monotonic() - steady_s
        if since >= began and all(writer.is_steady(since, STEADY_GAP_S) for writer in writers):
            return
        time.sleep(POLL_S)
    codes = {writer.attempts[-1].code for writer in writers if writer.attempts}
    raise Failure(f"{cluster.title}: not every node served before the cut; last answers: {codes}")


def wait_after(writers, times):
    """Waits until every node has served for `after_s`. Returns whether that was within the limit."""
    began = time.monotonic()
    while time.monotonic() < began + times.after_limit_s:
        time.sleep(POLL_S)
        since = time.monotonic() - times.after_s
        if since >= began and all(writer.is_steady(since, STEADY_GAP_S) for writer in writers):
            return True
    return False


def choose(cluster, role, number):
    """The node to isolate. If the system has no leader, successive runs isolate different nodes."""
    if role == "any":
        return number % len(NODES)
    leader = cluster.leader()
    if leader is None:
        raise Failure(f"{cluster.title} has no leader before the cut")
    return leader if role == "leader" else (leader + 1) % len(NODES)


def increments(cluster, writers, isolated):
    """The acknowledged increments of the shared number, and its final value at a node that was not isolated."""
    # Wait until this node has the last writes, for systems that answer before it has.
    time.sleep(REPLICATION_S)
    try:
        node = (isolated + 1) % len(NODES)
        final, _ = persist(cluster.client(node, SHARED_KEY), lambda client, deadline: client.read(deadline))
    except (Failure, Unserved):
        final = None
    return {
        "acknowledged": sum(writer.acknowledged for writer in writers), "final": final,
        "uncertain": sum(writer.uncertain for writer in writers)}


def rounded(value):
    if isinstance(value, float):
        return round(value, 3)
    return {name: rounded(each) for name, each in value.items()} if isinstance(value, dict) else value
