"""Long lines are looked ahead for in turn: the front at each round, and of all others some at each round.

All are come to within a minute, each with the kitchen as it was when the turn began. What a person changes at a
station begins a new one. Each process that is sent rounds has a turn of its own, and does as much at a round as the
time since the turn began asks for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic

from kitchen.promises.front import read_front
from kitchen.promises.last_look import form
from kitchen.promises.state import Reading, read
from simulation.calibration import Interval
from simulation.lookahead import State, look_ahead
from simulation.pieces import look_ahead_in_turn

TURN_SECONDS = 56.0  # two more rounds go into reading all, and into cutting the line: a minute in all
PIECE = 125  # orders
MOST = 750  # orders at one round, where a process is sent one only now and then
OLDEST_SECONDS = 180.0  # a turn that was sent no round for so long is given up
OVER: dict[int, Interval | None] = {}


@dataclass
class Found:
    """What was found out about some orders, by pk, as the kitchen was at a moment. None: nothing can be said."""

    at: datetime
    reading: Reading
    intervals: dict[int, Interval | None]


class Turn:
    """All orders of one reading, told of a piece at a time."""

    def __init__(self, at: datetime, reading: Reading) -> None:
        self.at, self.reading = at, reading
        self.answers = look_ahead_in_turn(reading.state, PIECE)
        self.begun_at, self.told, self.asked_at = 0.0, 0, at

    def is_of(self, state: State, now: datetime) -> bool:
        """Return whether the stations and the clock are as they were."""
        own = self.reading.state
        are_same = [form(place) for place in own.stations] == [form(place) for place in state.stations]
        is_new = self.asked_at <= now < self.asked_at + timedelta(seconds=OLDEST_SECONDS)
        return are_same and is_new and own.speed == state.speed

    def next(self, now: datetime) -> Found | None:
        """Return what is found out at this round; None if all have been told."""
        self.asked_at = now
        pks, found = self.reading.state.pks, dict[int, Interval | None]()
        if not self.begun_at:
            self.begun_at = monotonic()
            answers = next(self.answers, {})  # of those who go no further; the line is cut, enough for a round
            self.told = len(answers)
            return Found(self.at, self.reading, {pks[place]: interval for place, interval in answers.items()})
        share = len(pks) * (monotonic() - self.begun_at) / TURN_SECONDS
        until, before = min(share, self.told + MOST), self.told
        while self.told < until and (answers := next(self.answers, OVER)) is not OVER:
            found |= {pks[place]: interval for place, interval in answers.items()}
            self.told += len(answers)
        return Found(self.at, self.reading, found) if self.told > before or self.told >= until else None

    def left_out(self) -> Found:
        """Return the orders that are in no line, as they are on hold."""
        pks = self.reading.seqs.keys() - set(self.reading.state.pks)
        return Found(self.at, self.reading, dict.fromkeys(pks))


class Turns:
    """The turns of this process."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.turn: Turn | None = None

    def next(self, now: datetime) -> Iterator[Found]:
        """Yield what a round finds out: first about the front, which counts where it differs."""
        front, told = read_front(now)
        answers = dict(zip(front.state.pks, look_ahead(front.state), strict=True))
        yield Found(now, front, {pk: answers[pk] for pk in told})
        if self.lock.acquire(blocking=False):
            try:
                found = self._next_of_all(front.state, now)
            finally:
                self.lock.release()
            yield Found(found.at, found.reading, {pk: found.intervals[pk] for pk in found.intervals.keys() - told})

    def _next_of_all(self, front: State, now: datetime) -> Found:
        found = self.turn.next(now) if self.turn is not None and self.turn.is_of(front, now) else None
        if found is None:  # to read all is enough for a round
            self.turn = Turn(now, read(now))
            found = self.turn.left_out()
        return found

    def forget(self) -> None:
        self.turn = None


turns = Turns()
