#!/usr/bin/env -S python3 -B
"""Runs Prometheus and Alertmanager for the lab of this machine: `make prometheus`, next to `make run`.

The configuration is derived from the files in this directory, so no rule exists twice. The addresses are replaced, and
--speed 10 divides every duration by ten (scrape intervals, windows, 'for'): an alert that takes a minute then fires
after six seconds. Every notification that Alertmanager would send is printed, so that routing can be rehearsed. Ctrl-C
stops both and removes their data. Needs Python and Debian's packages prometheus and prometheus-alertmanager.
"""

import argparse
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
# Durations of PromQL and of the configuration: '30s'. Texts have a blank ('30 s') and are not changed.
DURATION = re.compile(r"(?<![\w.])(\d+)(ms|s|m|h)\b")


def scaled(text, speed):
    """Returns `text` with every duration divided by `speed`, except in comments."""

    def shorter(match):
        return f"{max(1, round(int(match[1]) * MS[match[2]] / speed))}ms"

    lines = text.split("\n")
    return "\n".join(line if line.lstrip().startswith("#") else DURATION.sub(shorter, line) for line in lines)


def moved(text, addresses):
    """Returns `text` with its targets replaced by `addresses`. Removes targets without an address and DNS lookups."""

    def elsewhere(match):
        return f"targets: [{addresses.get(match[1], '')}]"

    text = re.sub(r"targets: \[(\w+):\d+\]", elsewhere, text)
    return re.sub(r"(?m)(^ *#.*\n)*^( *)dns_sd_configs:\n(\2 .*\n)+", "", text)


def with_access(text, token_file, ca_file):
    """Returns `text` with the access that the services need: a file with a token, a file with an authority, or None."""
    lines = [f"    authorization: {{credentials_file: {json.dumps(str(token_file))}}}\n"] if token_file else []
    if ca_file:
        lines.append(f"    scheme: https\n    tls_config: {{ca_file: {json.dumps(str(ca_file))}}}\n")
    return text.replace("    authorization: {credentials_file: token}\n", "".join(lines))


def write_configuration(
    directory, addresses, speed=1, runbooks_url="http://127.0.0.1:9090/user", webhook=None, token_file=None, ca_file=None
):
    """Writes prometheus.yml, alertmanager.yml and the rules into `directory`.

    `addresses` maps the names of the services, and optionally `alertmanager`, to HOST:PORT. `webhook` is the URL that
    receives notifications, if any. `token_file` and `ca_file` are absolute paths, for services that need a token or
    serve HTTPS.
    """
    rules = directory / "rules"
    rules.mkdir(parents=True, exist_ok=True)
    for name in ["prometheus.yml", "alertmanager.yml"]:
        text = scaled(moved((HERE / name).read_text(), addresses), speed).replace("${RUNBOOKS_URL}", runbooks_url)
        text = with_access(text, token_file, ca_file)
        if webhook:
            text = text.replace("- name: operators\n", f"- name: operators\n    webhook_configs: [{{url: {webhook}}}]\n")
        (directory / name).write_text(text)
    for path in (HERE / "rules").glob("*.yml"):
        (rules / path.name).write_text(scaled(path.read_text(), speed))


def services_of_lab(caplab, run_dir=None):
    """Returns the services of a running lab: their name and HOST:PORT."""
    command = [str(caplab), "status", "--json"] + (["--run-dir", str(run_dir)] if run_dir else [])
    status = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return {node["name"]: f"127.0.0.1:{node['port']}" for node in status["nodes"] if node["name"].startswith("app_")}


def command_line(directory, port):
    return [
        "prometheus",
        f"--config.file={directory}/prometheus.yml",
        f"--storage.tsdb.path={directory}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        # Serves the runbooks at /user.
        f"--web.user-assets={HERE.parent / 'runbooks'}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]


def alertmanager_command_line(directory, port):
    # The program has another name in Debian's package.
    names = ["prometheus-alertmanager", "alertmanager"]
    return [
        next((name for name in names if shutil.which(name)), names[0]),
        f"--config.file={directory}/alertmanager.yml",
        f"--storage.path={directory}/alertmanager",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]


class Receiver:
    """A webhook on a free loopback port that passes each notification of Alertmanager to `handle`."""

    def __init__(self, handle):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                handle(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def print_notification(notification):
    print(f"{time.strftime('%H:%M:%S')} notification: {notification['status']}", flush=True)
    for alert in notification["alerts"]:
        labels, texts = alert["labels"], alert["annotations"]
        print(f"  {labels['severity']} {labels['alertname']}: {texts['summary']} ({alert['status']})", flush=True)
        print(f"    {texts['runbook_url']}", flush=True)


def run(commands):
    """Runs programs until one ends or a signal arrives, then stops all. Returns the exit code of the first program."""
    children = []

    def stop(*_):
        for child in children:
            child.terminate()

    try:
        for command in commands:
            children.append(subprocess.Popen(command))
        # Ctrl-C in a terminal also reaches the children. A second signal does no harm to them. Wait until they end.
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, stop)
        while all(child.poll() is None for child in children):
            time.sleep(0.2)
    finally:
        stop()
        for child in children:
            child.wait()
    return children[0].returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--caplab", default=".build/release/caplab", help="path of caplab")
    parser.add_argument("--run-dir", help="the --run-dir of 'caplab up'")
    parser.add_argument("--speed", type=float, default=1, help="divisor of all durations (1)")
    parser.add_argument("--port", type=int, default=9090, help="port of Prometheus on loopback (9090)")
    parser.add_argument("--alertmanager-port", type=int, default=9093, help="port of Alertmanager on loopback (9093)")
    parser.add_argument("--runbooks-url", help="where the links in alerts point (this Prometheus, at /user)")
    parser.add_argument("--output", type=pathlib.Path, help="write the configuration into this directory and exit")
    parser.add_argument(
        "--token-file", type=pathlib.Path, default=os.environ.get("CAPLAB_TOKEN_FILE") or None,
        help="a token with the scope metrics, if the services need one (CAPLAB_TOKEN_FILE)")
    parser.add_argument("--ca", type=pathlib.Path, help="the services serve HTTPS: the authority of their certificates")
    options = parser.parse_args()
    if not options.speed > 0:
        parser.error("--speed must be above 0")
    try:
        addresses = services_of_lab(options.caplab, options.run_dir)
    except (OSError, subprocess.CalledProcessError):
        sys.exit("prometheus/lab.py: no lab is running; start one with 'make run'")
    addresses["alertmanager"] = f"127.0.0.1:{options.alertmanager_port}"
    runbooks_url = options.runbooks_url or f"http://127.0.0.1:{options.port}/user"
    access = {"token_file": options.token_file, "ca_file": options.ca}
    for name, path in access.items():
        if path and not path.is_file():
            parser.error(f"{path} is not a file")
        access[name] = path and path.resolve()
    if options.output:
        write_configuration(options.output, addresses, options.speed, runbooks_url, **access)
        return
    directory = pathlib.Path(tempfile.mkdtemp(prefix="cap-prometheus-"))
    commands = [command_line(directory, options.port), alertmanager_command_line(directory, options.alertmanager_port)]
    receiver = Receiver(print_notification)
    try:
        for command in commands:
            if not shutil.which(command[0]):
                sys.exit(f"prometheus/lab.py: {command[0]} is not installed; run 'scripts/setup.sh prometheus'")
        write_configuration(directory, addresses, options.speed, runbooks_url, receiver.url, **access)
        print(f"http://127.0.0.1:{options.port}/alerts          alerts")
        print(f"http://127.0.0.1:{options.alertmanager_port}          Alertmanager; its notifications are printed here")
        print("Ctrl-C stops both and removes their data.", flush=True)
        sys.exit(run(commands))
    finally:
        receiver.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
