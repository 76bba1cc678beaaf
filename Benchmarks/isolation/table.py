"""The tables of docs/downtime.md: one row per system and isolated node, with the range over all runs."""

NODE_WORDS = {"leader": "leader", "follower": "a follower", "any": "any (no leader)"}
# A node counts as serving if at least this share of the buckets has a success.
SERVING_SHARE = 0.95
MAX_CODES = 4

HEADS = [
    "system", "isolated node", "nobody is served", "majority: longest gap", "majority: first success",
    "isolated node, during the cut", "isolated node: gap after the return", "majority: gap after the return", "errors"]
SHARED_HEADS = ["increments acknowledged", "in the number at the end"]


def table(results, keys):
    """Markdown of the results for `keys`, own or shared."""
    rows = {}
    for result in results:
        if result["keys"] == keys:
            rows.setdefault((result["title"], result["role"]), []).append(result)
    heads = HEADS[:-1] + (SHARED_HEADS if keys == "shared" else []) + HEADS[-1:]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for (title, role), group in rows.items():
        lines.append("| " + " | ".join([title, NODE_WORDS[role], *cells(group, keys == "shared")]) + " |")
    return "\n".join(lines)


def cells(group, is_shared):
    all_figures = [result["figures"] for result in group]

    def spread(name):
        return span([figures[name] for figures in all_figures])

    returned = spread("isolated_return_gap_s")
    if not all(figures["isolated_back"] for figures in all_figures):
        returned = f"not back within {span([result['end_s'] - result['held_s'] for result in group])}"
    result = [
        spread("nobody_s"), spread("majority_gap_s"), spread("majority_first_s"), during(all_figures), returned,
        spread("majority_return_gap_s")]
    if is_shared:
        result += [numbers([each["increments"][name] for each in group]) for name in ("acknowledged", "final")]
    return result + [errors(all_figures)]


def during(all_figures):
    """How the isolated node behaves: it serves, refuses, or lets its clients wait."""
    shares = [figures["isolated_served_share"] for figures in all_figures]
    if min(shares) >= SERVING_SHARE:
        return "**served**"
    after = [figures["isolated_refuses_after_s"] for figures in all_figures]
    if None in after:
        return "waits: no answer within 1 s"
    ms = [figures["isolated_refusal_ms"] for figures in all_figures]
    return f"refused after {span(after)}, then in {numbers(ms, 1)} ms"


def errors(all_figures):
    """The most frequent errors, with the range of their counts."""
    parts = []
    for name in ("isolated", "majority"):
        counts = [figures[f"errors_{name}"] for figures in all_figures]
        all_codes = {code for each in counts for code in each}
        codes = sorted(all_codes, key=lambda code: (-max(each.get(code, 0) for each in counts), code))
        texts = [f"{code} {numbers([each.get(code, 0) for each in counts])}" for code in codes[:MAX_CODES]]
        parts.append(f"{name}: {', '.join(texts) or 'none'}" + (" …" if len(codes) > MAX_CODES else ""))
    return "; ".join(parts)


def span(seconds):
    """A range of times as text. Times below 0.1 s are not shown more exactly."""
    if None in seconds:
        return "never"
    low, high = (f"{value:.1f}" for value in (min(seconds), max(seconds)))
    if max(seconds) < 0.1:
        return "< 0.1 s"
    low = "< 0.1" if min(seconds) < 0.1 else low
    return f"{low} s" if low == high else f"{low} to {high} s"


def numbers(values, digits=0):
    if None in values:
        return "unknown"
    low, high = (f"{value:,.{digits}f}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
