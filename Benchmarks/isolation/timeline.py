"""Evaluates the attempts of three writers during one isolation: buckets of 100 ms, and the figures of the table."""

import bisect
import collections
import math
import statistics

from .writers import KINDS, LOST_RACE, REFUSED, SERVED, UNANSWERED

BUCKET_S = 0.1
# A refusal within this time is quick: the client can go to another node at once.
QUICK_S = 0.1


class Timeline:
    """The attempts of one writer that ended in the measured time. Times are seconds since the cut."""

    def __init__(self, attempts, cut_at, start_s, end_s):
        self.start_s, self.end_s = start_s, end_s
        moved = [each._replace(started=each.started - cut_at, ended=each.ended - cut_at) for each in attempts]
        self.attempts = [each for each in moved if start_s <= each.ended < end_s]
        self.successes = [each.ended for each in self.attempts if each.kind == SERVED]

    def buckets(self):
        """For each kind, the number of attempts that ended in each bucket."""
        count = bucket_count(self.start_s, self.end_s)
        result = {kind: [0] * count for kind in KINDS}
        for attempt in self.attempts:
            result[attempt.kind][min(count - 1, int((attempt.ended - self.start_s) / BUCKET_S))] += 1
        return result

    def ended_in(self, begin_s, end_s):
        return [each for each in self.attempts if begin_s < each.ended <= end_s]

    def first_success(self):
        """The end of the first success that began after the cut; None if there is none."""
        return next((each.ended for each in self.attempts if each.kind == SERVED and each.started >= 0), None)


def bucket_count(start_s, end_s):
    return max(1, round((end_s - start_s) / BUCKET_S))


def longest_gap(successes, begin_s, end_s, last_start_s=math.inf):
    """The longest gap without a success between two times. Only gaps that start before `last_start_s` count."""
    inside = successes[bisect.bisect_left(successes, begin_s):bisect.bisect_right(successes, end_s)]
    times = [begin_s, *inside, end_s]
    return max(later - earlier for earlier, later in zip(times, times[1:]) if earlier < last_start_s)


def gap_after_return(successes, held_s, end_s):
    """The longest gap after the return. A gap that began before the return does not count."""
    first = next((time for time in successes if time >= held_s), end_s)
    return longest_gap(successes, first, end_s)


def states(buckets):
    """One letter per bucket: s for served, r for refused only, and a point for neither."""
    return "".join(
        "s" if served else "r" if refused else "."
        for served, refused in zip(buckets[SERVED], buckets[REFUSED]))


def figures(timelines, isolated, held_s):
    """The figures of one isolation that lasted `held_s`. `timelines` are those of the three nodes."""
    end_s = timelines[0].end_s
    majority = [timeline for node, timeline in enumerate(timelines) if node != isolated]
    alone = timelines[isolated]
    anyone = sorted(time for timeline in timelines for time in timeline.successes)
    firsts = [timeline.first_success() for timeline in majority]
    return {
        "nobody_s": longest_gap(anyone, 0, held_s),
        "majority_gap_s": max(longest_gap(each.successes, 0, end_s, held_s) for each in majority),
        "majority_first_s": None if None in firsts else max(firsts),
        "majority_return_gap_s": max(gap_after_return(each.successes, held_s, end_s) for each in majority),
        "isolated_return_gap_s": longest_gap(alone.successes, held_s, end_s),
        "isolated_back": any(time > held_s for time in alone.successes),
        **isolated_figures(alone, held_s),
        "errors_isolated": codes([alone]),
        "errors_majority": codes(majority),
    }


def isolated_figures(alone, held_s):
    """How the isolated node answers: the share of buckets with a success, and when and how fast it refuses."""
    during = alone.ended_in(0, held_s)
    served = {int(each.ended / BUCKET_S) for each in during if each.kind == SERVED}
    refusals = [each for each in during if each.kind == REFUSED and each.ended - each.started < QUICK_S]
    return {
        "isolated_served_share": len(served) / bucket_count(0, held_s),
        "isolated_refuses_after_s": refusals[0].ended if refusals else None,
        "isolated_refusal_ms": 1000 * statistics.median(r.ended - r.started for r in refusals) if refusals else None,
        "isolated_refusals": len(refusals),
        "isolated_waits": sum(each.kind in (REFUSED, UNANSWERED) for each in during) - len(refusals),
    }


def codes(timelines):
    counts = collections.Counter(
        each.code for timeline in timelines for each in timeline.attempts if each.kind in (REFUSED, UNANSWERED))
    races = sum(each.kind == LOST_RACE for timeline in timelines for each in timeline.attempts)
    return dict(counts.most_common()) | ({LOST_RACE: races} if races else {})
