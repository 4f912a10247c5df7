"""Estimate how long a request takes, and run it within a time limit.

A short trial of the same spec gives the pace. A run with a time limit does as many replications as fit. Where the
replications that are followed together take a large part of the time, each gets fewer orders instead. A note in the
answer says what was left out.
"""

import math
import time
from collections.abc import Callable
from dataclasses import replace

from simulation.estimates.part import Part
from simulation.replications import CHUNK, run_length
from simulation.simulator import Result, merge, replicate
from simulation.spec import Spec
from simulation.warmup import settled

LONG_SECONDS = 600.0  # a longer run has to be confirmed
QUICK_VISITS = 2_000_000  # of orders or items to stations, in all replications: about a second, so not worth a trial
TRIAL_VISITS = 400_000
FIRST_TRY, SECOND_TRY = 0.3, 0.8  # shares of the time, where orders are left out
WORTHWHILE = 1.5  # as many orders in a second try
SHARES = 5  # of the time limit: replications that are followed together are expected to take at most one

Tell = Callable[[float], None]
Clock = Callable[[], float]


class OutOfTime(Exception):
    """Raised if the time limit was reached before anything was done; the text is a sentence."""


def nothing(share: float) -> None:
    """Ignore the progress."""


def visits(spec: Spec) -> float:
    """Return how many visits to stations are expected."""
    return (spec.expected_orders + len(spec.state) + 1) * spec.visits_of_order * spec.replications


def expected_seconds(spec: Spec, clock: Clock = time.perf_counter) -> float:
    """Return how long a run takes, from a trial; 0 where that is about a second."""
    if visits(spec) <= QUICK_VISITS:
        return 0.0
    trial = trial_of(spec)
    replicate(trial, 0, 1)  # warm up: the first run is slower
    begun = clock()
    replicate(trial, 0, trial.replications)
    return (clock() - begun) * visits(spec) / visits(trial)


def trial_of(spec: Spec) -> Spec:
    """Return a small spec with as many replications side by side as the run has, and full chunks, if possible."""
    orders = int(min(spec.expected_orders + 1, 2 * CHUNK))
    most = max(1, int(TRIAL_VISITS // (orders * spec.visits_of_order)))
    shorter = spec.orders if orders > spec.expected_orders else orders
    replications = min(spec.replications, run_length(spec).rows, most)
    return replace(spec, orders=shorter, replications=replications, auto_warmup=False, trace=False)


def in_words(seconds: float) -> str:
    """Return a duration in words, such as “about 3 hours”."""
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count = round(seconds / size)
        if seconds >= 1.5 * size or size == 1:
            return f"about {max(count, 1)} {unit}{'' if count <= 1 else 's'}"
    raise AssertionError


def run(spec: Spec, seconds: float | None = None, tell: Tell = nothing, clock: Clock = time.monotonic) -> Result:
    """Return the result of the whole run, or of what fits into `seconds`; `tell` gets the share that is done."""
    if seconds is None:
        spec = settled(spec)
        return merge(spec, Shares(spec, math.inf, tell, clock).parts())
    return Limited(spec, seconds, tell, clock).result()


class Shares:
    """The replications of a spec, one share after another, until the deadline."""

    def __init__(self, spec: Spec, deadline: float, tell: Tell, clock: Clock) -> None:
        self.spec, self.deadline, self.tell, self.clock = spec, deadline, tell, clock
        self.done, self.orders = 0, 0

    def parts(self, most: int | None = None) -> list[Part]:
        """Return the parts that were done by the deadline; a share has at most `most` replications."""
        found = []
        step = min(run_length(self.spec).rows, most or self.spec.replications)
        while self.done < self.spec.replications:
            count = min(step, self.spec.replications - self.done)
            try:
                found.append(replicate(self.spec, self.done, count, self.check))
            except OutOfTime:
                break
            self.done += count
        return found

    def check(self, orders: int) -> None:
        """Check the clock after a chunk of `orders` orders."""
        if self.clock() > self.deadline:
            raise OutOfTime
        self.orders += orders
        self.tell(min(1.0, self.orders / (max(self.spec.expected_orders, 1.0) * self.spec.replications)))


class Limited:
    """A run with a time limit."""

    def __init__(self, spec: Spec, seconds: float, tell: Tell, clock: Clock) -> None:
        self.seconds, self.tell, self.clock = seconds, tell, clock
        self.deadline = clock() + seconds
        self.spec = settled(spec)

    def result(self) -> Result:
        expected = expected_seconds(self.spec, self.clock)
        rows = min(run_length(self.spec).rows, self.spec.replications)
        most_rows = (self.deadline - self.clock()) / SHARES / (expected / self.spec.replications or math.inf)
        if self.spec.orders is not None and expected and most_rows < rows:
            return self.with_fewer_orders(self.spec.orders, expected)
        shares = Shares(self.spec, self.deadline, self.tell, self.clock)
        parts = shares.parts(max(1, min(rows, int(most_rows))) if expected else rows)
        if not parts:
            raise self.nothing(expected)
        return self.of_replications(parts, shares.done)

    def of_replications(self, parts: list[Part], done: int) -> Result:
        if done == self.spec.replications:
            return merge(self.spec, parts)
        note = f"{self.stopped()}: {done:,} of {self.spec.replications:,} replications were done."
        return replace(merge(replace(self.spec, replications=done), parts), remarks=(note,))

    def with_fewer_orders(self, orders: int, expected: float) -> Result:
        """Try at the pace of the trial first, then at the pace of the first try."""
        result, pace = None, expected / orders
        for share in (FIRST_TRY, SECOND_TRY):
            left = self.deadline - self.clock()
            fewer = min(orders, int(share * left / pace))
            done = result.spec.orders or 0 if result else 0
            if fewer < max(1, WORTHWHILE * done) and fewer < orders:
                break
            begun = self.clock()
            spec = replace(self.spec, orders=fewer)
            parts = Shares(spec, self.deadline, self.tell, self.clock).parts()
            if not parts:
                break
            result, pace = merge(spec, parts), (self.clock() - begun) / fewer
            if fewer == orders:
                return result
        if result is None:
            raise self.nothing(expected)
        note = f"{self.stopped()}: each replication has {result.spec.orders:,} orders, not {orders:,}."
        return replace(result, remarks=(note,))

    def nothing(self, expected: float) -> OutOfTime:
        return OutOfTime(f"{self.stopped()}: nothing was done by then. All of it takes {in_words(expected)}.")

    def stopped(self) -> str:
        return f"Stopped after {self.seconds:g} seconds, as requested"
