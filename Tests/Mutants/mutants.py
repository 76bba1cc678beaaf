#!/usr/bin/env python3
"""Deliberate protocol bugs, and whether the simulation catches each: `make mutants`.

A mutant is a replacement in one source file (cp.toml and ap.toml say which), made in a copy of the tree, never in the tree
itself: no program has a switch for one. A mutant in Swift is built; one in Lua is handed to the simulator, which makes the
replacement when it loads the script. Both are simulated until a seed shows a violation. A replacement that does not fit
exactly once is an error of this list. Exit code 1 if a mutant survived.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# A mutant may hang a process: that is found out by processor time, which a busy machine does not use up.
PROCESSOR_LIMIT_S = 600
SIMULATION_LIMIT_S = 3_600
# No bug of the program's own ends it so.
FOREIGN_SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


def copy_tree(scratch):
    """The tree as it is, beside a build directory that is kept from one time to the next."""
    tree = scratch / "tree"
    tree.mkdir(parents=True, exist_ok=True)
    for name in ["Package.swift", "Sources", "Tests"]:
        source, target = ROOT / name, tree / name
        if source.is_dir():
            mirror(source, target)
        elif not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copy2(source, target)
    # A mutant may leave something unused: a warning is no reason not to try it.
    package = tree / "Package.swift"
    package.write_text(package.read_text().replace("    .treatAllWarnings(as: .error),\n", ""))
    return tree


def mirror(source, target):
    """Copies what differs, and removes what is not there any more, so that only that is built again."""
    target.mkdir(exist_ok=True)
    names = {entry.name for entry in source.iterdir()}
    for entry in target.iterdir():
        if entry.name not in names:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for entry in source.iterdir():
        other = target / entry.name
        if entry.is_dir():
            mirror(entry, other)
        elif not other.exists() or other.read_bytes() != entry.read_bytes():
            shutil.copy2(entry, other)


class Mutant:
    def __init__(self, entry, tree):
        self.name, self.rule = entry["name"], entry["rule"]
        self.arguments = entry.get("arguments", "").split()
        self.seeds = entry.get("seeds", 200)
        # One or several replacements that make one bug together.
        self.changes = entry.get("change") or [entry]
        self.tree = tree
        self.originals = {}

    def apply(self):
        for change in self.changes:
            path = self.tree / change["file"]
            text = path.read_text()
            self.originals.setdefault(path, text)
            self.check(change, text)
            path.write_text(text.replace(change["find"], change["replace"]))

    @property
    def is_lua(self):
        return all(change["file"].endswith(".lua") for change in self.changes)

    def script_mutations(self, scratch):
        """A file for the simulator with the replacements of a mutant in Lua."""
        for change in self.changes:
            self.check(change, (self.tree / change["file"]).read_text())
        path = scratch / "script-mutations.json"
        path.write_text(json.dumps([{"find": c["find"], "replace": c["replace"]} for c in self.changes]))
        return path

    @staticmethod
    def check(change, text):
        count = text.count(change["find"])
        if count != 1:
            raise ValueError(f"its text is there {count} times in {change['file']}")

    def revert(self):
        for path, text in self.originals.items():
            path.write_text(text)


def build(tree, scratch):
    # Optimised file by file: as fast as a release, and a mutant costs one file and not whole modules.
    command = ["swift", "build", "--product", "Simulate", "-Xswiftc", "-O", "-Xcc", "-O2"]
    command += ["--scratch-path", str(scratch / "build")]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "error:" in line]
        raise ValueError("it does not build: " + (lines[0] if lines else "no reason given"))
    return scratch / "build" / "debug" / "Simulate"


def limit_processor_time():
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_LIMIT_S, PROCESSOR_LIMIT_S + 10))


def simulate(program, mutant, directory, script_mutations=None):
    """What the simulation says: caught (after how many seeds, by what), or survived."""
    command = [str(program), mutant.engine, "--seeds", str(mutant.seeds), "--until-violation", "--directory", directory]
    environment = dict(os.environ)
    if script_mutations:
        environment["SIMULATE_SCRIPT_MUTATIONS"] = str(script_mutations)
    try:
        done = subprocess.run(
            command + mutant.arguments, capture_output=True, text=True, timeout=SIMULATION_LIMIT_S,
            preexec_fn=limit_processor_time, env=environment)
    except subprocess.TimeoutExpired:
        return "error", "-", f"no end within {SIMULATION_LIMIT_S} s"
    lines = done.stdout.splitlines()
    for index, line in enumerate(lines):
        if line.endswith(": VIOLATION"):
            seed = line.split()[1].rstrip(":")
            return "caught", seed, lines[index + 1].strip()
    if -done.returncode == signal.SIGXCPU:
        return "caught", "-", f"no end within {PROCESSOR_LIMIT_S} s of processor time"
    if -done.returncode in FOREIGN_SIGNALS:
        return "error", "-", f"somebody ended the program by signal {-done.returncode}"
    if done.returncode < 0:
        return "caught", "-", f"the program was ended by signal {-done.returncode}"
    if done.returncode:
        return "error", "-", (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return "SURVIVED", str(mutant.seeds), ""


TABLE_HEAD = """# Deliberate protocol bugs

Each is a replacement in the source ([cp.toml](../Tests/Mutants/cp.toml), [ap.toml](../Tests/Mutants/ap.toml)), made in a copy
of the tree, built, and simulated until a seed shows a violation; no program has a switch for one. Written by `make mutants
ARGS='--table docs/mutants.md'`; a row stays as it was last seen until its mutant is run again. A mutant that survives fails
the run. "Seed" is the first one that showed it, as two threads happened to take them; "of" is how many it may take.
"""
TABLE_TAIL = """
## Left out

Tried in the same way and not caught, in 200 seeds or more; the rules keep them all the same.

- AP, A7 and A9: what is signed is not bound to its use. Nobody can tell: a context begins with another byte than a token,
  and what the one signs begins with a decimal digit, the other with 0 or 1.
- AP, A9: what several replicas know together is not joined for a session. It is then refused more often, and never shown
  less; a test of its own on real replicas sees it.
- AP, A10: a tombstone is collected although it is owed. Nobody can tell: every replica has said that it holds the same, and
  a debt for a record that is gone is struck off.
- AP, A10: the clock is not raised above what is collected. Nobody can tell: a replica's own dots rise without it, and
  those of others name others.
"""
COLUMNS = "| engine | mutant | rule | simulated by | seed | of |\n|---|---|---|---|---|---|\n"


def write_table(path, rows):
    """Puts the rows into the table of a Markdown file; what it says of other mutants stays."""
    known = {}
    if path.exists():
        for line in path.read_text().splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if line.startswith("| ") and len(cells) == 6 and cells[0] != "engine":
                known[cells[0], cells[1]] = line
    for mutant, result, seed in rows:
        seeds = seed if result == "caught" else "**survived**"
        how = "`" + (" ".join(mutant.arguments) or "--profile mixed") + "`"
        cells = [mutant.engine, mutant.name, mutant.rule, how, seeds, str(mutant.seeds)]
        known[mutant.engine, mutant.name] = "| " + " | ".join(cells) + " |"
    lines = []
    for engine in ["cp", "ap"]:
        for entry in tomllib.loads((HERE / f"{engine}.toml").read_text())["mutant"]:
            if (engine, entry["name"]) in known:
                lines.append(known[engine, entry["name"]])
    path.write_text(TABLE_HEAD + "\n" + COLUMNS + "\n".join(lines) + "\n" + TABLE_TAIL)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", default=str(ROOT / ".build" / "mutants"), help="where the copy is built")
    parser.add_argument("--only", default="", help="only mutants whose name or arguments contain this")
    parser.add_argument("--table", type=pathlib.Path, help="a Markdown file whose table takes the results")
    parser.add_argument("engines", nargs="*", default=["cp", "ap"], help="cp, ap")
    arguments = parser.parse_args()
    scratch = pathlib.Path(arguments.scratch).resolve()
    tree = copy_tree(scratch)
    program = scratch / "Simulate"
    shutil.copy2(build(tree, scratch), program)
    bad = 0
    rows = []
    print(f"{'mutant':<52} {'rule':<8} {'result':<9} {'seed':>5}  {'s':>4}  how", flush=True)
    for engine in arguments.engines:
        entries = tomllib.loads((HERE / f"{engine}.toml").read_text())["mutant"]
        for entry in entries:
            mutant = Mutant(entry, tree)
            mutant.engine = engine
            if arguments.only not in f"{mutant.name} {entry.get('arguments', '')}":
                continue
            start = time.monotonic()
            try:
                if mutant.is_lua:
                    result, seed, how = simulate(program, mutant, str(scratch), mutant.script_mutations(scratch))
                else:
                    mutant.apply()
                    result, seed, how = simulate(build(tree, scratch), mutant, str(scratch))
            except ValueError as problem:
                result, seed, how = "error", "-", str(problem)
            finally:
                mutant.revert()
            bad += result != "caught"
            rows.append((mutant, result, seed))
            if arguments.table:
                write_table(arguments.table, rows)
            took = time.monotonic() - start
            print(f"{mutant.name:<52} {mutant.rule:<8} {result:<9} {seed:>5}  {took:>4.0f}  {how[:100]}", flush=True)
    print(f"{bad} not caught" if bad else "all caught")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
