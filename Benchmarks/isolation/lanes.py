"""A drawing of one run as SVG: one lane per writer, one cell per bucket of 100 ms."""

import re
from xml.sax.saxutils import escape

from .timeline import BUCKET_S

BEFORE_S, AFTER_S = 2, 15
CELL, LANE, GAP, TITLE = 2, 11, 3, 22
LEFT, TOP, RIGHT = 132, 62, 12
ROLES = {"leader": "the leader is isolated", "follower": "a follower is isolated", "any": "any node is isolated"}

STYLE = """
svg { --land: #faf9f6; --line: #dad7ce; --edge: #85817a; --ink: #1b1d21; --muted: #575b62; --ok: #0b7553;
  --no: #bd2430; --cut: #e9e7e0 }
@media (prefers-color-scheme: dark) {
svg { --land: #1b2027; --line: #2d343d; --edge: #79828d; --ink: #f1f3f5; --muted: #a8b0ba; --ok: #45c08c;
  --no: #ff7b72; --cut: #323a44 } }
rect.page { fill: var(--land) } rect.cut { fill: var(--cut) } path.edge { stroke: var(--line); fill: none }
rect.lane { fill: var(--land); stroke: var(--edge); stroke-width: .6 }
path.s { stroke: var(--ok); stroke-width: 11 } path.r { stroke: var(--no); stroke-width: 4 }
text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: var(--muted) }
text.title { font-weight: 650; font-size: 13px; fill: var(--ink) } text.end { text-anchor: end }
text.middle { text-anchor: middle }
"""


def drawing(results):
    """SVG of the given results, which are of one run."""
    held_s = max(result["held_s"] for result in results)
    width_s = BEFORE_S + held_s + AFTER_S
    width = LEFT + round(width_s / BUCKET_S) * CELL + RIGHT
    block = TITLE + 3 * (LANE + GAP)
    height = TOP + len(results) * block + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-labelledby="title">',
        "<title id=\"title\">Which writers were served, for each system, while one of three nodes was isolated</title>",
        f"<style>{STYLE}</style>", f'<rect class="page" width="{width}" height="{height}" rx="8"/>', *legend()]
    parts += ruler(held_s, height)
    for number, result in enumerate(results):
        parts += lanes(result, TOP + number * block, held_s)
    return "\n".join([*parts, "</svg>", ""])


def x_of(time_s):
    return LEFT + round((time_s + BEFORE_S) / BUCKET_S) * CELL


def legend():
    x, y = LEFT, 20
    return [
        f'<path class="s" d="M{x} {y}h24"/>', text(x + 30, y + 4, "served"),
        f'<path class="r" d="M{x + 90} {y}h24"/>', text(x + 120, y + 4, "refused, or connection closed"),
        f'<rect class="lane" x="{x + 304}" y="{y - LANE / 2}" width="24" height="{LANE}"/>',
        text(x + 334, y + 4, "no answer yet")]


def ruler(held_s, height):
    """The shaded time of the isolation, and a number every five seconds."""
    width = x_of(held_s) - x_of(0)
    parts = [f'<rect class="cut" x="{x_of(0)}" y="{TOP - 10}" width="{width}" height="{height - TOP - 8}"/>']
    for second in range(0, round(held_s) + AFTER_S + 1, 5):
        x = x_of(second)
        parts.append(text(x, height - 6, f"{second} s", "middle"))
        parts.append(f'<path class="edge" d="M{x + 0.5} {TOP - 10}V{height - 18}"/>')
    parts.append(text(x_of(0), TOP - 16, "isolated"))
    return parts + [text(x_of(held_s), TOP - 16, "rejoins")]


def lanes(result, top, held_s):
    parts = [text(8, top + 15, f"{result['title']}: {ROLES[result['role']]}", "title")]
    # The isolated node comes first.
    writers = sorted(result["writers"], key=lambda writer: not writer["is_isolated"])
    for number, writer in enumerate(writers):
        y = top + TITLE + number * (LANE + GAP) + LANE / 2
        label = f"{'isolated' if writer['is_isolated'] else 'majority'} node {writer['node']}"
        parts.append(text(LEFT - 8, y + 4, label, "end"))
        first = round((-BEFORE_S - result["start_s"]) / BUCKET_S)
        shown = writer["states"][max(0, first):first + round((BEFORE_S + held_s + AFTER_S) / BUCKET_S)]
        offset = max(0, -first)
        width = len(shown) * CELL
        parts.append(
            f'<rect class="lane" x="{LEFT + offset * CELL}" y="{y - LANE / 2}" width="{width}" height="{LANE}"/>')
        for state in "sr":
            moves = [
                f"M{LEFT + (offset + run.start()) * CELL} {y}h{(run.end() - run.start()) * CELL}"
                for run in re.finditer(f"{state}+", shown)]
            if moves:
                parts.append(f'<path class="{state}" d="{"".join(moves)}"/>')
    return parts


def text(x, y, content, kind=""):
    attribute = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{attribute}>{escape(content)}</text>'
