"""The kitchen run forward for those who order now, with everybody who ordered until then.

To look ahead for all takes longer the more orders there are, and in a rush many come at once. So the last look ahead
is used for ten times as long as it took, but no longer than five seconds, and the orders placed since are added to it.
It is made again at once if a person changed something, other than by a tap: an order, a station or the clock.

With more than FEW_ORDERS nobody waits for it. There the next look ahead is made beside, in a thread, while the last
one is still used. What people did with single orders counts from then on, and so does how long work takes, which is
measured anew every half a minute; a station's places, whether it is open, the speed and the clock count at once.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from threading import Lock, Thread
from time import monotonic

from django.db import connections

from home.models import Order, OrderEvent
from kitchen import locks
from kitchen.models import Station
from kitchen.promises.measure import LATE, NATURAL
from kitchen.promises.state import ROUTES, STATIONS, newcomer, read_state, workplace
from simulation.calibration import Interval
from simulation.lookahead import Standing, State, Workplace
from simulation.newcomers import Newcomers

logger = logging.getLogger(__name__)

USED_TIMES = 10  # as long as it took to make: up to half a second a tenth of the time goes into it
MOST_SECONDS = 5.0  # but no longer than this: taps are not among what makes it again at once
WAIT_SECONDS = 5.0  # for others who ask; without an answer by then the order goes without a promise
FEW_ORDERS = 300  # up to so many a page waits for the look ahead, and each round renews all forecasts: some 0.1 s
CHANGED_TIMES = 3  # so many times as long as it took the last one is used although people changed single orders
BESIDE_SECONDS = 20.0  # for so much longer it is used while the next one is made


@dataclass
class Look:
    """One look ahead, and whom it counts: orders up to `newest`, changes up to `event`."""

    at: datetime
    state: State
    newest: int
    event: int
    until: datetime | None = None  # not used later than this
    open_orders: int = 0
    took_seconds: float = 0.0

    def __post_init__(self) -> None:
        going = [order for order in map(self.state.stopping, self.state.orders) if order is not None]
        self.newcomers = Newcomers(self.state.stations, going, list(ROUTES.values()))
        self.open_orders = len(self.state.orders)

    @cached_property
    def there(self) -> frozenset[int]:
        return frozenset(self.state.pks)

    def seconds(self, moment: datetime) -> float:
        """Return how much later a moment is, in kitchen seconds."""
        return max(0.0, (moment - self.at).total_seconds()) * self.state.speed

    @property
    def is_long(self) -> bool:
        return self.open_orders > FEW_ORDERS

    def is_of(self, stations: list[Station], now: datetime) -> bool:
        """Return whether it can still be used: the stations, the clock and what people did are as they were."""
        is_same = self.is_of_kitchen(stations, now) and self.works_as(stations, now)
        return is_same and self.is_new(now) and not self.is_changed()

    def is_of_kitchen(self, stations: list[Station], now: datetime) -> bool:
        """Return whether the stations and the clock are as they were, however long work takes."""
        first = stations[0]
        are_same = [form(workplace(row, now)) for row in stations] == [form(row) for row in self.state.stations]
        is_same_shop = (first.speed, first.shop_is_open) == (self.state.speed, self.state.shop_is_open)
        return self.at <= now and are_same and is_same_shop

    def works_as(self, stations: list[Station], now: datetime) -> bool:
        """Return whether work takes as long as it did."""
        return [workplace(row, now).service for row in stations] == [row.service for row in self.state.stations]

    def is_new(self, now: datetime) -> bool:
        return self.until is not None and now < self.until

    def is_changed(self) -> bool:
        """Return whether people did something since, other than by a tap."""
        return OrderEvent.objects.filter(pk__gt=self.event).exclude(event__in=NATURAL + LATE).exists()

    def can_be_used_meanwhile(self, now: datetime) -> bool:
        """Return whether nobody waits while the next one is made."""
        is_new = self.until is not None and now < self.until + timedelta(seconds=BESIDE_SECONDS)
        return self.is_long and is_new

    def is_due(self, stations: list[Station], now: datetime) -> bool:
        """Return whether it is time for the next one, if nobody waits for it."""
        if not self.is_new(now):
            return True
        has_rested = now >= self.at + timedelta(seconds=CHANGED_TIMES * self.took_seconds)
        return has_rested and (not self.works_as(stations, now) or self.is_changed())

    def catch_up(self) -> None:
        """Add the orders that were placed since."""
        placed = Order.objects.filter(pk__gt=self.newest).order_by("pk")
        for pk, pizzas, way, created_at in placed.values_list("pk", "pizzas", "way", "created_at"):
            self.newest = pk
            order = newcomer(self.state, pk, pizzas, way)
            going = None if pk in self.there else self.state.stopping(order)
            if going is not None:
                self.newcomers.add(going, self.seconds(created_at))
            self.open_orders += pk not in self.there

    def answer(self, order: Standing, now: datetime) -> Interval:
        return self.newcomers.look_ahead(order, self.seconds(now))


def form(place: Workplace) -> tuple[str, int, bool, str, float | None]:
    """Return what people decide about a station."""
    return place.name, place.capacity, place.is_open, place.unit, place.headway_seconds


class LastLook:
    """The last look ahead of this process, for one at a time."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.look: Look | None = None
        self.making: Thread | None = None

    @contextmanager
    def looked(self, now: datetime) -> Iterator[Look]:
        """Hold a look ahead that counts everybody who has ordered. TimeoutError if others hold it for too long."""
        if not self.lock.acquire(timeout=WAIT_SECONDS):
            raise TimeoutError("The look ahead took too long.")
        try:
            self.look = self._usable(now) or look(now)
            self.look.catch_up()
            yield self.look
        except BaseException:
            self.look = None  # it can be half done
            raise
        finally:
            self.lock.release()

    def _usable(self, now: datetime) -> Look | None:
        """Return the last look ahead, if it can be used."""
        last = self.look
        if last is None:
            return None
        stations = list(locks.read_stations(*STATIONS).values())
        moment = max(now, last.at)  # those who wait here come out of turn
        if moment - now > timedelta(seconds=WAIT_SECONDS):  # the clock was set back
            return None
        if not last.can_be_used_meanwhile(moment):
            return last if last.is_of(stations, moment) else None
        if not last.is_of_kitchen(stations, moment):
            return None
        is_being_made = self.making is not None and self.making.is_alive()
        if last.is_due(stations, moment) and not is_being_made:
            self._begin_beside(last, now)
        return last

    def _begin_beside(self, last: Look, now: datetime) -> None:
        self.making = Thread(target=self._make_beside, args=(last, now, monotonic()), name="look ahead", daemon=True)
        try:
            self.making.start()
        except RuntimeError:
            logger.exception("There is no thread for the next look ahead; whoever asks next tries again")

    def _make_beside(self, last: Look, now: datetime, asked_at: float) -> None:
        """Make the next look ahead, and let it take the place of this one, if that is still the last."""
        try:
            made = look(now + timedelta(seconds=monotonic() - asked_at))
            made.catch_up()
            with self.lock:
                if self.look is last:
                    self.look = made
        except Exception:
            logger.exception("The next look ahead failed; the last one is used for at most %d s", BESIDE_SECONDS)
        finally:
            connections.close_all()

    def forget(self) -> None:
        self.look = None


def look(now: datetime) -> Look:
    begun = monotonic()
    # Read before the state: what comes in between is counted by both, and told apart by its key.
    newest = Order.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    event = OrderEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    made = Look(now, read_state(now), newest, event)
    made.took_seconds = monotonic() - begun
    made.until = now + timedelta(seconds=min(USED_TIMES * made.took_seconds, MOST_SECONDS))
    return made
