"""Parses a runbook, or a page of the tour, into its sections and its blocks of commands, in order.

Syntax of a page:

    <!-- lab: ARGUMENTS -->      more arguments of 'caplab up' for this page
    <!-- setup [NEED ...]: COMMANDS -->
                                 commands that create the problem at this point; readers do not see them
    ```sh [NEED ...]             commands; each line must exit with 0
    ```console [NEED ...] [within Ns]
                                 '$ command' lines (continued by '> '), each followed by its expected output. Without
                                 output, nothing is compared. A last line '[exit 1]' is the expected exit code if it is
                                 not 0. With 'within Ns', a command is repeated until its output matches.

A NEED is a place or a tool that may be missing: compose, lab, haproxy, nginx. Without it, the block is skipped and
counted. Other fences (```text, ```yaml) are not run.

In expected output, '…' matches any text within a line, '<number>' a number, and a line '…' any number of lines.
"""

import re
from dataclasses import dataclass, field

SECTIONS = ["When to use this page", "Impact", "Check", "Act", "Verify", "Background"]
NEEDS = {"compose", "lab", "haproxy", "nginx"}


class PageError(Exception):
    """The page has a syntax error."""


@dataclass
class Command:
    line: int
    text: str
    expected: list[str] = field(default_factory=list)
    exit_code: int = 0


@dataclass
class Block:
    """A fenced block of commands, or a setup comment."""

    line: int
    kind: str  # setup, sh or console
    needs: set[str]
    within_s: float
    commands: list[Command]


@dataclass
class Page:
    title: str
    sections: list[str]
    lab_arguments: str
    blocks: list[Block]


def parse(text: str) -> Page:
    lines = text.split("\n")
    page = Page("", [], "", [])
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("# ") and not page.title:
            page.title = line[2:].strip()
        elif line.startswith("## "):
            page.sections.append(line[3:].strip())
        elif match := re.match(r"<!-- (setup|lab)([a-z ]*):(.*)", line):
            body, at = _comment(match.group(3), lines, at)
            if match.group(1) == "lab":
                page.lab_arguments = body
            else:
                needs = _needs(match.group(2).split(), at + 1)
                page.blocks.append(Block(at + 1, "setup", needs, 0, [Command(at + 1, body)]))
        elif line.startswith("```"):
            start = at
            at += 1
            while at < len(lines) and not lines[at].startswith("```"):
                at += 1
            if at == len(lines):
                raise PageError(f"line {start + 1}: the block has no end")
            block = _block(line[3:].split(), lines[start + 1 : at], start + 1)
            if block:
                page.blocks.append(block)
        at += 1
    return page


def _comment(first: str, lines: list[str], at: int) -> tuple[str, int]:
    parts = [first]
    start = at
    while "-->" not in parts[-1]:
        at += 1
        if at == len(lines):
            raise PageError(f"line {start + 1}: the comment has no end")
        parts.append(lines[at])
    parts[-1] = parts[-1].split("-->")[0]
    return "\n".join(parts).strip(), at


def _block(info: list[str], body: list[str], line: int) -> Block | None:
    if not info or info[0] not in ("sh", "console"):
        return None
    words = info[1:]
    within_s = 0.0
    if "within" in words:
        place = words.index("within")
        match = re.fullmatch(r"(\d+)s", words[place + 1] if place + 1 < len(words) else "")
        if not match:
            raise PageError(f"line {line}: 'within' takes a time such as 10s")
        within_s = float(match.group(1))
        del words[place : place + 2]
    needs = _needs(words, line)
    commands = _shell(body, line) if info[0] == "sh" else _console(body, line)
    if not commands:
        raise PageError(f"line {line}: the block has no command")
    return Block(line, info[0], needs, within_s, commands)


def _needs(words: list[str], line: int) -> set[str]:
    unknown = set(words) - NEEDS
    if unknown:
        raise PageError(f"line {line}: unknown words: {', '.join(sorted(unknown))}")
    return set(words)


def _shell(body: list[str], line: int) -> list[Command]:
    """Returns the complete block as one script that stops at its first failure."""
    text = "\n".join(body).strip()
    return [Command(line + 1, text)] if text else []


def _console(body: list[str], line: int) -> list[Command]:
    commands: list[Command] = []
    is_command = False
    for offset, each in enumerate(body):
        if each.startswith("$ "):
            commands.append(Command(line + 1 + offset, each[2:]))
            is_command = True
        elif is_command and each.startswith("> "):
            commands[-1].text += "\n" + each[2:]
        elif not commands:
            raise PageError(f"line {line + 1 + offset}: output before the first '$ ' command")
        elif match := re.fullmatch(r"\[exit (\d+)\]", each):
            commands[-1].exit_code = int(match.group(1))
        else:
            is_command = False
            commands[-1].expected.append(each.rstrip())
    for command in commands:
        while command.expected and not command.expected[-1]:
            command.expected.pop()
    return commands


def matches(expected: list[str], output: str) -> bool:
    """Whether the output matches the page, ignoring leading and trailing blank lines."""
    parts = []
    for line in expected:
        if line == "…":
            parts.append(r"(?:.*\n)*?")
            continue
        pattern = re.escape(line).replace("…", ".*").replace("<number>", r"-?\d+(?:\.\d+)?")
        parts.append(pattern + r"\n")
    lines = [line.rstrip() for line in output.strip("\n").split("\n")]
    return re.fullmatch("".join(parts), "\n".join(lines) + "\n") is not None
