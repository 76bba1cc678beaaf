#!/usr/bin/env -S python3 -B
"""Runs every command of the runbooks and of the tour, and compares its output with the page. Syntax: page.py.

    Tests/Runbooks/run.py [--bin DIRECTORY] [--on lab|compose] [--jobs N] [PAGE ...]

A PAGE is a runbook, such as high-latency, or a chapter of the tour, such as tour/2-heal. Default: all; in compose only
the runbooks, because the tour shows the output of the lab. Each page gets its own lab. A page ends at its first
mismatch. Exit code 0 only if every page passes.
"""

import argparse
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import page as pages
from lab import PLACES, StartError
from shell import Shell

REPOSITORY = Path(__file__).resolve().parents[2]
RUNBOOKS = REPOSITORY / "runbooks"
DOCS = REPOSITORY / "docs"
COMMAND_TIMEOUT_S = 120
PAUSE_S = 0.5


@dataclass
class Outcome:
    name: str
    run: int = 0
    compared: int = 0
    skipped: int = 0
    skipped_needs: frozenset = frozenset()
    seconds: float = 0
    failure: str = ""


def find_pages(names: list[str], place: str) -> list[Path]:
    """The files of these pages; without names, all pages that run in this place."""
    if not names:
        tour = [DOCS / "tour.md", *sorted((DOCS / "tour").glob("*.md"))]
        return sorted(RUNBOOKS.glob("*.md")) + (tour if place == "lab" else [])
    return [DOCS / f"{name}.md" if name.startswith("tour") else RUNBOOKS / f"{Path(name).stem}.md" for name in names]


def name_of(path: Path) -> str:
    return str(path.relative_to(DOCS).with_suffix("")) if DOCS in path.parents else path.stem


def available(place: str) -> set[str]:
    """The needs of blocks that are available here."""
    tools = {"haproxy": ("haproxy", "socat", "openssl"), "nginx": ("nginx", "openssl")}
    return {place} | {need for need, names in tools.items() if all(map(shutil.which, names))}


def play(path: Path, place_name: str, programs: Path) -> Outcome:
    outcome = Outcome(name_of(path))
    began = time.monotonic()
    place = None
    shell = None
    try:
        page = pages.parse(path.read_text())
        place = PLACES[place_name](REPOSITORY, programs, page.lab_arguments)
        place.wait()
        shell = Shell(place.environment, REPOSITORY, place.scratch)
        code, output = shell.run(f". runbooks/env.sh {place_name}", COMMAND_TIMEOUT_S)
        if code != 0:
            outcome.failure = f"env.sh exits with {code}: {output}"
        play_blocks(page, shell, available(place_name), outcome)
    except (pages.PageError, StartError) as error:
        outcome.failure = str(error)
    finally:
        if shell:
            shell.close()
        if place:
            place.close()
    outcome.seconds = time.monotonic() - began
    return outcome


def play_blocks(page: pages.Page, shell: Shell, there: set[str], outcome: Outcome) -> None:
    for block in page.blocks:
        if outcome.failure:
            return
        if not block.needs <= there:
            if block.kind != "setup":
                outcome.skipped += len(block.commands)
            outcome.skipped_needs |= block.needs - there
            continue
        for command in block.commands:
            outcome.failure = play_command(block, command, shell) or ""
            if outcome.failure:
                return
            if block.kind != "setup":
                outcome.run += 1
                outcome.compared += bool(command.expected)


def play_command(block: pages.Block, command: pages.Command, shell: Shell) -> str | None:
    """Runs a command. Returns a text about the failure, or None."""
    deadline = time.monotonic() + block.within_s
    while True:
        code, output = shell.run(command.text, COMMAND_TIMEOUT_S, stops_at_failure=block.kind != "console")
        where = f"line {command.line}: {command.text}"
        if code is None:
            return f"{where}\n  did not end within {COMMAND_TIMEOUT_S} s; output so far:\n{indented(output)}"
        is_as_shown = not command.expected or pages.matches(command.expected, output)
        if code == command.exit_code and is_as_shown:
            return None
        if time.monotonic() >= deadline:
            break
        time.sleep(PAUSE_S)
    if code != command.exit_code:
        return f"{where}\n  exits with {code} instead of {command.exit_code}:\n{indented(output)}"
    shown = "\n".join(command.expected)
    return f"{where}\n  expected:\n{indented(shown)}\n  output:\n{indented(output)}"


def indented(text: str) -> str:
    return "\n".join("    " + line for line in text.strip("\n").split("\n")[-40:])


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the commands of the runbooks.")
    parser.add_argument("--bin", type=Path, default=REPOSITORY / ".build/release", help="directory of the programs")
    parser.add_argument("--on", choices=sorted(PLACES), default="lab")
    parser.add_argument("--jobs", type=int, default=2, help="number of pages that run at a time (lab only)")
    parser.add_argument("pages", nargs="*", help="names such as high-latency or tour/2-heal; default: all")
    options = parser.parse_args()
    # Daemons are in sbin, which is not in every user's PATH.
    os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin"
    chosen = find_pages(options.pages, options.on)
    missing = [name_of(path) for path in chosen if not path.is_file()]
    if missing:
        print(f"run.py: no such page: {', '.join(missing)}", file=sys.stderr)
        return 2
    jobs = options.jobs if options.on == "lab" else 1
    began = time.monotonic()
    print(f"{'PAGE':<30} {'RUN':>4} {'COMPARED':>8} {'SKIPPED':>7} {'SECONDS':>7}  RESULT", flush=True)
    outcomes = []
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        for outcome in pool.map(lambda path: play(path, options.on, options.bin.resolve()), chosen):
            outcomes.append(outcome)
            needs = f" (needs {', '.join(sorted(outcome.skipped_needs))})" if outcome.skipped else ""
            print(
                f"{outcome.name:<30} {outcome.run:>4} {outcome.compared:>8} {outcome.skipped:>7} "
                f"{outcome.seconds:>7.1f}  {'FAILED' if outcome.failure else 'ok'}{needs}",
                flush=True,
            )
            if outcome.failure:
                print(indented(outcome.failure), flush=True)
    failed = [outcome.name for outcome in outcomes if outcome.failure]
    print(
        f"{len(outcomes)} pages, {sum(each.run for each in outcomes)} commands run, "
        f"{sum(each.compared for each in outcomes)} compared, {sum(each.skipped for each in outcomes)} skipped, "
        f"{time.monotonic() - began:.0f} s on the {options.on}"
    )
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
