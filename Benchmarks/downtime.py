#!/usr/bin/env -S python3 -B
"""Isolates one of three nodes, and measures which nodes serve and how long none does: `make bench-downtime`.

    make bench-downtime                                   one run, about ten minutes; prints the tables
    make bench-downtime ARGS='--runs 3 --write-docs'      three runs; rewrites docs/downtime.md and its data
    make bench-downtime ARGS='--systems cp,ap,etcd'       only these systems
    make bench-downtime ARGS='--smoke'                    app-cp and app-ap, under 40 s; exits with 1 if a check fails

In the manner of https://github.com/rystsov/perseus. Each of three nodes has a writer. One node loses its links to the
other two, but not to its writer, and gets them back after a while. Systems: app-cp, app-ap, etcd, ZooKeeper. A system
that is not installed is skipped with one line. Writes table.md, result.json and lanes.svg to --output. The JSON is
written after every run, so that an interrupted measurement keeps its complete runs: see --from-json.

Exits with 0 once everything was measured, whatever the figures are; with 2 if something could not be measured.
"""

import argparse
import datetime
import json
import os
import re
import sys
import time

from isolation.clusters import all_clusters
from isolation.lanes import drawing
from isolation.scenario import Times, run
from isolation.smoke import problems
from isolation.table import table
from machine import Failure, describe

DOCS = "docs/downtime.md"
DOCS_JSON = "docs/downtime.json"
DOCS_SVG = "docs/images/downtime.svg"
MARKERS = ("<!-- begin: written by make bench-downtime -->", "<!-- end -->")
HEADINGS = {
    "own": "Each writer has its own key",
    "shared": "All writers increment one number with compare-and-set"}
MAX_SVG_BYTES = 60_000
SMOKE_TIMES = Times(before_s=0.5, held_s=2.5, after_s=1, after_limit_s=10)


def installed(arguments):
    """The chosen systems that are installed. Prints one line for each of the others."""
    found = []
    for cluster in all_clusters():
        if cluster.name not in arguments.systems:
            continue
        if reason := cluster.missing():
            print(f"bench-downtime: {cluster.title} is skipped: {reason}", file=sys.stderr)
        else:
            found.append(cluster)
    return found


def scenarios(clusters, arguments):
    """System, role of the isolated node, whether the writers share a key. Tuned systems: own keys and leader only."""
    for is_shared in [keys == "shared" for keys in arguments.keys]:
        for cluster in clusters:
            is_tuned = "-tuned" in cluster.name
            roles = ["any"] if not cluster.has_leader else ["leader"] if is_tuned else ["leader", "follower"]
            if not (is_tuned and is_shared):
                yield from ((cluster, role, is_shared) for role in roles)


def measure(clusters, arguments, save_so_far):
    """Measures all runs. A scenario that fails is reported and left out."""
    results, failures = [], 0
    for number in range(arguments.runs):
        for cluster, role, is_shared in scenarios(clusters, arguments):
            began = time.monotonic()
            name = f"run {number + 1}: {cluster.title}, {role}, {'shared key' if is_shared else 'own keys'}"
            try:
                result = run(cluster, role, is_shared, arguments.times, arguments, number)
            except Failure as failure:
                failures += 1
                print(f"bench-downtime: {name}: {failure}", file=sys.stderr)
                continue
            results.append(result | {"run": number + 1})
            print(
                f"{name}: nobody served for {result['figures']['nobody_s']:.2f} s ({time.monotonic() - began:.0f} s)",
                file=sys.stderr)
        save_so_far(results)
    return results, failures


def document_of(results, clusters, arguments):
    """Everything that tables and drawing need; saved as JSON."""
    return {
        "format": 1, "date": datetime.date.today().isoformat(), "command": arguments.command, "machine": describe(),
        "held_s": arguments.times.held_s, "bucket_ms": 100,
        "versions": [f"{cluster.title}: {cluster.version(arguments)}; {cluster.settings}" for cluster in clusters],
        "results": results}


def report(document):
    """The part of docs/downtime.md between the markers."""
    results = document["results"]
    count = len({result["run"] for result in results})
    parts = [
        f"{'One run' if count == 1 else f'{count} runs'} on {document['date']} with `{document['command']}`. "
        f"Machine: {document['machine']}. The node was isolated for {document['held_s']:g} s.",
        "\n".join(f"- {line}" for line in document["versions"])]
    for keys, heading in HEADINGS.items():
        if any(result["keys"] == keys for result in results):
            parts += [f"### {heading}", table(results, keys)]
    return "\n\n".join(parts)


def as_json(document):
    """JSON with one line per scenario, so that a diff of two files is readable."""
    lines = ",\n".join(json.dumps(result, separators=(",", ":")) for result in document["results"])
    head = json.dumps({name: value for name, value in document.items() if name != "results"}, indent=1)
    return head.removesuffix("\n}") + f',\n "results": [\n{lines}\n]}}\n'


def save(path, content):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as file:
        file.write(content)


def write_docs(document):
    """Replaces the part between the markers. The drawing and the JSON show the first run."""
    with open(DOCS) as file:
        page = file.read()
    if not all(marker in page for marker in MARKERS):
        raise Failure(f"{DOCS} has no line '{MARKERS[0]}'")
    pattern = f"(?s)({re.escape(MARKERS[0])}).*?({re.escape(MARKERS[1])})"
    text = report(document)
    save(DOCS, re.sub(pattern, lambda found: f"{found[1]}\n\n{text}\n\n{found[2]}", page))
    first = [result for result in document["results"] if result["run"] == 1]
    save(DOCS_JSON, as_json(document | {"results": first}))
    save(DOCS_SVG, picture(first))


def picture(results):
    svg = drawing([result for result in results if result["keys"] == "own"] or results)
    if len(svg) > MAX_SVG_BYTES:
        raise Failure(f"the drawing has {len(svg)} bytes, more than {MAX_SVG_BYTES}")
    return svg


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [cluster.name for cluster in all_clusters()]
    parser.add_argument("--bin", default=".build/release", help="directory of app-cp and app-ap")
    parser.add_argument("--systems", default=",".join(names), help=f"some of {', '.join(names)}")
    parser.add_argument("--keys", default="own,shared", help="own, shared, or own,shared")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20, help="how long the node is isolated: 20")
    parser.add_argument("--output", default=".build/downtime", help="directory for table, JSON and drawing")
    parser.add_argument("--write-docs", action="store_true", help=f"also rewrite {DOCS}, its JSON and its drawing")
    parser.add_argument("--from-json", metavar="FILE", help="measure nothing; show an earlier result.json")
    parser.add_argument("--smoke", action="store_true", help="a short run of app-cp and app-ap that checks itself")
    parser.add_argument("--keep", action="store_true", help="keep the directories with data and logs")
    arguments = parser.parse_args()
    text = " ".join(sys.argv[1:]).replace(f"--bin {arguments.bin}", "").strip()
    arguments.command = "make bench-downtime" + (f" ARGS='{text}'" if text else "")
    arguments.systems, arguments.keys = arguments.systems.split(","), arguments.keys.split(",")
    if unknown := [name for name in arguments.systems if name not in names]:
        parser.error(f"unknown system {unknown[0]}")
    if not set(arguments.keys) <= {"own", "shared"}:
        parser.error("--keys is own, shared, or own,shared")
    if not 1 <= arguments.runs <= 20 or not 1 <= arguments.seconds <= 600:
        parser.error("--runs is 1 to 20, --seconds 1 to 600")
    if arguments.smoke and arguments.write_docs:
        parser.error("--smoke measures too little for --write-docs")
    arguments.times = Times(before_s=3, held_s=arguments.seconds, after_s=5, after_limit_s=60)
    if arguments.smoke:
        arguments.systems, arguments.times = ["cp", "ap"], SMOKE_TIMES
    return arguments


def main():
    arguments = options()
    failures = 0
    try:
        if arguments.from_json:
            with open(arguments.from_json) as file:
                document = json.load(file)
        else:
            clusters = installed(arguments)
            path = os.path.join(arguments.output, "result.json")

            def save_so_far(results):
                if arguments.smoke:
                    return
                save(path, as_json(document_of(results, clusters, arguments)))

            results, failures = measure(clusters, arguments, save_so_far)
            if not results:
                print("bench-downtime: nothing was measured", file=sys.stderr)
                return 2
            if arguments.smoke:
                return check(results, failures)
            document = document_of(results, clusters, arguments)
        text = report(document)
        print(text)
        save(os.path.join(arguments.output, "table.md"), text + "\n")
        first = [result for result in document["results"] if result["run"] == 1]
        save(os.path.join(arguments.output, "lanes.svg"), picture(first))
        if arguments.write_docs:
            write_docs(document)
    except (Failure, OSError, ValueError, KeyError) as failure:
        print(f"bench-downtime: {failure}", file=sys.stderr)
        return 2
    return 2 if failures else 0


def check(results, failures):
    """Prints what a smoke run violates. Returns the exit code."""
    found = problems(results)
    for problem in found:
        print(f"bench-downtime: {problem}")
    print(f"bench-downtime: {len(results)} scenarios, {'FAILED' if found or failures else 'passed'}")
    return 2 if failures else 1 if found else 0


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.exit(main())
