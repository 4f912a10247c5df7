"""Who an order is for, and who has taken it along, for the screens of those who hand orders over.

Names are personal data. They are in no frame of an order (home.frames), which everyone with its link can see: each
process with such a screen reads them here for all its screens together, soon after something has happened and every
few seconds.
"""

from collections.abc import Collection, Container, Iterable
from itertools import count
from typing import NamedTuple, Protocol, TypeVar

from channels.db import database_sync_to_async
from django.contrib.auth.models import User
from django.db.models import Q

from accounts.names import display_name
from home.models import Order, OrderEvent
from kitchen import stages
from kitchen.models import Station
from pizzaProj.limits import BOARD_ORDERS, DRIVERS_ORDERS
from realtime.hurried import HurriedCheck

DRIVERS = next(stage.code for stage in stages.STAGES if stage.is_taken)  # the stage whose orders are taken along
(BEFORE_DRIVERS,) = stages.before(DRIVERS)

numbers = count(1)
V = TypeVar("V")


class Leaving(NamedTuple):
    """An order that waits for its driver or its customer, or is on its way."""

    order: Order
    driver: User | None  # the one who has taken it along


class Handover(NamedTuple):
    """What was read at once."""

    number: int  # a higher one was read later
    leaving: list[Leaving]
    first: frozenset[int]  # the keys of those that all drivers are shown
    beyond: int  # orders that wait for a driver and are not among these
    coming: int  # orders at the station before the drivers'
    stations: dict[str, Station]  # the drivers' and the one before


class Screen(Protocol):
    """A socket that shows them."""

    is_busy: bool  # in the middle of a message, and possibly about to send what it read a moment ago

    @property
    def shown(self) -> Collection[str]:
        """Return the ids of the orders whose names it shows, besides those that drivers are shown."""

    @property
    def drivers(self) -> Collection[int]:
        """Return the keys of the people who are shown what they have taken along."""

    async def show(self, handover: Handover) -> None:
        """Send what has changed since the last time."""


class HandoverCheck(HurriedCheck[Screen]):
    """Read for all screens of this process."""

    async def check(self) -> None:
        known: set[str] = set().union(*(screen.shown for screen in self.sockets))
        drivers: set[int] = set().union(*(screen.drivers for screen in self.sockets))
        handover = await self.timed(read(known, drivers))
        idle = [screen for screen in self.sockets if not screen.is_busy]
        if len(idle) < len(self.sockets):
            self.hurry()  # the others are told by the next check
        await self.tell_each(idle, lambda screen: screen.show(handover))


def who_for(order: Order) -> str:
    """Return whom an order is called out for: its customer by name, or its number."""
    return display_name(order.user) if order.user else order.number


def names_of(handover: Handover, shown: Container[str]) -> dict[str, dict[str, str | None]]:
    """Return the names on a board, by the order's id, of the orders that it shows."""
    return {
        order.order_id: {
            "order_id": order.order_id,
            "for": who_for(order),
            "with": display_name(driver) if driver else None,
        }
        for order, driver in handover.leaving
        if order.order_id in shown
    }


def changed(old: dict[str, V], new: dict[str, V]) -> list[V]:
    """Return what is not as it was."""
    return [value for key, value in new.items() if old.get(key) != value]


def drivers_of(orders: Iterable[Order]) -> dict[int, User]:
    """Return who has taken orders along, by the order's pk: the person who began the delivery that is under way."""
    under_way = [order.pk for order in orders if order.stage == DRIVERS and order.started_at is not None]
    begun = OrderEvent.objects.filter(order__in=under_way, stage=DRIVERS, event=OrderEvent.Event.STARTED)
    latest = {event.order_id: event.by for event in begun.select_related("by").order_by("seq")}
    return {pk: by for pk, by in latest.items() if by is not None}


def read_handover(known: Collection[str] = (), by: Collection[int] = ()) -> Handover:
    """Read everything in a few queries, however many orders there are.

    Of more than BOARD_ORDERS it reads those that all drivers are shown, what these people have taken along, and these
    that are on a board.
    """
    number = next(numbers)
    leaving = Order.objects.open().filter(stage__in=[DRIVERS, stages.READY]).select_related("user").order_by()
    orders, beyond = list(leaving[: BOARD_ORDERS + 1]), 0
    first = frozenset(order.pk for order in orders)
    if len(orders) > BOARD_ORDERS:
        orders = first_of_drivers()
        first = frozenset(order.pk for order in orders)
        beyond = leaving.filter(stage=DRIVERS, started_at=None).exclude(pk__in=first).count()
        others = leaving.filter(Q(order_id__in=known) | Q(pk__in=taken_by(by)))
        orders += others.exclude(pk__in=first)
    drivers = drivers_of(orders)
    stations = Station.objects.select_related("shop").filter(stage__in=[DRIVERS, BEFORE_DRIVERS])
    return Handover(
        number=number,
        leaving=[Leaving(order, drivers.get(order.pk)) for order in orders],
        first=first,
        beyond=beyond,
        coming=Order.objects.open().filter(stage=BEFORE_DRIVERS, way=stages.DELIVERY).count(),
        stations={row.stage: row.with_shop() for row in stations},
    )


def first_of_drivers() -> list[Order]:
    """Return what is on its way, and what is the next to leave; what is on hold comes last."""
    here = Order.objects.open().filter(stage=DRIVERS).select_related("user")
    under_way = list(here.filter(due_at__isnull=False).order_by("due_at", "pk")[:DRIVERS_ORDERS])
    in_line = here.filter(started_at__isnull=True, held=False).order_by("-rushed", "joined_at", "pk")
    waiting = list(in_line[:DRIVERS_ORDERS])
    return [*under_way, *waiting, *here.filter(held=True).order_by("pk")[: DRIVERS_ORDERS - len(waiting)]]


def taken_by(people: Collection[int]) -> list[int]:
    """Return the keys of what these people have taken along, and of little else."""
    on_its_way = Order.objects.open().filter(stage=DRIVERS, due_at__isnull=False).order_by().values("pk")
    begun = OrderEvent.objects.filter(order__in=on_its_way, stage=DRIVERS, event=OrderEvent.Event.STARTED)
    return list(begun.filter(by__in=people).values_list("order_id", flat=True)) if people else []


# It reads in a thread of its own: none waits for another.
read = database_sync_to_async(read_handover, thread_sensitive=False)
check = HandoverCheck()
