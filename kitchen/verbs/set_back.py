"""The clock was set back: whatever is stored of open orders is pulled back with it.

Otherwise the kitchen would stand still until the clock has come to where it was. Every verb compares the time with the
last sign of the clock, which it reads anyway: the newest event or, where the log is silent while work goes on, the
moment of the last recovery sweep. If that lies ahead, it pulls everything back before it does anything else. So what
was left of the work is left, the lines have the same order, and whoever comes now comes last.

The log stays as it was written. Each work in hand gets the event `retimed`, after which its times are the new clock's.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from home.models import FORECAST_FIELDS, ORDER_ROWS, PROMISE_FIELDS, Order, OrderEvent, OrderItem
from kitchen.locks import HELD_SECONDS, Kitchen, Work
from kitchen.models import Shop, Station
from kitchen.transitions import Cause, Event, note, seat
from telemetry import sweeps

logger = logging.getLogger(__name__)

SEEN_SECONDS = 1.0  # the log is silent if its newest event is older than this
OF_WORK = ("joined_at", "started_at", "due_at", "recovered_at")
OF_ORDER = ("created_at", *PROMISE_FIELDS, *FORECAST_FIELDS)  # what `save_state` does not write
OF_STATION = ("as_measured_since", "measured_changed_at", "measured_noticed_at")
MOST_AT_ONCE = 500  # orders whose moments lie ahead for no known reason

SET_BACK = "The clock was set back by %.0f s: what was stored of %d open orders went back with it"
AHEAD = "%d open orders had moments in the future: they were pulled back to now"


def pull_back(kitchen: Kitchen, by: timedelta) -> None:
    """Pull all open orders, the belts and the shop's own moments back; works under way get new chains."""
    kitchen.read()
    orders = kitchen.read_orders(Order.objects.open().order_by("pk").values_list("pk", flat=True))
    pull_shop_back(kitchen, by)
    for order in orders:
        for row in rows_of(order):
            shift(row, OF_WORK, by)
        shift(order, ("ready_at", *OF_ORDER), by)
        tell(kitchen, order)
    ORDER_ROWS.update_all(orders, OF_ORDER)
    kitchen.write()
    for station in kitchen.stations.values():
        if station.is_belt and station.busy_until is not None:
            free_belt(kitchen, station, station.busy_until - by)
    say("clock_set_back", 1, SET_BACK, by.total_seconds(), len(orders))


def pull_shop_back(kitchen: Kitchen, by: timedelta) -> None:
    """Do the same with what the shop and its stations keep, and note up to where the log has another time."""
    newest = OrderEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    shop = Shop.objects.get()
    shift(shop, ("demand_at",), by)
    Shop.objects.update(
        seen_at=kitchen.now,
        clock_event=newest,
        demand_at=shop.demand_at,
        speed_since=min(shop.speed_since, kitchen.now),
    )
    for name in OF_STATION:
        Station.objects.filter(**{f"{name}__gt": kitchen.now}).update(**{name: kitchen.now})


def shift(row: Shop | Work, names: Iterable[str], by: timedelta) -> None:
    for name in names:
        moment: datetime | None = getattr(row, name)
        if moment is not None:
            setattr(row, name, moment - by)


def rows_of(order: Order) -> list[Work]:
    return [order, *order.parts]


def tell(kitchen: Kitchen, order: Order) -> None:
    """Note that the times of an order have changed. What is under way gets new links: the old ones go by the old."""
    works: list[Work] = [*order.cooking] or [order]
    for work in works:
        if work.started_at is not None:
            work.epoch += 1
            kitchen.begin_chain(work)
        note(kitchen, work, Cause(Event.RETIMED))


def free_belt(kitchen: Kitchen, station: Station, until: datetime) -> None:
    """Let a belt take the next one at this moment; whoever waits for that is to be woken anew."""
    kitchen.occupy(station, until)
    seat(kitchen, station)
    if station.is_open and station.has_line:
        kitchen.awaited[station.stage] = station


def say(what: str, count: int, words: str, *details: object) -> None:
    """Say and count, after the commit, what was pulled back."""

    def say_now() -> None:
        logger.warning(words, *details)
        sweeps.note(what, count)

    transaction.on_commit(say_now, robust=True)


# In the recovery sweep


def leave_sign(kitchen: Kitchen) -> None:
    """Write down what the clock says, if work is under way and nothing else says it."""
    is_silent = kitchen.now - kitchen.sign_at > timedelta(seconds=SEEN_SECONDS)
    if is_silent and any(station.taken for station in kitchen.stations.values()):
        Shop.objects.update(seen_at=kitchen.now)


def pull_back_strays(kitchen: Kitchen) -> None:
    """Pull back the works that began, or joined a line, in the future, though the clock has not been set back.

    An older version left them, or somebody's hand. Each of them begins, or joins, now.
    """
    ahead = kitchen.now + timedelta(seconds=HELD_SECONDS)
    is_ahead = Q(joined_at__gt=ahead) | Q(started_at__gt=ahead)
    found = Order.objects.open().filter(is_ahead).order_by().values_list("pk", flat=True)
    items = OrderItem.objects.cooking().filter(is_ahead).order_by().values_list("order", flat=True)
    orders = kitchen.read_orders(list(found.union(items)[:MOST_AT_ONCE]))
    for order in orders:
        for row in rows_of(order):
            lead = max(row.joined_at, row.started_at or row.joined_at) - kitchen.now
            if lead > timedelta(0):
                shift(row, OF_WORK, lead)
        tell(kitchen, order)
    if orders:
        say("moment_ahead", len(orders), AHEAD, len(orders))
