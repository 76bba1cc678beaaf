"""The conditions that must hold in every run of app-cp and app-ap, however slow the machine is."""

from .timeline import BUCKET_S


def problems(results):
    """One sentence for each check that failed."""
    return [f"{result['title']}, {result['keys']} keys: {text}" for result in results for text in violations(result)]


def violations(result):
    is_consistent = result["system"] == "cp"
    figures = result["figures"]
    for writer in result["writers"]:
        total = sum(sum(counts) for counts in writer["buckets"].values())
        if total != writer["attempts"]:
            yield f"the buckets of node {writer['node']} have {total} attempts, not {writer['attempts']}"
        if abs(len(writer["states"]) * BUCKET_S - (result["end_s"] - result["start_s"])) > BUCKET_S:
            yield f"node {writer['node']} has {len(writer['states'])} buckets"
        if not writer["is_isolated"] and "s" not in part(writer, result, 0, result["held_s"]):
            yield f"node {writer['node']} of the majority did not serve during the cut"
    if not result["steady_at_end"]:
        yield "not every node served at the end"
    # Skip the first second, in which requests from before the cut may succeed.
    isolated = next(writer for writer in result["writers"] if writer["is_isolated"])
    served = part(isolated, result, 1, result["held_s"]).count("s")
    if is_consistent and served:
        yield f"the isolated node served in {served} buckets"
    if is_consistent and figures["isolated_refuses_after_s"] is None:
        yield "the isolated node did not refuse quickly"
    if not is_consistent and not served:
        yield "the isolated node did not serve"
    counts = result["increments"]
    if counts and is_consistent:
        low, final = counts["acknowledged"], counts["final"]
        if final is None or not low <= final <= low + counts["uncertain"]:
            yield f"{low} increments were acknowledged, {counts['uncertain']} are uncertain, and the number is {final}"


def part(writer, result, begin_s, end_s):
    """The states of the buckets between two times since the cut."""
    first, last = (round((time_s - result["start_s"]) / BUCKET_S) for time_s in (begin_s, end_s))
    return writer["states"][first:last]
