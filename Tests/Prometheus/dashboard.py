"""The Grafana dashboard: its queries and the faults of its file."""

import itertools
import json
import re

import support

FILE = support.PROMETHEUS / "grafana/dashboards/cap.json"
DATASOURCE_FILE = support.PROMETHEUS / "grafana/provisioning/datasources/prometheus.yml"
COLUMNS = 24
# The values that Grafana uses if all sites are selected.
VARIABLES = {"$site": ".*", "$__rate_interval": "20s"}


def load():
    return json.loads(FILE.read_text())


def queries():
    """Panel and expression of every query, with the variables replaced."""
    found = []
    for panel in load()["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            found.append((panel["title"], expression))
    return found


def queries_without_result(prometheus):
    return [f"{title}: {expression}" for title, expression in queries() if not prometheus.query(expression)]


def faults():
    """The faults of the file, one line each."""
    board, found = load(), []
    if not isinstance(board.get("schemaVersion"), int) or board["schemaVersion"] < 36:
        found.append("schemaVersion is missing or too old")
    uid = re.search(r"(?m)^ +uid: (\S+)$", DATASOURCE_FILE.read_text())[1]
    known = {f"${variable['name']}" for variable in board["templating"]["list"]} | {"$__rate_interval"}
    ids = [panel["id"] for panel in board["panels"]]
    if len(ids) != len(set(ids)):
        found.append("panel ids are not unique")
    for panel in board["panels"]:
        title = panel.get("title") or f"panel {panel['id']}"
        place = panel["gridPos"]
        if place["x"] < 0 or place["w"] < 1 or place["h"] < 1 or place["x"] + place["w"] > COLUMNS:
            found.append(f"{title}: outside of the {COLUMNS} columns")
        if panel["type"] == "row":
            continue
        targets = panel.get("targets", [])
        references = [target["refId"] for target in targets]
        if not targets or len(references) != len(set(references)):
            found.append(f"{title}: no queries, or two queries with one name")
        for holder in [panel, *targets]:
            if holder.get("datasource") != {"type": "prometheus", "uid": uid}:
                found.append(f"{title}: its data source is not the provisioned {uid}")
        for target in targets:
            if unknown := set(re.findall(r"\$\w+", target["expr"])) - known:
                found.append(f"{title}: unknown variables {sorted(unknown)}")
            if not target.get("legendFormat"):
                found.append(f"{title}: a query without a legend")
        if not panel.get("title") or not panel.get("description"):
            found.append(f"{title}: without title or description")
    for one, other in itertools.combinations(board["panels"], 2):
        a, b = one["gridPos"], other["gridPos"]
        if all(a[at] < b[at] + b[size] and b[at] < a[at] + a[size] for at, size in (("x", "w"), ("y", "h"))):
            found.append(f"{one['title']} and {other['title']} overlap")
    return found
