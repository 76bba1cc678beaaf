#!/usr/bin/env python3
"""Draws the cut of a recorded run as an animated picture: cut-svg.py RECORDING.json docs/images/cut.svg

The recording is of the drill west-cut: one value, the cut, a write in the east, a write in the west, the heal. Values,
times and staleness are those of the run. The script exits with code 1 if the run contradicts the captions.
"""

import json
import pathlib
import sys
from html import escape

sys.dont_write_bytecode = True
from cut_scenes import SERVICES, Problem, captions, scenes

# How long each scene is shown: its caption of up to 25 words is read, then the map.
SCENES_S = (4, 6, 6, 7, 6)
LOOP_S = sum(SCENES_S)
# The still picture for readers who want no motion.
STILL = 3
FADE_S = 0.05
# Positions of the links between the sites, in a picture of 880 by 560: y by store, and x of both ends.
MIDDLE = {"cp": 158, "ap": 352}
EAST_END, WEST_END = 385, 495
# The style sheet without its first line, which is a comment.
STYLE = pathlib.Path(__file__).with_suffix(".css").read_text().partition("\n")[2]


def text(x, y, words, classes=""):
    return f'<text x="{x:g}" y="{y:g}" class="{classes}">{escape(words)}</text>'


def rect(x, y, width, height, classes, radius=8):
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius}" class="{classes}"/>'


def look(value):
    return value if value in ("ana", "bob") else "free"


def shape(value, x, y, size):
    """The mark of a value: a circle, a square, or a bar. So values differ in more than their colour."""
    ink = f"on-{look(value)}"
    if value == "ana":
        return f'<circle cx="{x:g}" cy="{y:g}" r="{size / 2:g}" class="{ink}"/>'
    height = size * 0.86 if value == "bob" else size * 0.3
    return rect(x - size / 2, y - height / 2, size * 0.9, height, ink, 0)


def tag(value, x, y, width):
    """A value on its replica."""
    return (rect(x, y, width, 22, look(value), 6) + shape(value, x + 14, y + 11, 10)
            + text(x + 26, y + 16.5, value, f"bold on-{look(value)}"))


def block(scene, service, x, y):
    """The answer of a service."""
    width, height, answer = 170, 92, scene.reads[service]
    values = scene.values(service)
    middle = x + width / 2
    if not values:
        return (rect(x, y, width, height, "none", 12) + text(middle, y + 42, "no answer", "both mid")
                + text(middle, y + 68, answer["code"].replace("no_quorum", "no majority"), "mid"))
    if len(values) > 1:
        halves = ""
        for index, value in enumerate(values[:2]):
            left, way = x + index * width / 2, 1 - 2 * index
            halves += (f'<path class="{look(value)}" d="M{middle:g} {y:g}'
                       f'h{-way * 73}q{-way * 12} 0 {-way * 12} 12v68q0 12 {way * 12} 12h{way * 73}z"/>'
                       + shape(value, left + 18, y + 34, 14) + text(left + 31, y + 41, value, f"both on-{look(value)}"))
        return (halves + rect(x, y, width, height, "frame", 12) + rect(middle - 44, y + 60, 88, 24, "box")
                + text(middle, y + 77, "conflict", "bold mid"))
    value, stale = values[0], answer["stalenessMs"] or 0
    bound = f"{stale / 1000:.1f} s" if stale >= 1000 else "1 s"
    notes = ["may miss", f"the last {bound}"] if service in SERVICES["ap"] else ["current"]
    drop = 7 if len(notes) == 1 else 0
    return (rect(x, y, width, height, look(value), 12)
            + shape(value, middle - 34, y + 30 + drop, 20)
            + text(middle - 16, y + 40 + drop, value, f"value on-{look(value)}")
            + "".join(text(middle, y + 65 + drop + 17 * line, note, f"mid on-{look(value)}")
                      for line, note in enumerate(notes)))


def replica(scene, name, x, y):
    values = scene.copies[name]["values"]
    withheld = name == "cp_db_g3" and not scene.values("app_cp_west")
    height = 30 + 25 * (len(values) - 1) + (18 if withheld else 0)
    top = y - height / 2
    parts = rect(x, top, 116, height, "box") + text(x + 9, y + 5.5, name[-2:], "bold")
    for index, value in enumerate(values):
        parts += tag(value, x + 36, top + 4 + 25 * index, 76)
    return parts + (text(x + 74, top + 42, "withheld", "muted mid") if withheld else "")


def reach(scene, service, x, y):
    """How many replicas a service reaches, for example two full dots, one empty dot, and "2 of 3"."""
    able = scene.in_reach(service)
    dots = "".join(f'<circle cx="{x + 9 + 17 * index}" cy="{y}" r="6" class="pip{" on" if on else ""}"/>'
                   for index, on in enumerate(able))
    return dots + text(x + 56, y + 5.5, f"{sum(able)} of 3 copies")


def asked(scene, service, x, y):
    """The text above the answer of a service: the write of this scene and its result, or else "the seat is"."""
    answer = scene.writes.get(service)
    if not answer or not scene.is_cut():
        return text(x, y, "the seat is", "muted mid")
    return text(x, y, f"write {answer['sent']}: {'accepted' if answer['status'] == 200 else 'refused'}", "bold mid")


def silent(scene):
    """The background of CP west while it gives no answer."""
    return "" if scene.values("app_cp_west") else rect(497, 86, 361, 153, "hush", 10)


def rift(scene):
    """The cut: one jagged rift through the map, torn cables, and the sign between AP values that differ."""
    if not scene.is_cut():
        return ""
    left = [(402 + (14 if index % 2 else 0), 46 + index * 24.375) for index in range(17)]
    points = " ".join(f"{x:g},{y:g}" for x, y in left + [(x + 62, y) for x, y in reversed(left)])
    parts = f'<polygon points="{points}" class="rift"/>'
    for middle in MIDDLE.values():
        for x, way in ((EAST_END, 1), (WEST_END, -1)):
            for offset in (-8, 0, 8):
                parts += f'<path d="M{x} {middle + offset}l{way * 15} {offset / 2:g}" class="strand"/>'
    parts += rect(410, 226, 60, 28, "label", 6) + text(440, 246, "cut", "on-label bold mid")
    if scene.values("app_ap") != scene.values("app_ap_west"):
        parts += f'<circle cx="440" cy="{MIDDLE["ap"]}" r="24" class="sign"/>'
        parts += text(440, MIDDLE["ap"] + 10, "≠", "value mid")
    return parts


def cables(scene):
    if scene.is_cut():
        return ""
    return "".join(f'<path d="M{EAST_END} {middle + offset}H{WEST_END}" class="strand"/>'
                   for middle in MIDDLE.values() for offset in (-8, 0, 8))


def state(scene, group):
    """The state of a store in a few words, written in the west, where the cut has its effect."""
    east, west = (scene.values(service) for service in SERVICES[group])
    if not west:
        words = "refuses, but is never wrong"
    elif len(west) > 1:
        words = "both values kept: a conflict"
    else:
        words = "" if east == west else "both answer, and disagree"
    return text(846, MIDDLE[group] - 84, words, "bold end")


def fixed():
    """The parts that are equal in all scenes: sites and names."""
    parts = [rect(0, 0, 880, 560, "ground", 14),
             text(20, 32, "Two separate stores, CP and AP. Each keeps one seat, in three copies.", "title")]
    for x in (20, WEST_END):
        parts.append(rect(x, 46, 365, 390, "land", 12))
    parts.append('<path d="M20 241H385M495 241H860" class="border"/>')
    parts.append(text(370, MIDDLE["cp"] - 84, "EAST", "site end") + text(510, MIDDLE["cp"] - 84, "WEST", "site"))
    for group, words in (("cp", "one value, or no answer"), ("ap", "an answer, maybe two values")):
        parts.append(text(34, MIDDLE[group] - 80, group.upper(), "big") + text(86, MIDDLE[group] - 82, words, "muted"))
    return "".join(parts)


def links():
    parts = ""
    for middle in MIDDLE.values():
        parts += f'<path class="link" d="M204 {middle}H385M676 {middle}H495'
        for end in (middle - 44, middle + 44):
            parts += f"M204 {middle}C235 {middle} 225 {end} 258 {end}M385 {middle}C378 {middle} 385 {end} 374 {end}"
        end = middle - 44
        parts += f'M676 {middle}C645 {middle} 655 {end} 622 {end}M495 {middle}C502 {middle} 495 {end} 506 {end}"/>'
        for x in (EAST_END, WEST_END):
            parts += f'<path d="M{x} {middle - 17}v34" class="plug"/>'
    return parts


def timeline(recording, all_scenes):
    """Returns the time axis with the cut and the steps, and for each scene its mark on this axis."""
    def x(time_ms):
        return 20 + 840 * time_ms / recording["durationMs"]

    cut, heal = all_scenes[1].step["atMs"], all_scenes[4].step["atMs"]
    axis = ('<path d="M20 521H860" class="link"/>'
            f'<rect x="{x(cut):.1f}" y="514" width="{x(heal) - x(cut):.1f}" height="14" class="rift"/>')
    # The two writes are close together: one label is on the left of its time, the other on the right.
    for scene, way in zip(all_scenes[1:], ("end", "end", "", "mid")):
        at_ms, words = scene.step["atMs"], scene.step["text"].split()
        name = words[1] if words[0] == "write" else words[0]
        axis += f'<path d="M{x(at_ms):.1f} 512V530" class="tick"/>'
        axis += text(x(at_ms) + {"end": 5, "": -5}.get(way, 0), 549, f"{name} {at_ms / 1000:.0f} s", f"muted {way}")
    return axis, [f'<circle cx="{x(scene.at_ms):.1f}" cy="521" r="9" class="here"/>' for scene in all_scenes]


def pieces(all_scenes):
    """Yields, for each part of the map that changes, its drawing in each scene."""
    yield [silent(scene) for scene in all_scenes]
    yield [cables(scene) for scene in all_scenes]
    yield [rift(scene) for scene in all_scenes]
    yield [links()] * len(all_scenes)
    for group, (east, west) in SERVICES.items():
        middle = MIDDLE[group]
        yield [state(scene, group) for scene in all_scenes]
        for service, x in ((east, 34), (west, 676)):
            yield [asked(scene, service, x + 85, middle - 54) for scene in all_scenes]
            yield [block(scene, service, x, middle - 46) for scene in all_scenes]
            yield [reach(scene, service, x, middle + 65) for scene in all_scenes]
        for name, x, y in (("g1", 258, middle - 44), ("g2", 258, middle + 44), ("g3", 506, middle - 44)):
            yield [replica(scene, f"{group}_db_{name}", x, y) for scene in all_scenes]


class Shown:
    """Shows a drawing in some of the scenes, by an animation per set of scenes."""

    def __init__(self):
        self.sets = []

    def add(self, looks):
        """Adds one part of the map. `looks` is its drawing in each scene. Equal drawings are added once."""
        parts = ""
        for look_of in dict.fromkeys(look_of for look_of in looks if look_of):
            visible = tuple(other == look_of for other in looks)
            if all(visible):
                parts += look_of
                continue
            if visible not in self.sets:
                self.sets.append(visible)
            still = " still" if visible[STILL] else ""
            parts += f'<g class="s k{self.sets.index(visible)}{still}">{look_of}</g>\n'
        return parts

    def style(self):
        ends = [sum(SCENES_S[: index + 1]) for index in range(len(SCENES_S))]
        rules = ""
        for number, visible in enumerate(self.sets):
            frames = f"0%{{opacity:{int(visible[0])}}}"
            for end, before, after in zip(ends, visible, visible[1:] + visible[:1]):
                if before != after:
                    frames += "".join(f"{100 * at / LOOP_S:.2f}%{{opacity:{int(opacity)}}}"
                                      for at, opacity in ((end - FADE_S, before), (end, after)))
            frames += f"100%{{opacity:{int(visible[0])}}}"
            rules += f"@keyframes k{number}{{{frames}}}.k{number}{{animation:k{number} {LOOP_S}s linear infinite}}\n"
        return f"@media (prefers-reduced-motion: no-preference) {{\n{rules}}}\n"


def draw(recording):
    all_scenes = scenes(recording)
    shown = Shown()
    axis, here = timeline(recording, all_scenes)
    parts = [fixed()] + [shown.add(looks) for looks in pieces(all_scenes)]
    parts.append(shown.add([text(20, 464, title, "title") + text(20, 490, line)
                            for title, line in captions(all_scenes)]))
    parts += [axis, shown.add(here)]
    hatch = ('<defs><pattern id="hatch" width="9" height="9" patternUnits="userSpaceOnUse" '
             'patternTransform="rotate(-45)"><rect width="9" height="9" class="torn"/><path d="M0 0H9" class="line"/>'
             "</pattern></defs>")
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 560" role="img">\n'
            "<title>East and west are cut apart: CP refuses in the west, AP has two values</title>\n"
            f"<style>{STYLE}{shown.style()}</style>\n{hatch}\n" + "\n".join(parts) + "\n</svg>\n")


def main():
    if len(sys.argv) != 3:
        print("usage: cut-svg.py RECORDING.json PICTURE.svg", file=sys.stderr)
        sys.exit(2)
    recording = json.loads(pathlib.Path(sys.argv[1]).read_text())
    try:
        picture = draw(recording)
    except Problem as problem:
        sys.exit(f"cut-svg: {sys.argv[1]}: {problem}")
    pathlib.Path(sys.argv[2]).write_text(picture)


if __name__ == "__main__":
    main()
