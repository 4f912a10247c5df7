"""The parts of `flow`'s verbs. All of it runs in their transaction, behind the kitchen's lock."""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.utils.dateparse import parse_datetime

from home.models import Order, OrderEvent
from kitchen import stages
from kitchen.locks import Kitchen
from kitchen.models import Station
from realtime.refused import Refused as Refused

logger = logging.getLogger(__name__)

Event = OrderEvent.Event
LONGEST_WORK_SECONDS = 1e8  # three years: anything longer is a mistake


def refuse_ended(order: Order) -> None:
    if order.stage in stages.ENDED:
        raise Refused(f"{order} is {order.stage} already.")


def refuse_stale(order: Order, seen: int | None) -> None:
    """Refuse a click on what a person saw at `seen` (a seq) if the order has reached another stage since."""
    if seen is None or seen >= order.seq:
        return
    if order.events.filter(seq=seen, stage=order.stage).exists():
        return
    words = stages.BY_CODE[order.stage].label if order.stage in stages.ENDED else order.words
    raise Refused(f"{order} has moved on: it is {words[0].lower()}{words[1:]} already.")


@dataclass(frozen=True)
class Cause:
    """The cause of a change: the kitchen itself (no event named), or a person."""

    event: str = ""
    by: Any = None
    reason: str = ""
    before: dict[str, Any] | None = None  # the state that `undo` would restore


def before(kitchen: Kitchen, order: Order) -> dict[str, Any]:
    return {
        "stage": order.stage,
        "joined_at": order.joined_at.isoformat(),
        "remaining_seconds": work_left(kitchen, order),
        "held": order.held,
        "rushed": order.rushed,
    }


def work_left(kitchen: Kitchen, order: Order) -> float | None:
    """Return the kitchen seconds of work that are left; None if the work has not begun."""
    if order.due_at is None:
        return order.remaining_seconds
    return max(0.0, (order.due_at - kitchen.now).total_seconds()) * kitchen.speed


def move(kitchen: Kitchen, order: Order, target: str, cause: Cause) -> None:
    """Leave one stage for another; the place that was left goes to the next in line."""
    if cause.event:
        order.epoch += 1  # a person's move: the old chain must no longer do anything
        cause = replace(cause, before=before(kitchen, order))
    left = leave(kitchen, order)
    enter(kitchen, order, target, cause)
    seat(kitchen, left)


def leave(kitchen: Kitchen, order: Order) -> Station | None:
    """Give up the place where the order is being worked on, if it has one; return the station."""
    if order.started_at is None:
        return None
    station = kitchen.stations[order.stage]
    station.taken -= 1
    order.started_at = order.due_at = None
    return station


def enter(kitchen: Kitchen, order: Order, target: str, cause: Cause) -> None:
    """Reach a stage: into a free place, into the line, or out of the kitchen."""
    order.stage = target
    order.joined_at = kitchen.now
    order.remaining_seconds = None
    order.held = False
    order.delivered_at = kitchen.now if target == stages.LAST else None
    settle(kitchen, order, cause)


def restore(kitchen: Kitchen, order: Order, before: dict[str, Any], cause: Cause) -> None:
    """Put an order back where it was: in its old turn, with the work that was left."""
    left = leave(kitchen, order)
    order.stage, order.held, order.rushed = before["stage"], before["held"], before["rushed"]
    order.joined_at = parse_datetime(before["joined_at"]) or kitchen.now
    order.remaining_seconds = before["remaining_seconds"]
    order.delivered_at = order.joined_at if order.stage == stages.LAST else None  # as `enter` wrote it
    order.epoch += 1
    settle(kitchen, order, cause)
    seat(kitchen, left)


def renew(kitchen: Kitchen, order: Order, cause: Cause) -> None:
    """Replace the work by another: if it had begun it starts over, in the same place."""
    order.remaining_seconds = None
    if order.started_at is not None:
        order.epoch += 1
        start_work(kitchen, order, kitchen.stations[order.stage])
    write(kitchen, order, cause)


def settle(kitchen: Kitchen, order: Order, cause: Cause) -> None:
    """Take a free place, if there is one and the order can have it, and write what happened."""
    station = None if order.held else kitchen.stations.get(order.stage)
    if station is None:
        natural = Event.CANCELLED if order.stage == stages.CANCELLED.code else Event.DELIVERED
    elif station.is_open and station.taken < station.capacity:
        begin(kitchen, order, station)
        natural = Event.STARTED
    else:
        station.has_line = True
        natural = Event.JOINED
    write(kitchen, order, replace(cause, event=cause.event or natural))


def begin(kitchen: Kitchen, order: Order, station: Station) -> None:
    """Take a place and start the work."""
    station.taken += 1
    order.epoch = max(1, order.epoch)
    start_work(kitchen, order, station)


def start_work(kitchen: Kitchen, order: Order, station: Station) -> None:
    """Set the times of the work. What was done before a hold counts, also on the progress bar."""
    service = work_seconds(order, station)
    left = service if order.remaining_seconds is None else order.remaining_seconds / station.speed
    order.due_at = kitchen.now + timedelta(seconds=left)
    order.started_at = min(kitchen.now, order.due_at - timedelta(seconds=service))
    order.remaining_seconds = order.recovered_at = None
    kitchen.begin_chain(order)


def work_seconds(order: Order, station: Station) -> float:
    """Return how long the order's work takes here, in wall seconds.

    Return the mean if that can't be said: a broken order must not block those who wait behind it, nor the one that
    leaves a place to it.
    """
    try:
        seconds = station.wall_seconds(order.order_id, order.pizzas)
        if 0 <= seconds <= LONGEST_WORK_SECONDS:  # NaN fails this, too
            return seconds
        logger.error("Order %d would take %s s at %s: it gets the mean", order.pk, seconds, station.stage)
    except Exception:
        logger.exception("No service time for order %d at %s: it gets the mean", order.pk, station.stage)
    return station.mean_seconds / station.speed


def seat(kitchen: Kitchen, station: Station | None) -> None:
    """Give the free places of a station to the first in line, each with a new epoch."""
    if station is None:
        return
    for order in kitchen.next_in_line(station):
        order.epoch += 1
        begin(kitchen, order, station)
        write(kitchen, order, Cause(Event.STARTED))


def write(kitchen: Kitchen, order: Order, cause: Cause) -> None:
    """Write one change: one seq, one event."""
    order.seq += 1
    order.save_state(
        OrderEvent(
            order=order,
            seq=order.seq,
            at=kitchen.now,
            stage=order.stage,
            event=cause.event,
            by=cause.by,
            by_person=cause.by is not None,
            reason=cause.reason,
            before=cause.before,
        )
    )
