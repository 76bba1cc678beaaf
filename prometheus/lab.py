#!/usr/bin/env -S python3 -B
"""Prometheus on a pair that runs on this machine: `make prometheus`, beside a `make run`.

What it runs with is made from the files of this folder: other addresses, and with --speed 10 every time a tenth of
what it says there (scrapes, windows, 'for'), so that an alert of a minute can be seen in six seconds. There is no second
copy of a rule. Ends, with all its data, at Ctrl-C. Needs Python alone, and Debian's package prometheus.
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
# As PromQL and the configuration write them: '30s'. Text for people has a blank, '30 s', and stays as it is.
DURATION = re.compile(r"(?<![\w.])(\d+)(ms|s|m|h)\b")


def scaled(text, speed):
    """The same with every duration divided by `speed`; comments stay."""

    def shorter(match):
        return f"{max(1, round(int(match[1]) * MS[match[2]] / speed))}ms"

    lines = text.split("\n")
    return "\n".join(line if line.lstrip().startswith("#") else DURATION.sub(shorter, line) for line in lines)


def moved(text, addresses):
    """The same with other addresses by name; a target without one is left out, and so is whom DNS would know."""

    def elsewhere(match):
        return f"targets: [{addresses.get(match[1], '')}]"

    text = re.sub(r"targets: \[(\w+):\d+\]", elsewhere, text)
    return re.sub(r"(?m)(^ *#.*\n)*^( *)dns_sd_configs:\n(\2 .*\n)+", "", text)


def write_configuration(directory, addresses, speed=1):
    """Writes prometheus.yml, alertmanager.yml and the rules into `directory`.

    `addresses` has HOST:PORT by name: of the services, and of `alertmanager` where there is one.
    """
    rules = directory / "rules"
    rules.mkdir(parents=True, exist_ok=True)
    for name in ["prometheus.yml", "alertmanager.yml"]:
        (directory / name).write_text(scaled(moved((HERE / name).read_text(), addresses), speed))
    for path in (HERE / "rules").glob("*.yml"):
        (rules / path.name).write_text(scaled(path.read_text(), speed))


def services_of_lab(caplab, run_dir=None):
    """HOST:PORT of the services of a running lab, by name."""
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
    parser.add_argument("--caplab", default=".build/release/caplab", help="the program that runs the lab")
    parser.add_argument("--run-dir", help="as given to 'caplab up'")
    parser.add_argument("--speed", type=float, default=1, help="how many times faster everything goes (1)")
    parser.add_argument("--port", type=int, default=9090, help="where Prometheus listens on this machine (9090)")
    parser.add_argument("--output", type=pathlib.Path, help="only write the configuration into this directory")
    options = parser.parse_args()
    if not options.speed > 0:
        parser.error("--speed must be above 0")
    try:
        addresses = services_of_lab(options.caplab, options.run_dir)
    except (OSError, subprocess.CalledProcessError):
        sys.exit("prometheus/lab.py: no pair is running here; 'make run' starts one")
    if options.output:
        write_configuration(options.output, addresses, options.speed)
        return
    if not shutil.which("prometheus"):
        sys.exit("prometheus/lab.py: prometheus is not installed; 'scripts/setup.sh prometheus' does that")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="cap-prometheus-"))
    try:
        write_configuration(directory, addresses, options.speed)
        child = subprocess.Popen(command_line(directory, options.port))
        # This waits for the end of Prometheus, which does not mind to be told twice: Ctrl-C in a terminal reaches both.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: child.terminate())
        print(f"http://127.0.0.1:{options.port}/alerts    Ctrl-C stops Prometheus and removes its data.", flush=True)
        sys.exit(child.wait())
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
