"""Who an order is for, and who has taken it along, for the screens of those who hand orders over.

Names are personal data. They are in no frame of an order (home.frames), which everyone with its link can see: each
process with such a screen reads them here for all its screens together, soon after something has happened and every
few seconds.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from typing import NamedTuple, Protocol, TypeVar

from channels.db import database_sync_to_async
from django.contrib.auth.models import User

from accounts.names import display_name
from home.models import Order, OrderEvent
from kitchen import stages
from kitchen.models import Station
from realtime.periodic import PeriodicCheck

DRIVERS = next(stage.code for stage in stages.STAGES if stage.is_taken)  # the stage whose orders are taken along
(BEFORE_DRIVERS,) = stages.before(DRIVERS)
REST_SECONDS = 0.3  # between two reads

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
    coming: int  # orders at the station before the drivers'
    stations: dict[str, Station]  # the drivers' and the one before


class Screen(Protocol):
    """A socket that shows them."""

    is_busy: bool  # in the middle of a message, and possibly about to send what it read a moment ago

    async def show(self, handover: Handover) -> None:
        """Send what has changed since the last time."""


class HandoverCheck(PeriodicCheck[Screen]):
    """Read for all screens of this process."""

    def __init__(self) -> None:
        super().__init__()
        self.news = asyncio.Event()

    def join(self, socket: Screen) -> None:
        if not self.sockets:
            self.news = asyncio.Event()  # an event belongs to the loop that it was first awaited in
        super().join(socket)

    def hurry(self) -> None:
        """Check soon: something has happened."""
        self.news.set()

    async def run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.every_seconds):
                    await self.news.wait()
            self.news.clear()
            await self.try_to_check()
            await asyncio.sleep(REST_SECONDS)

    async def check(self) -> None:
        handover = await read()
        idle = [screen for screen in self.sockets if not screen.is_busy]
        if len(idle) < len(self.sockets):
            self.hurry()  # the others are told by the next check
        await self.tell_each(idle, lambda screen: screen.show(handover))


def who_for(order: Order) -> str:
    """Return whom an order is called out for: its customer by name, or its number."""
    return display_name(order.user) if order.user else order.number


def names_of(handover: Handover) -> dict[str, dict[str, str | None]]:
    """Return the names that a board shows, by the order's id."""
    return {
        order.order_id: {
            "order_id": order.order_id,
            "for": who_for(order),
            "with": display_name(driver) if driver else None,
        }
        for order, driver in handover.leaving
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


def read_handover() -> Handover:
    """Read everything in four queries, however many orders there are."""
    number = next(numbers)
    orders = list(Order.objects.open().filter(stage__in=[DRIVERS, stages.READY]).select_related("user").order_by())
    drivers = drivers_of(orders)
    stations = Station.objects.select_related("shop").filter(stage__in=[DRIVERS, BEFORE_DRIVERS])
    return Handover(
        number=number,
        leaving=[Leaving(order, drivers.get(order.pk)) for order in orders],
        coming=Order.objects.open().filter(stage=BEFORE_DRIVERS, way=stages.DELIVERY).count(),
        stations={row.stage: row.with_shop() for row in stations},
    )


# It reads in a thread of its own: none waits for another.
read = database_sync_to_async(read_handover, thread_sensitive=False)
check = HandoverCheck()
