"""The systems of the comparison. Each starts three nodes on this machine, whose links go through relays.

A node of app-cp or app-ap is a service with its nearest Redis server. perseus compares Gryadka, a system of the same
kind, in this way. The service reaches its own Redis directly, as an etcd or ZooKeeper server reaches its own disk. It
reaches the other two Redis servers through relays.
"""

import itertools
import os
import re
import shutil
import subprocess
import time

from machine import Failure, free_ports

from .clients import AppClient, EtcdClient, Unserved
from .relays import Link, Relays
from .zookeeper import ZooKeeperClient, is_leader

NODES = range(3)
LOOPBACK = "127.0.0.1"
START_LIMIT_S = 60
INIT_LIMIT_S = 15
REQUEST_S = 1
ZOOKEEPER_JAR = "/usr/share/java/zookeeper.jar"
# Without these files, ZooKeeper writes no log.
LOG_JARS = ["/usr/share/java/slf4j-log4j12.jar", "/usr/share/java/log4j-1.2.jar"]


def pairs_of_nodes():
    return itertools.permutations(NODES, 2)


class AppCluster:
    """Three services of one group, each with a Redis of its own."""

    has_leader = False

    def __init__(self, mode):
        self.mode, self.name, self.title = mode, mode, f"app-{mode}"
        fsync = "always" if mode == "cp" else "everysec"
        self.settings = f"defaults of the service; each Redis with `appendonly yes`, `appendfsync {fsync}`"
        self.fsync = fsync

    @staticmethod
    def missing():
        return None if shutil.which("redis-server") else "redis-server is not installed; 'scripts/setup.sh' installs it"

    @staticmethod
    def version(arguments):
        redis = first_match(["redis-server", "--version"], r"v=(\S+)")
        service = first_match([os.path.join(arguments.bin, "app-cp"), "--version"], r"(\d\S*)")
        return f"{service}, Redis {redis}"

    def start(self, machine, arguments):
        ports = free_ports(12)
        self.http_ports, redis_ports, link_ports = ports[:3], ports[3:6], ports[6:]
        self.pids, self.addresses = [], [[(LOOPBACK, port)] for port in redis_ports]
        for node in NODES:
            machine.redis(f"redis-{node + 1}", redis_ports[node], self.fsync)
        links = [
            Link((LOOPBACK, port), (LOOPBACK, redis_ports[target]), target, source)
            for port, (source, target) in zip(link_ports, pairs_of_nodes())]
        self.relays = Relays(machine, links)
        program = os.path.join(os.path.abspath(arguments.bin), f"app-{self.mode}")
        if self.mode == "cp":
            environment = self.environment(0, redis_ports)
            if machine.start("init", [program, "init"], environment).wait(INIT_LIMIT_S) != 0:
                raise Failure(f"app-cp init: {machine.last_lines('init')}")
        for node in NODES:
            ports = {link.target: link.listen[1] for link in links if link.source == node}
            environment = self.environment(node, [ports.get(target, redis_ports[target]) for target in NODES])
            service = machine.service(
                f"{self.title}-{node + 1}", [program], environment, self.http_ports[node], "/health/ready", [])
            self.pids.append(service.process.pid)

    def environment(self, node, redis_ports):
        replicas = ",".join(f"g{number + 1}=redis://{LOOPBACK}:{port}" for number, port in enumerate(redis_ports))
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
        return inherited | {
            "REPLICAS": replicas, "NEAR_REPLICAS": f"g{node + 1}", "HTTP_BIND": LOOPBACK,
            "HTTP_PORT": str(self.http_ports[node]), "GROUP": self.mode, "NODE_ID": f"{self.title}-{node + 1}",
            "LOG_LEVEL": "warning", "SECRET_KEY": "only-for-measuring-here"}

    def client(self, node, key):
        return AppClient(self.http_ports[node], key, self.mode == "cp")

    def prepare(self, keys):
        for key in keys:
            persist(self.client(0, key), lambda client, deadline: client.put(0, deadline))

    def leader(self):
        return None


class EtcdCluster:
    """Three etcd servers. All peers use the same address of a server, so /proc shows the relays who connects."""

    has_leader = True

    def __init__(self, name, title, options):
        self.name, self.title, self.options = name, title, options
        defaults = "`--heartbeat-interval 100`, `--election-timeout 1000`, no `--pre-vote` (the defaults)"
        self.settings = f"`{' '.join(options)}`" if options else defaults

    @staticmethod
    def missing():
        return None if shutil.which("etcd") else "etcd is not installed; 'scripts/setup.sh downtime' installs it"

    @staticmethod
    def version(_):
        return first_match(["etcd", "--version"], r"Version: (\S+)")

    def start(self, machine, _):
        ports = free_ports(9)
        self.http_ports, peer_ports, link_ports = ports[:3], ports[3:6], ports[6:]
        self.relays = Relays(
            machine, [Link((LOOPBACK, link_ports[node]), (LOOPBACK, peer_ports[node]), node) for node in NODES])
        members = ",".join(f"n{node + 1}=http://{LOOPBACK}:{link_ports[node]}" for node in NODES)
        self.pids, self.addresses = [], [[(LOOPBACK, port)] for port in peer_ports]
        for node in NODES:
            command = [
                "etcd", "--name", f"n{node + 1}", "--data-dir", "data", "--initial-cluster", members,
                "--initial-advertise-peer-urls", f"http://{LOOPBACK}:{link_ports[node]}",
                "--listen-peer-urls", f"http://{LOOPBACK}:{peer_ports[node]}",
                "--listen-client-urls", f"http://{LOOPBACK}:{self.http_ports[node]}",
                "--advertise-client-urls", f"http://{LOOPBACK}:{self.http_ports[node]}",
                "--logger", "zap", "--log-level", "warn", *self.options]
            self.pids.append(machine.start(f"etcd-{node + 1}", command).pid)
        self.relays.identify(self.pids)
        wait_for_leader(self, [(f"etcd-{node + 1}", machine) for node in NODES])

    def client(self, node, key):
        return EtcdClient(self.http_ports[node], key)

    def prepare(self, keys):
        for key in keys:
            persist(self.client(0, key), lambda client, deadline: client.put(0, deadline))

    def leader(self):
        """The node that all nodes report as the leader, or None."""
        members, leaders = [], set()
        for node in NODES:
            client = self.client(node, "")
            try:
                _, answer = client.request("POST", "/v3/maintenance/status", time.monotonic() + REQUEST_S, b"{}")
            except Unserved:
                return None
            finally:
                client.close()
            members.append(answer.get("header", {}).get("member_id"))
            leaders.add(answer.get("leader"))
        return members.index(leader) if len(leaders) == 1 and (leader := leaders.pop()) in members else None


class ZooKeeperCluster:
    """Three ZooKeeper servers.

    Every server has a file with other addresses of its peers: those of its own relays, at other loopback addresses and
    the same ports. For elections, a server also sends its peers the address at which it listens, so that they connect
    to it. The relay replaces this address by that of the relay in the other direction.

    The relays mirror the servers, because a server opens its quorum port only when it has become the leader. A follower
    repeats a connect that is refused, but begins another election after a connection that was accepted and closed.
    """

    has_leader = True

    def __init__(self, name, tick_ms):
        self.name, self.tick_ms = name, tick_ms
        self.title = f"ZooKeeper, tickTime {tick_ms:,} ms"
        self.settings = f"`tickTime={tick_ms}`, `initLimit=10`, `syncLimit=5`"
        if tick_ms == 2000:
            self.title, self.settings = "ZooKeeper", f"{self.settings} (Debian's example file)"

    @staticmethod
    def missing():
        if shutil.which("java") and os.path.exists(ZOOKEEPER_JAR):
            return None
        return "ZooKeeper is not installed; 'scripts/setup.sh downtime' installs it"

    @staticmethod
    def version(_):
        # In Debian, a link to the file has a name that ends in the version.
        names = " ".join(os.listdir(os.path.dirname(ZOOKEEPER_JAR)))
        jar = re.search(r"\bzookeeper-(\d\S*)\.jar\b", names)
        java = first_match(["java", "-version"], r'version "([^"]+)"')
        return f"{jar[1] if jar else '?'}, Java {java}"

    def start(self, machine, _):
        ports = free_ports(9)
        self.client_ports, quorum_ports, election_ports = ports[:3], ports[3:6], ports[6:]
        links = []
        for source, target in pairs_of_nodes():
            for ports in (quorum_ports, election_ports):
                address = f"{LOOPBACK}:{ports[source]}"
                links.append(Link(
                    (relay_address(source, target), ports[target]), (LOOPBACK, ports[target]), target, source,
                    (address, f"{relay_address(target, source)}:{ports[source]}"), mirrors_target=True))
        self.relays = Relays(machine, links)
        self.pids = []
        self.addresses = [[(LOOPBACK, port) for port in ports] for ports in zip(quorum_ports, election_ports)]
        for node in NODES:
            addresses = [LOOPBACK if other == node else relay_address(node, other) for other in NODES]
            lines = [
                f"tickTime={self.tick_ms}", "initLimit=10", "syncLimit=5", "dataDir=data", "admin.enableServer=false",
                f"clientPort={self.client_ports[node]}", f"clientPortAddress={LOOPBACK}",
                *(f"server.{n + 1}={addresses[n]}:{quorum_ports[n]}:{election_ports[n]}" for n in NODES)]
            directory = os.path.join(machine.directory, f"zookeeper-{node + 1}")
            os.makedirs(os.path.join(directory, "data"))
            for name, content in [("zoo.cfg", lines), ("data/myid", [str(node + 1)]), ("log4j.properties", LOG4J)]:
                with open(os.path.join(directory, name), "w") as file:
                    file.write("\n".join(content) + "\n")
            command = [
                "java", "-Xmx256m", "-cp", ":".join([directory, ZOOKEEPER_JAR, *LOG_JARS]),
                "org.apache.zookeeper.server.quorum.QuorumPeerMain", "zoo.cfg"]
            self.pids.append(machine.start(f"zookeeper-{node + 1}", command).pid)
        wait_for_leader(self, [(f"zookeeper-{node + 1}", machine) for node in NODES])

    def client(self, node, key):
        return ZooKeeperClient(self.client_ports[node], key)

    def prepare(self, keys):
        for key in keys:
            persist(self.client(0, key), lambda client, deadline: client.create(deadline))

    def leader(self):
        return next((node for node in NODES if is_leader(self.client_ports[node])), None)


def relay_address(source, target):
    """An address as long as LOOPBACK, because ZooKeeper sends the length of an address before the address."""
    return f"127.0.{source + 1}.{target + 2}"


LOG4J = [
    "log4j.rootLogger=WARN, console", "log4j.appender.console=org.apache.log4j.ConsoleAppender",
    "log4j.appender.console.layout=org.apache.log4j.PatternLayout",
    "log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{1}: %m%n"]


def all_clusters():
    fast = ["--pre-vote", "--heartbeat-interval", "30", "--election-timeout", "300"]
    return [
        AppCluster("cp"), AppCluster("ap"), EtcdCluster("etcd", "etcd", []), ZooKeeperCluster("zookeeper", 2000),
        EtcdCluster("etcd-tuned-vote", "etcd with pre-vote", ["--pre-vote"]),
        EtcdCluster("etcd-tuned", "etcd with pre-vote, election timeout 300 ms", fast),
        ZooKeeperCluster("zookeeper-tuned", 200)]


def wait_for_leader(cluster, logs):
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end:
        if cluster.leader() is not None:
            return
        time.sleep(0.1)
    ends = "\n".join(machine.last_lines(name) for name, machine in logs)
    raise Failure(f"{cluster.title} had no leader after {START_LIMIT_S} s: {ends}")


def persist(client, request):
    """Repeats a request that may be refused while the cluster starts, and closes the client."""
    end = time.monotonic() + START_LIMIT_S
    while True:
        try:
            return request(client, time.monotonic() + REQUEST_S)
        except Unserved as error:
            if time.monotonic() > end:
                raise Failure(f"no success in {START_LIMIT_S} s: {error.code}") from error
            time.sleep(0.1)
        finally:
            client.close()


def first_match(command, pattern):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "?"
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "?"
