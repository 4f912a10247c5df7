"""The kitchen run forward for those who order now, with everybody who ordered until then.

To look ahead for all takes longer the more orders there are, and in a rush many come at once. So the last look ahead
is used for a little longer, at most a tenth of the time goes into making it, and the orders placed since are added to
it. It is made again at once if a person changed something, other than by a tap: an order, a station or the clock.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic

from home.models import Order, OrderEvent
from kitchen import locks
from kitchen.models import Station
from kitchen.promises.measure import LATE, NATURAL
from kitchen.promises.state import ROUTES, STATIONS, newcomer, read_state, workplace
from simulation.calibration import Interval
from simulation.lookahead import Standing, State, Workplace
from simulation.newcomers import Newcomers

USED_TIMES = 10  # as long as it took to make: a tenth of the time goes into it
MOST_SECONDS = 5.0  # but no longer than this: taps are not among what makes it again at once
WAIT_SECONDS = 5.0  # for others who ask; without an answer by then the order goes without a promise


@dataclass
class Look:
    """One look ahead, and whom it counts: orders up to `newest`, changes up to `event`."""

    at: datetime
    state: State
    newest: int
    event: int
    until: datetime | None = None  # not used later than this
    open_orders: int = 0

    def __post_init__(self) -> None:
        going = [order for order in map(self.state.stopping, self.state.orders) if order is not None]
        self.newcomers = Newcomers(self.state.stations, going, list(ROUTES.values()))
        self.open_orders = len(self.state.orders)

    def seconds(self, moment: datetime) -> float:
        """Return how much later a moment is, in kitchen seconds."""
        return max(0.0, (moment - self.at).total_seconds()) * self.state.speed

    def is_of(self, stations: list[Station], now: datetime) -> bool:
        """Return whether it can still be used: the stations, the clock and what people did are as they were."""
        if self.until is None or not self.at <= now < self.until:
            return False
        first = stations[0]
        are_same = [calm(workplace(row, now)) for row in stations] == [calm(row) for row in self.state.stations]
        if not are_same or (first.speed, first.shop_is_open) != (self.state.speed, self.state.shop_is_open):
            return False
        return not OrderEvent.objects.filter(pk__gt=self.event).exclude(event__in=NATURAL + LATE).exists()

    def catch_up(self) -> None:
        """Add the orders that were placed since."""
        there = set(self.state.pks)
        placed = Order.objects.filter(pk__gt=self.newest).order_by("pk")
        for pk, pizzas, way, created_at in placed.values_list("pk", "pizzas", "way", "created_at"):
            self.newest = pk
            order = newcomer(self.state, pk, pizzas, way)
            going = None if pk in there else self.state.stopping(order)
            if going is not None:
                self.newcomers.add(going, self.seconds(created_at))
            self.open_orders += pk not in there

    def answer(self, order: Standing, now: datetime) -> Interval:
        return self.newcomers.look_ahead(order, self.seconds(now))


def calm(place: Workplace) -> Workplace:
    """Return a station without what changes with each loading."""
    return replace(place, busy_seconds=0.0)


class LastLook:
    """The last look ahead of this process, for one at a time."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.look: Look | None = None

    @contextmanager
    def looked(self, now: datetime) -> Iterator[Look]:
        """Hold a look ahead that counts everybody who has ordered. TimeoutError if others hold it for too long."""
        if not self.lock.acquire(timeout=WAIT_SECONDS):
            raise TimeoutError("The look ahead took too long.")
        try:
            stations = list(locks.read_stations(*STATIONS).values())
            moment = now if self.look is None else max(now, self.look.at)  # those who wait here come out of turn
            was_set_back = moment - now > timedelta(seconds=WAIT_SECONDS)
            if self.look is None or was_set_back or not self.look.is_of(stations, moment):
                self.look = look(now)
            self.look.catch_up()
            yield self.look
        except BaseException:
            self.look = None  # it can be half done
            raise
        finally:
            self.lock.release()

    def forget(self) -> None:
        self.look = None


def look(now: datetime) -> Look:
    begun = monotonic()
    # Read before the state: what comes in between is counted by both, and told apart by its key.
    newest = Order.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    event = OrderEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    made = Look(now, read_state(now), newest, event)
    made.until = now + timedelta(seconds=min(USED_TIMES * (monotonic() - begun), MOST_SECONDS))
    return made
