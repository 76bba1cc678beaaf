#!/usr/bin/env python3
"""Applies deliberate protocol bugs and checks that the simulation catches each: `make mutants`.

A mutant is a replacement in one or more source files, listed in cp.toml and ap.toml. It is applied to a copy of the
tree, never to the tree itself, and no production program has a switch for it. A Swift mutant is built; a Lua mutant is
passed to the simulator, which makes the replacement when it loads the script. Both are simulated until a seed shows a
violation.

The text to replace must occur exactly once. Exit code 1 if a mutant survives or cannot be tried.
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
# A mutant may hang a process. Processor time detects it, because it does not depend on the load of the machine.
PROCESSOR_LIMIT_S = 600
# A mutant that needs more seeds than this needs a directed schedule or a profile of its own.
MAX_SEEDS = 300
SIMULATION_LIMIT_S = 3_600
# Signals from a person or the system. A bug of the simulated code never causes them.
FOREIGN_SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


def copy_tree(scratch):
    """Copies the tree next to a build directory that later runs use again."""
    tree = scratch / "tree"
    tree.mkdir(parents=True, exist_ok=True)
    for name in ["Package.swift", "Sources", "Tests"]:
        source, target = ROOT / name, tree / name
        if source.is_dir():
            mirror(source, target)
        elif not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copy2(source, target)
    # A mutant may leave a variable unused: a warning must not prevent the build.
    package = tree / "Package.swift"
    package.write_text(package.read_text().replace("    .treatAllWarnings(as: .error),\n", ""))
    return tree


def mirror(source, target):
    """Copies files that differ, and removes files without a source. So the next build compiles only changed files."""
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
    def __init__(self, engine, entry, tree, max_seeds):
        self.engine = engine
        self.name, self.rule = entry["name"], entry["rule"]
        self.arguments = entry.get("arguments", "").split()
        self.seeds = min(entry.get("seeds", 200), max_seeds)
        # Several replacements may form one bug.
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
        """Writes the replacements of a Lua mutant to a file that the simulator reads."""
        for change in self.changes:
            self.check(change, (self.tree / change["file"]).read_text())
        path = scratch / "script-mutations.json"
        path.write_text(json.dumps([{"find": c["find"], "replace": c["replace"]} for c in self.changes]))
        return path

    @staticmethod
    def check(change, text):
        count = text.count(change["find"])
        if count != 1:
            raise ValueError(f"the text to replace occurs {count} times in {change['file']}")

    def revert(self):
        for path, text in self.originals.items():
            path.write_text(text)


def build(tree, scratch):
    # Optimise file by file: the program is as fast as a release build, but a mutant rebuilds one file, not a module.
    command = ["swift", "build", "--product", "Simulate", "-Xswiftc", "-O", "-Xcc", "-O2"]
    command += ["--scratch-path", str(scratch / "build")]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "error:" in line]
        raise ValueError("the build fails: " + (lines[0] if lines else "no reason given"))
    return scratch / "build" / "debug" / "Simulate"


def limit_processor_time():
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_LIMIT_S, PROCESSOR_LIMIT_S + 10))


def simulate(program, mutant, directory, script_mutations=None):
    """Returns the result ("caught", "SURVIVED" or "error"), the seed, and what caught the mutant."""
    command = [str(program), mutant.engine, "--seeds", str(mutant.seeds), "--until-violation", "--directory", directory]
    environment = dict(os.environ)
    if script_mutations:
        environment["SIMULATE_SCRIPT_MUTATIONS"] = str(script_mutations)
    try:
        done = subprocess.run(
            command + mutant.arguments, capture_output=True, text=True, timeout=SIMULATION_LIMIT_S,
            preexec_fn=limit_processor_time, env=environment)
    except subprocess.TimeoutExpired:
        return "error", "-", f"still running after {SIMULATION_LIMIT_S} s"
    lines = done.stdout.splitlines()
    for index, line in enumerate(lines):
        if line.endswith(": VIOLATION"):
            seed = line.split()[1].rstrip(":")
            return "caught", seed, lines[index + 1].strip()
    if -done.returncode == signal.SIGXCPU:
        return "caught", "-", f"still running after {PROCESSOR_LIMIT_S} s of processor time"
    if -done.returncode in FOREIGN_SIGNALS:
        return "error", "-", f"the program was ended from outside by signal {-done.returncode}"
    if done.returncode < 0:
        return "caught", "-", f"the program crashed with signal {-done.returncode}"
    if done.returncode:
        return "error", "-", (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return "SURVIVED", str(mutant.seeds), ""


TABLE_HEAD = """# Mutants

A mutant is a deliberate protocol bug: a replacement in the source ([cp.toml](../Tests/Mutants/cp.toml),
[ap.toml](../Tests/Mutants/ap.toml)). `make mutants` applies each one to a copy of the tree, builds it, and simulates
until a seed shows a violation. No production program has a switch for it. A mutant that survives fails the run.

"Seed" is the first seed that showed the violation; it depends on how two threads share the seeds. "Of" is the number of
seeds that the mutant may need. `make mutants ARGS='--table docs/mutants.md'` writes this table; the row of a mutant
that was not run keeps its last result.
"""
TABLE_TAIL = """
## Not in the list

These mutants were tried and not caught in 200 seeds or more. The rules keep the checks anyway.

- AP, A7 and A9: the signature does not include its purpose. It cannot be observed: a context and a token begin with
  different bytes, and the signed texts begin with a decimal digit or with 0 or 1.
- AP, A9: the records of several replicas are not joined for a session. The session is refused more often but never
  shown less. A test on real replicas covers it.
- AP, A10: a tombstone is collected although a hint for it is pending. It cannot be observed: every replica has reported
  the same record, and a hint for a missing record is removed.
- AP, A10: the clock is not raised above the collected dots. It cannot be observed: a replica's own dots rise without
  it, and the dots of other replicas have other actors.
"""
COLUMNS = "| engine | mutant | rule | simulated by | seed | of |\n|---|---|---|---|---|---|\n"


def write_table(path, rows):
    """Writes the rows into the table of a Markdown file; the rows of other mutants stay."""
    known = {}
    if path.exists():
        for line in path.read_text().splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if line.startswith("| ") and len(cells) == 6 and cells[0] != "engine":
                known[cells[0], cells[1]] = line
    for mutant, result, seed in rows:
        seeds = seed if result == "caught" else f"**{result.lower()}**"
        how = "`" + (" ".join(mutant.arguments) or "--profile mixed") + "`"
        cells = [mutant.engine, mutant.name, mutant.rule, how, seeds, str(mutant.seeds)]
        known[mutant.engine, mutant.name] = "| " + " | ".join(cells) + " |"
    lines = []
    for engine in ["cp", "ap"]:
        for entry in entries_of(engine):
            if (engine, entry["name"]) in known:
                lines.append(known[engine, entry["name"]])
    path.write_text(TABLE_HEAD + "\n" + COLUMNS + "\n".join(lines) + "\n" + TABLE_TAIL)


def entries_of(engine):
    return tomllib.loads((HERE / f"{engine}.toml").read_text())["mutant"]


def check_all(engines):
    """Checks every mutant against this tree, without a build. Returns the exit code."""
    bad = 0
    for engine in engines:
        for entry in entries_of(engine):
            for change in entry.get("change") or [entry]:
                try:
                    Mutant.check(change, (ROOT / change["file"]).read_text())
                except (ValueError, OSError) as problem:
                    bad += 1
                    print(f"{engine}: {entry['name']}: {problem}")
    print(f"{bad} do not match" if bad else "all match")
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", default=str(ROOT / ".build" / "mutants"), help="where the copy is built")
    parser.add_argument("--only", default="", help="run only mutants whose name or arguments contain this text")
    parser.add_argument("--max-seeds", type=int, default=MAX_SEEDS, help="upper bound on the seeds of every mutant")
    parser.add_argument("--check", action="store_true", help="only check that every text occurs exactly once")
    parser.add_argument("--table", type=pathlib.Path, help="Markdown file whose table receives the results")
    parser.add_argument("engines", nargs="*", default=["cp", "ap"], help="cp, ap or both (default)")
    arguments = parser.parse_args()
    if arguments.check:
        return check_all(arguments.engines)
    scratch = pathlib.Path(arguments.scratch).resolve()
    tree = copy_tree(scratch)
    program = scratch / "Simulate"
    shutil.copy2(build(tree, scratch), program)
    bad = 0
    rows = []
    print(f"{'mutant':<52} {'rule':<8} {'result':<9} {'seed':>5}  {'s':>4}  how", flush=True)
    for engine in arguments.engines:
        for entry in entries_of(engine):
            mutant = Mutant(engine, entry, tree, arguments.max_seeds)
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
    print(f"{bad} of {len(rows)} not caught" if bad else f"all {len(rows)} caught")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
