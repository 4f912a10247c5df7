"""The bridge from the live kitchen to simulation.lookahead: when each order will be at the door, or ready to collect.

The database is read once and becomes a `State` in kitchen seconds; the result is corrected by what the last outcomes
have taught (simulation.calibration) and converted to wall time. A promise is given when an order is placed, and kept
for good; the forecast (`eta`) moves with the kitchen until the promise is fulfilled.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from home import live
from home.models import FORECAST_FIELDS
from kitchen import as_measured, flow, incomplete, stages
from kitchen.incomplete import Incomplete
from kitchen.models import Promise
from kitchen.promises import ledger
from kitchen.promises.last_look import FEW_ORDERS, LastLook
from kitchen.promises.state import ROUTES, newcomer, unfulfilled
from kitchen.promises.state import read_state as read_state
from kitchen.promises.turns import Found, turns
from simulation.calibration import Interval, Lessons
from simulation.lookahead import State, look_ahead

logger = logging.getLogger(__name__)

PREVIEW_SECONDS = 1.0  # for this long everybody gets the same answer to "when, if I ordered now"
GLANCE_SECONDS = 5.0  # with more, it shows an answer that is not older than this
LEARN_SECONDS = 5.0  # for this long the lessons that were read last are used
NO_LESSONS = Lessons(())
# Displayed times move in these steps (wall): a minute, or a second where the interval itself is short.
STEP_SECONDS, SHORT_STEP_SECONDS, SHORT_SECONDS = 60.0, 1.0, 120.0

BATCH = 100  # orders in one transaction: the kitchen waits for it

Moments = Sequence[Any]  # low, median and high: three datetimes, or UNKNOWN
UNKNOWN: Moments = (None, None, None)


# The answer for an order placed now


@dataclass(frozen=True)
class Answer:
    """The answer for a person who orders now, in kitchen seconds after `at`."""

    at: datetime
    speed: float
    way: str
    open_orders: int
    shown: Interval | None  # corrected
    model: Interval | None
    why_not: str = ""  # a sentence, where there is no interval

    def promise(self, pizzas: int, now: datetime) -> Promise | None:
        """Return a row for the ledger, not saved and not yet bound to an order; None without an interval."""
        if self.shown is None or self.model is None:
            return None
        low, median, high = self.shown
        model_low, model_median, model_high = self.model
        return Promise(
            at=now,
            speed=self.speed,
            pizzas=pizzas,
            way=self.way,
            open_orders=self.open_orders,
            low_seconds=low,
            median_seconds=median,
            high_seconds=high,
            model_low_seconds=model_low,
            model_median_seconds=model_median,
            model_high_seconds=model_high,
        )

    @property
    def times(self) -> dict[str, datetime] | None:
        """Low, median and high in wall time."""
        if self.shown is None:
            return None
        moments = [self.at + timedelta(seconds=seconds / self.speed) for seconds in self.shown]
        return dict(zip(("low", "median", "high"), moments, strict=True))

    @property
    def wait_words(self) -> str:
        """Words such as "about 31 min", in wall time; empty if unknown."""
        if self.shown is None:
            return ""
        seconds = self.shown[1] / self.speed
        return f"about {seconds / 60:.0f} min" if seconds >= 60 else f"about {max(1.0, seconds):.0f} s"


class Recent:
    """A cache of answers for pages, by the number of pizzas and the way, each kept for a moment."""

    def __init__(self) -> None:
        self.answers: dict[tuple[int, str], tuple[float, Answer]] = {}  # made at (monotonic)

    def get(self, pizzas: int, now: datetime, way: str) -> Answer:
        made_at, answer = self.answers.get((pizzas, way), (0.0, None))
        if answer is None or monotonic() - made_at >= PREVIEW_SECONDS:
            made_at, answer = monotonic(), ask(pizzas, now, way)
            self.answers[pizzas, way] = made_at, answer
        return answer

    def glance(self, pizzas: int, way: str, speed: float) -> Answer | None:
        """Return the last answer, unless it is too old to be shown, or of another speed."""
        made_at, answer = self.answers.get((pizzas, way), (0.0, None))
        is_good = answer is not None and answer.speed == speed and monotonic() - made_at < GLANCE_SECONDS
        return answer if is_good else None

    def forget(self) -> None:
        self.answers.clear()
        last_look.forget()


last_look = LastLook()
recent = Recent()


def preview(pizzas: int, now: datetime, way: str = stages.DELIVERY) -> Answer:
    """Return the answer for a page, the same for everybody. Never raises: a page must not fail for want of it."""
    try:
        return recent.get(pizzas, now, way)
    except Incomplete as error:
        incomplete.tell(error)
    except Exception:
        logger.exception("No forecast for %d pizzas, %s", pizzas, way)
    return Answer(now, 1.0, way, 0, None, None, "We can't say right now when it would be ready.")


def glance(pizzas: int, now: datetime, open_orders: int, speed: float, way: str = stages.DELIVERY) -> Answer:
    """Return the answer for a page that asks again by itself (static/js/basket_promise.js).

    To look ahead for thousands of orders takes seconds. With more than FEW_ORDERS return the last answer, or one
    without times.
    """
    if open_orders <= FEW_ORDERS:
        return preview(pizzas, now, way)
    return recent.glance(pizzas, way, speed) or Answer(now, speed, way, open_orders, None, None)


def promise(pizzas: int, now: datetime, way: str = stages.DELIVERY) -> Promise | None:
    """Return the promise for a new order, behind all that were placed until now.

    Never raises: an order without a promise is better than no order.
    """
    try:
        return ask(pizzas, now, way).promise(pizzas, now)
    except Incomplete as error:
        incomplete.tell(error)
    except Exception:
        logger.exception("No promise for %d pizzas, %s", pizzas, way)
    return None


def ask(pizzas: int, now: datetime, way: str = stages.DELIVERY) -> Answer:
    """Compute an answer: look ahead for a newcomer at the end of the make line."""
    with last_look.looked(now) as look:
        state = look.state
        # Its key is its future pk: its first forecast is drawn as its promise was, and a basket's times stand still.
        order = newcomer(state, look.newest + 1, pizzas, way)
        blocked = state.blocked_by(order)
        why_not = ""
        if not state.shop_is_open:
            why_not = "We are closed right now and take no orders."
        elif blocked:
            why_not = f"The {blocked.name.lower()} is closed: we can't say yet when it would be ready."
        model = None if why_not else look.answer(order, now)
        open_orders = look.open_orders
    shown = learned.get(state.speed, way).correct(model) if model else None
    return Answer(now, state.speed, way, open_orders, shown, model, why_not)


class Learned:
    """What the outcomes of each way teach at the present speed, read again every few seconds."""

    def __init__(self) -> None:
        self.speed, self.at, self.lessons = 0.0, 0.0, dict[str, Lessons]()

    def get(self, speed: float, way: str) -> Lessons:
        if speed != self.speed or monotonic() - self.at >= LEARN_SECONDS:
            found = ledger.lessons(speed, as_measured.teaching_by_way())
            self.lessons = {way: Lessons(those) for way, those in found.items()}
            self.speed, self.at = speed, monotonic()
        return self.lessons.get(way, NO_LESSONS)

    def forget(self) -> None:
        self.speed = 0.0


learned = Learned()


# The forecasts of open orders


def renew(now: datetime) -> int:
    """Renew the forecasts of open orders, and announce those that have visibly moved; return how many.

    With more than FEW_ORDERS these are the first ones and some of the others, in turn. Safe to run twice, and at the
    same time as another.
    """
    known = unfulfilled().order_by().values_list("pk", "seq", *FORECAST_FIELDS)
    before = {pk: (seq, eta) for pk, seq, *eta in known[: FEW_ORDERS + 1]}
    if not before:
        return 0
    if len(before) > FEW_ORDERS:
        return sum(renew_some(found) for found in turns.next(now))
    etas = forecasts(read_state(now), now)
    moved = [pk for pk, (_, eta) in before.items() if has_moved(eta, etas.get(pk, UNKNOWN))]
    return write_all({pk: (before[pk][0], etas.get(pk, UNKNOWN)) for pk in moved})


def renew_some(found: Found) -> int:
    """Write what was found out and has visibly moved, except of orders that have gone on since."""
    state, seqs = found.reading
    ways = dict(zip(state.pks, state.orders, strict=True))
    lessons = {ROUTES[way]: learned.get(state.speed, way) for way in ROUTES}
    known = unfulfilled().filter(pk__in=found.intervals).order_by().values_list("pk", "seq", *FORECAST_FIELDS)
    moved = {}
    for pk, seq, *before in known:
        interval, eta = found.intervals[pk], UNKNOWN
        if interval is not None:
            eta = in_wall_time(lessons[ways[pk].route].correct(interval), found.at, state.speed)
        if seq == seqs[pk] and has_moved(before, eta):
            moved[pk] = seq, eta
    return write_all(moved)


def forecasts(state: State, now: datetime) -> dict[int, Moments]:
    """Return {pk: moments} of the orders about which something honest can be said."""
    lessons = {ROUTES[way]: learned.get(state.speed, way) for way in ROUTES}
    return {
        pk: in_wall_time(lessons[order.route].correct(interval), now, state.speed)
        for pk, order, interval in zip(state.pks, state.orders, look_ahead(state), strict=True)
        if interval is not None
    }


def in_wall_time(interval: Interval, now: datetime, speed: float) -> Moments:
    return [now + timedelta(seconds=seconds / speed) for seconds in interval]


def has_moved(old: Moments, new: Moments) -> bool:
    """Return True if the displayed interval would change."""
    if old[0] is None or new[0] is None:
        return old[0] is not new[0]
    is_short = (new[-1] - new[0]).total_seconds() < SHORT_SECONDS
    step = timedelta(seconds=SHORT_STEP_SECONDS if is_short else STEP_SECONDS)
    return any(abs(after - before) >= step for before, after in zip(old, new, strict=True))


def write_all(etas: dict[int, tuple[int, Moments]]) -> int:
    """Write them in several transactions; see `write`."""
    chunks = [list(etas)[start : start + BATCH] for start in range(0, len(etas), BATCH)]
    return sum(write({pk: etas[pk] for pk in chunk}) for chunk in chunks)


def write(etas: dict[int, tuple[int, Moments]]) -> int:
    """Write {pk: (seq, eta)}, except to orders that have gone on since; return how many were written."""
    orders = flow.write_forecasts(etas)
    for order in orders:
        live.announce_eta(order)
    return len(orders)
