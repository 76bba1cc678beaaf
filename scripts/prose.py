#!/usr/bin/env python3
"""Checks the length of comment lines and sentences; part of `make lint`.

    scripts/prose.py [PATH ...]     files or folders; by default the whole project

A comment line in Swift, Lua, Python or shell has at most 120 columns. A sentence has at most 30 words, in comments and
in Markdown. A list of names in backquotes counts as one word. Headings, tables and code are not checked. Prints one
line per finding. Exit code 1 if there is one.
"""

import ast
import pathlib
import re
import sys
import tokenize

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ["Sources", "Tests", "docs", "runbooks", "scripts", "deploy", "prometheus", "Benchmarks", ".github"]
# Not checked: the changelog is a list, not prose.
EXCLUDED = ["CHANGELOG.md"]
# The marker at the beginning of a comment line, by file type. In Markdown, every line is text.
MARKERS = {".swift": r"///? ?", ".lua": r"--+ ?", ".sh": r"#(?: |$)", ".md": ""}
MAX_COLUMNS, MAX_WORDS = 120, 30


def comment_lines(path, text):
    """Yields the number of each line and its comment text, or None if the line is not just a comment."""
    lines = text.splitlines()
    if path.suffix == ".py":
        found = python_comments(path, text, lines)
        yield from ((number, found.get(number)) for number in range(1, len(lines) + 1))
        return
    for number, line in enumerate(lines, 1):
        match = re.match(rf"\s*{MARKERS[path.suffix]}(.*)", line)
        yield number, match[1] if match and not line.startswith("#!") else None


def python_comments(path, text, lines):
    """The comments and docstrings, by line."""
    found = {}
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT and token.line.strip().startswith("#") and token.start != (1, 0):
                found[token.start[0]] = token.string[1:].removeprefix(" ")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            string = node.body[0].value
            indent = " " * string.col_offset
            for number in range(string.lineno, string.end_lineno + 1):
                found[number] = lines[number - 1].removeprefix(indent).replace('"""', "")
    return found


def paragraphs(path, text):
    """Yields the number of the first line and the text of each paragraph."""
    start, words, is_code, is_hidden = 0, [], False, False
    for number, line in [*comment_lines(path, text), (0, None)]:
        is_fence = line is not None and line.lstrip().startswith("```")
        is_hidden = is_hidden or line is not None and path.suffix == ".md" and line.startswith("<!--")
        is_break = not line or not line.strip() or is_fence or is_code or is_hidden or is_row(path, line)
        is_item = line is not None and re.match(r"\s*(- |\d+\. |\*\*[^*]+\*\*:? - )", line)
        if (is_break or is_item) and words:
            yield start, " ".join(words)
            words = []
        if not is_break:
            start = start if words else number
            words.append(line.strip())
        is_code = is_code != is_fence
        is_hidden = is_hidden and "-->" not in (line or "")


def is_row(path, line):
    """Whether a line is a table row, a heading, or indented as code."""
    is_code = path.suffix != ".md" and line.startswith("    ")
    return line.startswith(("|", "#")) or re.search(r"\S {2,}\S", line) or is_code


def long_sentences(paragraph):
    text = re.sub(r"`+[^`]*`+", "`n`", paragraph)
    text = re.sub(r"`n`(?:(?:,|,? and|,? or|,? to) `n`)+", "`n`", text)
    text = re.sub(r"\]\([^)]*\)|\b(e\.g|i\.e|vs|etc)\.", "", text)
    for sentence in re.split(r"(?<=[.!?:])[\"')*]*\s+(?=[\"'(*`\[]*[A-Z0-9`])|^- ", text):
        count = sum(any(c.isalnum() for c in word) for word in (sentence or "").split())
        if count > MAX_WORDS:
            yield count, " ".join(sentence.split()[:8])


def files(arguments):
    paths = [ROOT / name for name in arguments or FOLDERS] + ([] if arguments else sorted(ROOT.glob("*.md")))
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            name = file.relative_to(ROOT).as_posix()
            is_excluded = any(name == prefix or name.startswith(prefix + "/") for prefix in EXCLUDED)
            if file.suffix in [".py", *MARKERS] and not is_excluded:
                yield name, file


def main():
    findings = []
    for name, path in files(sys.argv[1:]):
        text = path.read_text()
        lines = text.splitlines()
        for number, comment in comment_lines(path, text):
            if path.suffix != ".md" and comment is not None and len(lines[number - 1]) > MAX_COLUMNS:
                findings.append(f"{name}:{number}: a comment line of {len(lines[number - 1])} columns")
        for number, paragraph in paragraphs(path, text):
            for count, beginning in long_sentences(paragraph):
                findings.append(f"{name}:{number}: a sentence of {count} words: {beginning} ...")
    print(*findings, sep="\n", end="\n" if findings else "")
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
