"""The scenes of cut-svg.py from a recorded run of the drill west-cut, checked against their captions."""

# A scene shows the run this many milliseconds after its step, or just before the next step.
LATER_MS = 3_000
SERVICES = {"cp": ("app_cp", "app_cp_west"), "ap": ("app_ap", "app_ap_west")}
STEPS = ("write", "cut", "write", "write", "heal")


class Problem(Exception):
    """The recording does not show the cut."""


class Scene:
    """The state of the run some time after one of its steps."""

    def __init__(self, recording, index):
        steps, events = recording["drill"]["steps"], recording["events"]
        self.step = steps[index]
        later = [step["atMs"] for step in steps[index + 1 :]] + [recording["durationMs"]]
        self.at_ms = min(later[0], self.step["atMs"] + LATER_MS)
        self.reads, self.writes, self.copies, self.links = {}, {}, {}, {}
        for time_ms, name, data in events:
            if time_ms > self.at_ms:
                break
            if name == "copies":
                self.copies = data["copies"]
            elif name == "state":
                self.links = data["links"]
            elif name == "answers":
                for answer in data:
                    if answer["by"] != "page":
                        continue
                    kind = self.reads if answer["op"] == "read" else self.writes
                    if kind is self.reads or answer["tMs"] >= self.step["atMs"]:
                        kind[answer["service"]] = answer

    def values(self, service):
        """The values that the service returned; none if it refused."""
        answer = self.reads[service]
        return (answer["conflicts"] or [answer["value"]]) if answer["status"] == 200 else []

    def status(self, service):
        """The HTTP status of the write after the step; None without a write."""
        return self.writes.get(service, {}).get("status")

    def in_reach(self, service):
        """Whether each of the three replicas can be reached over its link."""
        links = [link for name, link in self.links.items() if name.split(">")[0] == service]
        return [not (link["toReplica"]["cut"] or link["toService"]["cut"]) for link in links]

    def is_cut(self):
        return not all(self.in_reach("app_cp"))


def scenes(recording):
    steps = [step["text"].split()[0] for step in recording["drill"]["steps"]]
    if tuple(steps) != STEPS:
        raise Problem(f"the steps are {', '.join(steps)} instead of {', '.join(STEPS)}")
    result = [Scene(recording, index) for index in range(len(STEPS))]
    first, _, ana, bob, last = result
    services = [service for pair in SERVICES.values() for service in pair]
    expected = {
        "before the cut, all values are equal": len({str(first.values(service)) for service in services}) == 1,
        "the cut lasts until the heal": [scene.is_cut() for scene in result] == [False, True, True, True, False],
        "CP west refuses": all(scene.reads["app_cp_west"]["status"] == 503 for scene in result[1:4]),
        "CP east answers": all(scene.values("app_cp") for scene in result),
        "AP answers": all(len(scene.values(service)) == 1 for scene in result[:4] for service in SERVICES["ap"]),
        "the east accepts": ana.status("app_cp") == ana.status("app_ap") == 200,
        "the west refuses and accepts": (bob.status("app_cp_west"), bob.status("app_ap_west")) == (503, 200),
        "AP has two values": bob.values("app_ap") != bob.values("app_ap_west"),
        "after the heal, CP has one value": last.values("app_cp") == last.values("app_cp_west") != [],
        "after the heal, AP keeps both": all(len(last.values(service)) == 2 for service in SERVICES["ap"]),
    }
    for words, holds in expected.items():
        if not holds:
            raise Problem(f"not seen: {words}")
    return result


def captions(all_scenes):
    def at(index):
        scene = all_scenes[index]
        return f"{scene.at_ms / 1000:.0f} s", f"{scene.step['atMs'] / 1000:.0f} s"

    def value(index):
        return all_scenes[index].step["text"].split()[1]

    old = all_scenes[2].values("app_ap_west")[0]
    return (
        ("The links work.", "Both stores give the same value at both sites."),
        ("{}: all links between east and west are cut, since {}.".format(*at(1)),
         "CP west reaches 1 of 3 copies, no majority: it refuses. AP answers at both sites."),
        (f"{{}}: {value(2)} was written in the east at {{}}.".format(*at(2)),
         f"CP east has a majority and accepts. AP east accepts too, and AP west still answers {old}."),
        (f"{{}}: {value(3)} was written in the west at {{}}.".format(*at(3)),
         "CP west refuses: one value, or no answer. AP west accepts: an answer, but two values."),
        ("{}: the links are whole again, since {}.".format(*at(4)),
         "CP west catches up. AP keeps both values, so that no accepted write is lost."),
    )
