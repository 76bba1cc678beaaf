"""Closed-loop writers: each waits for its answer, at most one second, pauses 10 ms, and sends the next request."""

import collections
import threading
import time

from .clients import Refused, Unanswered

DEADLINE_S = 1.0
PAUSE_S = 0.01
# A bound for memory, far above the attempts of a run.
MAX_ATTEMPTS = 200_000

# How an attempt ended. LOST_RACE: the compare-and-set failed, because another writer came first.
SERVED, REFUSED, LOST_RACE, UNANSWERED = KINDS = ("served", "refused", "lost race", "unanswered")

Attempt = collections.namedtuple("Attempt", "started ended kind code")


class Writer(threading.Thread):
    """Writes to one node until stopped. With `is_shared` it increments a number that all writers share."""

    def __init__(self, client, is_shared):
        super().__init__(daemon=True)
        self.client, self.is_shared = client, is_shared
        self.attempts = []
        # Increments that were not acknowledged, but may have been applied.
        self.uncertain = 0
        self.acknowledged = 0
        self.must_stop = threading.Event()

    def run(self):
        while not self.must_stop.is_set() and len(self.attempts) < MAX_ATTEMPTS:
            started = time.monotonic()
            kind, code = self.attempt(started + DEADLINE_S)
            self.attempts.append(Attempt(started, time.monotonic(), kind, code))
            self.must_stop.wait(PAUSE_S)
        self.client.close()

    def attempt(self, deadline):
        has_changed = not self.is_shared
        try:
            if self.is_shared:
                number, version = self.client.read(deadline)
                has_changed = True
                if not self.client.put_if(number + 1, version, deadline):
                    return LOST_RACE, None
            else:
                self.client.put(self.acknowledged + 1, deadline)
        except Refused as error:
            self.uncertain += has_changed and error.may_be_applied
            return REFUSED, error.code
        except Unanswered as error:
            self.uncertain += has_changed
            return UNANSWERED, error.code
        self.acknowledged += 1
        return SERVED, None

    def is_steady(self, since, longest_s):
        """Whether there was no gap without a success longer than `longest_s` between `since` and now."""
        times = [since]
        for attempt in reversed(self.attempts):
            if attempt.ended < since:
                break
            if attempt.kind == SERVED:
                times.insert(1, attempt.ended)
        times.append(time.monotonic())
        return all(later - earlier <= longest_s for earlier, later in zip(times, times[1:]))


def stop(writers):
    for writer in writers:
        writer.must_stop.set()
    for writer in writers:
        writer.join(DEADLINE_S + 5)
