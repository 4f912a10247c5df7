"""What the verbs of `flow` are made of. All of it runs in their transaction, under their locks."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_datetime

from home.models import EVENT_ROWS, Order, OrderEvent
from kitchen import stages
from kitchen.locks import has_free_place, lock_next, lock_order, lock_stations
from kitchen.models import Station
from realtime.refused import Refused as Refused

logger = logging.getLogger(__name__)

Event = OrderEvent.Event
LONGEST_WORK_SECONDS = 1e8  # three years: more is no time, but an accident


def refuse_ended(order: Order) -> None:
    if order.stage in stages.ENDED:
        raise Refused(f"{order} is {order.stage} already.")


def refuse_stale(order: Order, seen: int | None) -> None:
    """A click on what a person saw at `seen` (a seq) is not meant for the stage that the order has reached since."""
    if seen is None or seen >= order.seq:
        return
    if order.events.filter(seq=seen, stage=order.stage).exists():
        return
    words = stages.BY_CODE[order.stage].label if order.stage in stages.ENDED else order.words
    raise Refused(f"{order} has moved on: it is {words[0].lower()}{words[1:]} already.")


def lock_order_where_it_stands(
    pk: int, more: Callable[[str], Iterable[str]] = lambda stage: (), seen: int | None = None
) -> tuple[Order, dict[str, Station]]:
    """An order, with its station and the stations of `more` stages locked. Refused if a click on it is stale.

    Where it stands is known for sure only after the locks, so look, lock, look again.
    """
    stage = Order.objects.values_list("stage", flat=True).filter(pk=pk).first()
    if stage is None:
        raise Refused("There is no such order.")
    while True:
        sid = transaction.savepoint()
        stations = lock_stations(stage, *more(stage))
        order = lock_order(pk)
        if order.stage == stage:
            transaction.savepoint_commit(sid)
            refuse_stale(order, seen)
            return order, stations
        transaction.savepoint_rollback(sid)  # gives the locks back: the next try takes others, in order
        stage = order.stage


@dataclass(frozen=True)
class Cause:
    """Whose doing a change is: the kitchen's own (no event named), or a person's."""

    event: str = ""
    by: Any = None
    reason: str = ""
    before: dict[str, Any] | None = None  # what `undo` would bring back


def before(order: Order, speed: float, now: datetime) -> dict[str, Any]:
    return {
        "stage": order.stage,
        "joined_at": order.joined_at.isoformat(),
        "remaining_seconds": work_left(order, speed, now),
        "held": order.held,
        "rushed": order.rushed,
    }


def work_left(order: Order, speed: float, now: datetime) -> float | None:
    """In kitchen seconds; None if the work has not begun."""
    if order.due_at is None:
        return order.remaining_seconds
    return max(0.0, (order.due_at - now).total_seconds()) * speed


def move(order: Order, target: str, stations: dict[str, Station], now: datetime, cause: Cause) -> list[Order]:
    """Leave one stage for another; the place that was left goes to the next in line."""
    station = stations.get(order.stage)
    left = station if order.started_at is not None else None
    if cause.event:
        order.epoch += 1  # a person's move: the old chain may do nothing any more
        cause = replace(cause, before=before(order, station.speed if station else 1, now))
    begun = enter(order, target, stations, now, cause)
    return begun + (seat(left, now) if left else [])


def enter(order: Order, target: str, stations: dict[str, Station], now: datetime, cause: Cause) -> list[Order]:
    """Reach a stage: into a free place, into the line, or out of the kitchen."""
    order.stage = target
    order.joined_at = now
    order.started_at = order.due_at = order.remaining_seconds = None
    order.held = False
    order.delivered_at = now if target == stages.LAST else None
    return settle(order, stations, now, cause)


def restore(
    order: Order, before: dict[str, Any], stations: dict[str, Station], now: datetime, cause: Cause
) -> list[Order]:
    """Back to where it was: in its old turn, with the work that was left."""
    left = stations.get(order.stage) if order.started_at is not None else None
    order.stage, order.held, order.rushed = before["stage"], before["held"], before["rushed"]
    order.joined_at = parse_datetime(before["joined_at"]) or now
    order.remaining_seconds = before["remaining_seconds"]
    order.started_at = order.due_at = None
    order.delivered_at = order.joined_at if order.stage == stages.LAST else None  # as `enter` wrote it
    order.epoch += 1
    begun = settle(order, stations, now, cause)
    return begun + (seat(left, now) if left else [])


def renew(order: Order, station: Station, now: datetime, cause: Cause) -> list[Order]:
    """The work is another one now: if it had begun it begins anew, where it is."""
    order.remaining_seconds = None
    begun: list[Order] = []
    if order.started_at is not None:
        order.epoch += 1
        begun = begin(order, station, now)
    write(order, now, cause)
    return begun


def settle(order: Order, stations: dict[str, Station], now: datetime, cause: Cause) -> list[Order]:
    """Take a free place, if there is one and the order may have it, and write what happened."""
    station = None if order.held else stations.get(order.stage)
    begun = begin(order, station, now) if station and has_free_place(station) else []
    ended = Event.CANCELLED if order.stage == stages.CANCELLED.code else Event.DELIVERED
    natural = ended if station is None else Event.STARTED if begun else Event.JOINED
    write(order, now, replace(cause, event=cause.event or natural))
    return begun


def begin(order: Order, station: Station, now: datetime) -> list[Order]:
    """Take a place. What was done before a hold counts, also on the progress bar."""
    service = work_seconds(order, station)
    left = service if order.remaining_seconds is None else order.remaining_seconds / station.speed
    order.due_at = now + timedelta(seconds=left)
    order.started_at = min(now, order.due_at - timedelta(seconds=service))
    order.remaining_seconds = order.recovered_at = None
    order.epoch = max(1, order.epoch)
    return [order]


def work_seconds(order: Order, station: Station) -> float:
    """How long the order's work takes here, on the clock on the wall.

    The mean, if that can't be said: an order that is broken must block nobody, neither those who wait behind it
    nor the one that leaves a place to it.
    """
    try:
        seconds = station.wall_seconds(order.order_id, order.pizzas)
        if 0 <= seconds <= LONGEST_WORK_SECONDS:  # nor is NaN
            return seconds
        logger.error("Order %d would take %s s at %s: it gets the mean", order.pk, seconds, station.stage)
    except Exception:
        logger.exception("No service time for order %d at %s: it gets the mean", order.pk, station.stage)
    return station.mean_seconds / station.speed


def seat(station: Station, now: datetime) -> list[Order]:
    """The first in line take the free places of a station, each with a epoch of its own."""
    begun: list[Order] = []
    is_full = False
    while not is_full:
        order, is_full = lock_next(station)
        if order is None:
            break
        order.epoch += 1
        # Whoever leaves may have looked at its clock before this one came, and waited for the locks since.
        moment = max(now, order.joined_at)
        begun += begin(order, station, moment)
        write(order, moment, Cause(Event.STARTED))
    return begun


def write(order: Order, now: datetime, cause: Cause) -> None:
    """One change, one seq, one event."""
    order.seq += 1
    order.save_state()
    EVENT_ROWS.insert(
        OrderEvent(
            order=order,
            seq=order.seq,
            at=now,
            stage=order.stage,
            event=cause.event,
            by=cause.by,
            by_person=cause.by is not None,
            reason=cause.reason,
            before=cause.before,
        )
    )
