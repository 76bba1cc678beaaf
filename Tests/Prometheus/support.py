"""Fixtures of the Prometheus tests: the lab with clients, Prometheus and Alertmanager."""

import http.client
import itertools
import json
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROMETHEUS = ROOT / "prometheus"
sys.path[:0] = [str(PROMETHEUS), str(ROOT / "Tests")]
import lab  # noqa: E402  (prometheus/lab.py)
from programs import Lab, Program, until  # noqa: E402,F401


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get_json(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


class Pair(Lab):
    """A lab with its own run directory, and its commands."""

    def __init__(self, binaries, directory, settings):
        self.caplab = binaries / "caplab"
        self.run_dir = directory / "run"
        arguments = ["--run-dir", self.run_dir, "--log-level", "warning"]
        arguments += [f"--service-env={name}={value}" for name, value in settings.items()]
        super().__init__(self.caplab, directory, arguments)
        self.wait()
        self.services = lab.services_of_lab(self.caplab, self.run_dir)

    def run(self, command, *arguments):
        command_line = [str(self.caplab), command, "--run-dir", str(self.run_dir), *arguments]
        subprocess.run(command_line, check=True, stdout=subprocess.DEVNULL)

    def ask(self, service, method, path, headers=None):
        """Status and JSON of the answer; status 0 without an answer."""
        connection = http.client.HTTPConnection(self.services[service], timeout=5)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        except (OSError, http.client.HTTPException):
            return 0, {}
        finally:
            connection.close()


class Clients:
    """One client per service that writes and reads new keys, at about ten requests per second."""

    def __init__(self, pair):
        self.is_stopping = threading.Event()
        self.threads = [threading.Thread(target=self.go, args=(pair, name), daemon=True) for name in pair.services]
        for thread in self.threads:
            thread.start()

    def go(self, pair, service):
        for number in itertools.count():
            if self.is_stopping.is_set():
                return
            pair.ask(service, "POST", f"/write/{service}-{number}/value")
            pair.ask(service, "GET", f"/read/{service}-{number}")
            if service.startswith("app_ap") and number % 5 == 0:
                pair.ask(service, "GET", f"/read/{service}-{number}?max_staleness_ms=0")
            self.is_stopping.wait(0.1)

    def stop(self):
        self.is_stopping.set()
        for thread in self.threads:
            thread.join(30)


class Stalls:
    """Replicas that repeatedly stop for a moment, like those with a slow disk."""

    def __init__(self, pair, nodes, length_s, every_s):
        self.pair, self.nodes, self.length_s, self.every_s = pair, nodes, length_s, every_s
        self.is_stopping = threading.Event()
        self.thread = threading.Thread(target=self.go, daemon=True)

    def go(self):
        while not self.is_stopping.is_set():
            for node in self.nodes:
                self.pair.run("pause", node)
            time.sleep(self.length_s)
            for node in self.nodes:
                self.pair.run("resume", node)
            self.is_stopping.wait(self.every_s - self.length_s)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.is_stopping.set()
        self.thread.join()


class Alertmanager(Program):
    """A real Alertmanager whose notifications are kept."""

    def __init__(self, directory):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.directory = directory
        self.notifications = []
        self.receiver = lab.Receiver(self.notifications.append)

    def start(self):
        super().__init__("alertmanager", lab.alertmanager_command_line(self.directory, self.port), self.directory)

    def stop(self):
        super().stop()
        self.receiver.stop()

    def alerts(self):
        """State (active, suppressed) of every alert."""
        try:
            alerts = get_json(f"http://{self.address}/api/v2/alerts")
        except OSError:
            return {}
        return {alert_key(a["labels"]): a["status"]["state"] for a in alerts}


class Prometheus(Program):
    """A Prometheus whose durations, configured in `directory`, are divided by `speed`."""

    def __init__(self, directory, speed):
        self.port, self.speed = free_port(), speed
        super().__init__("prometheus", lab.command_line(directory, self.port), directory)
        self.wait_for(self.is_ready, "ready")

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5):
                return True
        except OSError:
            return False

    def api(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        answer = get_json(f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}")
        if answer["status"] != "success":
            raise RuntimeError(f"{path}: {answer}")
        return answer["data"]

    def query(self, expression):
        return self.api("query", query=expression)["result"]

    def firing(self):
        return {alert_key(a["labels"]) for a in self.api("alerts")["alerts"] if a["state"] == "firing"}

    def fired_since(self, start):
        """Every alert that fired at any time since `start` (monotonic clock)."""
        window_ms = max(1, int((time.monotonic() - start) * 1_000))
        fired = self.query(f'present_over_time(ALERTS{{alertstate="firing"}}[{window_ms}ms])')
        return {alert_key(series["metric"]) for series in fired}


def alert_key(labels):
    """Alert, service, site or replica."""
    return (labels["alertname"], labels.get("job"), labels.get("site") or labels.get("node"))
