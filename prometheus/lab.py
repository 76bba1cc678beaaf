#!/usr/bin/env -S python3 -B
"""Runs Prometheus for the lab of this machine: `make prometheus`, next to `make run`.

The configuration is derived from the files in this directory, so no rule exists twice. The addresses are replaced, and
--speed 10 divides every duration by ten (scrape intervals, windows, 'for'): an alert that takes a minute then fires
after six seconds. Ctrl-C stops Prometheus and removes its data. Needs Python and Debian's package prometheus.
"""

import argparse
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
# Durations of PromQL and of the configuration: '30s'. Texts have a blank ('30 s') and are not changed.
DURATION = re.compile(r"(?<![\w.])(\d+)(ms|s|m|h)\b")


def scaled(text, speed):
    """`text` with every duration divided by `speed`, except in comments."""

    def shorter(match):
        return f"{max(1, round(int(match[1]) * MS[match[2]] / speed))}ms"

    lines = text.split("\n")
    return "\n".join(line if line.lstrip().startswith("#") else DURATION.sub(shorter, line) for line in lines)


def moved(text, addresses):
    """`text` with the targets replaced by `addresses`. Targets without an address and DNS lookups are removed."""

    def elsewhere(match):
        return f"targets: [{addresses.get(match[1], '')}]"

    text = re.sub(r"targets: \[(\w+):\d+\]", elsewhere, text)
    return re.sub(r"(?m)(^ *#.*\n)*^( *)dns_sd_configs:\n(\2 .*\n)+", "", text)


def write_configuration(directory, addresses, speed=1):
    """Writes prometheus.yml, alertmanager.yml and the rules into `directory`.

    `addresses` maps the names of the services, and optionally `alertmanager`, to HOST:PORT.
    """
    rules = directory / "rules"
    rules.mkdir(parents=True, exist_ok=True)
    for name in ["prometheus.yml", "alertmanager.yml"]:
        (directory / name).write_text(scaled(moved((HERE / name).read_text(), addresses), speed))
    for path in (HERE / "rules").glob("*.yml"):
        (rules / path.name).write_text(scaled(path.read_text(), speed))


def services_of_lab(caplab, run_dir=None):
    """The services of a running lab: name to HOST:PORT."""
    command = [str(caplab), "status", "--json"] + (["--run-dir", str(run_dir)] if run_dir else [])
    status = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return {node["name"]: f"127.0.0.1:{node['port']}" for node in status["nodes"] if node["name"].startswith("app_")}


def command_line(directory, port):
    return [
        "prometheus",
        f"--config.file={directory}/prometheus.yml",
        f"--storage.tsdb.path={directory}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--caplab", default=".build/release/caplab", help="path of caplab")
    parser.add_argument("--run-dir", help="the --run-dir of 'caplab up'")
    parser.add_argument("--speed", type=float, default=1, help="divisor of all durations (1)")
    parser.add_argument("--port", type=int, default=9090, help="port of Prometheus on loopback (9090)")
    parser.add_argument("--output", type=pathlib.Path, help="write the configuration into this directory and exit")
    options = parser.parse_args()
    if not options.speed > 0:
        parser.error("--speed must be above 0")
    try:
        addresses = services_of_lab(options.caplab, options.run_dir)
    except (OSError, subprocess.CalledProcessError):
        sys.exit("prometheus/lab.py: no lab is running; start one with 'make run'")
    if options.output:
        write_configuration(options.output, addresses, options.speed)
        return
    if not shutil.which("prometheus"):
        sys.exit("prometheus/lab.py: prometheus is not installed; run 'scripts/setup.sh prometheus'")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="cap-prometheus-"))
    try:
        write_configuration(directory, addresses, options.speed)
        child = subprocess.Popen(command_line(directory, options.port))
        # Ctrl-C in a terminal reaches both processes; Prometheus ignores a second signal. Wait for its end.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: child.terminate())
        print(f"http://127.0.0.1:{options.port}/alerts    Ctrl-C stops Prometheus and removes its data.", flush=True)
        sys.exit(child.wait())
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
