"""The parts of `flow`'s verbs. All of it runs in their transaction, behind the kitchen's lock.

A work is what has a place at a station: an item where the station works on items, else an order. An order takes part
as a whole only once all its items have left the stations of items: the last of them to arrive joins it.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from home.models import Order, OrderEvent, OrderItem
from kitchen import outlook, stages
from kitchen.locks import Kitchen, Work
from kitchen.models import Station
from realtime.refused import Refused as Refused
from telemetry import trace

logger = logging.getLogger(__name__)

Event = OrderEvent.Event
W = TypeVar("W", bound=Work)
LONGEST_WORK_SECONDS = 1e8  # three years: anything longer is a mistake


@dataclass(frozen=True)
class Cause:
    """The cause of a change: the kitchen itself (no event named), or a person."""

    event: str = ""
    by: Any = None
    reason: str = ""
    before: dict[str, Any] | None = None  # the state that `undo` would restore


BY_ITSELF = Cause()


def order_of(work: Work) -> Order:
    return work if isinstance(work, Order) else work.order


def in_turn(works: Iterable[W]) -> list[W]:
    """Sort works of one order by their turn in a line. Items are written in the order of their numbers."""
    return sorted(works, key=lambda work: (not work.rushed, work.joined_at, work.pk))


# Moving


def move(kitchen: Kitchen, work: Work, target: str, cause: Cause = BY_ITSELF) -> None:
    """Leave one stage for another; the place that was left goes to the next in line."""
    move_all(kitchen, [work], target, cause)


def move_all(kitchen: Kitchen, works: Sequence[Work], target: str, cause: Cause = BY_ITSELF) -> None:
    """Do the same with several works of one order. Only then are the places that they left given away."""
    left = [leave(kitchen, work) for work in works]
    works = sorted(works, key=lambda work: not work.rushed)  # they all join the line now
    for work in works:
        if cause.event:
            work.epoch += 1  # a person's move: the old chain must no longer do anything
        enter(kitchen, work, target, cause if work is works[-1] else replace(cause, before=None))
    seat_each(kitchen, left)


def leave(kitchen: Kitchen, work: Work) -> Station | None:
    """Give up the place where there is work under way, if there is; return the station."""
    if work.started_at is None:
        return None
    station = kitchen.stations[work.stage]
    station.taken -= 1
    work.started_at = work.due_at = None
    work.overdue = False
    return station


def enter(kitchen: Kitchen, work: Work, target: str, cause: Cause = BY_ITSELF) -> None:
    """Reach a stage: into a free place, into the line, to the other items of the order, or out of the kitchen."""
    work.stage = target
    work.joined_at = kitchen.now
    work.remaining_seconds = None
    work.held = False
    if isinstance(work, Order):
        work.delivered_at = kitchen.now if target == stages.LAST else None
        if target != stages.LAST:
            work.ready_at = kitchen.now if target == stages.READY else None
        settle(kitchen, work, cause)
    elif kitchen.is_of_items(target):
        work.is_done = False
        settle(kitchen, work, cause)
    else:
        work.is_done = True
        arrive(kitchen, work, cause)


def arrive(kitchen: Kitchen, item: OrderItem, cause: Cause = BY_ITSELF) -> None:
    """Put an item beside the others of its order that are done. With the last one the order goes on as a whole."""
    order = item.order
    is_last = not order.cooking
    if is_last:
        order.stage = item.stage
    note(kitchen, item, replace(cause, event=cause.event or Event.JOINED))
    if is_last:
        join(kitchen, order, item.stage)


def join(kitchen: Kitchen, order: Order, stage: str) -> None:
    """Let an order go on as a whole, as all its items are done."""
    order.epoch += 1
    enter(kitchen, order, stage)


def part(kitchen: Kitchen, order: Order) -> Station | None:
    """Let the items of an order go on by themselves again; return the station where the order leaves a place."""
    left = leave(kitchen, order)
    order.epoch += 1
    order.held = False
    order.joined_at = min(order.joined_at, kitchen.now)  # it can have ended before the clock was set back
    order.remaining_seconds = order.ready_at = order.delivered_at = None
    return left


def settle(kitchen: Kitchen, work: Work, cause: Cause = BY_ITSELF, *, waited: bool = False) -> None:
    """Take a free place, if there is one and the work can have it, and note what happened.

    What is put back in a line, where it waited to be taken along, waits there again.
    """
    station = None if work.held else kitchen.stations.get(work.stage)
    if station is None:
        natural = Event.CANCELLED if work.stage == stages.CANCELLED.code else Event.DELIVERED
    elif is_free(kitchen, station) or (not waited and goes_on_its_way(work, station)):
        begin(kitchen, work, station)
        natural = Event.STARTED
    else:
        queue(kitchen, station)
        natural = Event.JOINED
    note(kitchen, work, replace(cause, event=cause.event or natural))


def is_free(kitchen: Kitchen, station: Station) -> bool:
    """Return whether a newcomer can begin at once: there is a place, and nobody before it."""
    return not station.has_line and has_room(kitchen, station)


def goes_on_its_way(work: Work, station: Station) -> bool:
    """Return whether an order that was taken along before, and put aside since, goes on where it was."""
    was_taken = station.is_taken and work.remaining_seconds is not None
    return was_taken and station.is_open and station.taken < station.capacity


def has_room(kitchen: Kitchen, station: Station) -> bool:
    """Return whether a station could begin something by itself now."""
    return (
        station.is_open
        and not station.is_taken
        and (is_loadable(kitchen, station) if station.is_belt else station.taken < station.capacity)
    )


def is_loadable(kitchen: Kitchen, station: Station) -> bool:
    return station.busy_until is None or station.busy_until <= kitchen.now


def queue(kitchen: Kitchen, station: Station) -> None:
    """Note that somebody stands in a station's line. On a belt the first needs waking for the next loading.

    Where there is room, it was left just now, or the line has: those who wait are seated in turn at the end.
    """
    if has_room(kitchen, station):
        kitchen.unseated[station.stage] = station
    if station.is_belt and station.is_open and not station.has_line:
        kitchen.awaited[station.stage] = station
    station.has_line = True


# Working


def begin(kitchen: Kitchen, work: Work, station: Station) -> None:
    """Take a place and start the work."""
    station.taken += 1
    work.epoch = max(1, work.epoch)
    if station.is_belt:
        kitchen.occupy(station, kitchen.now + timedelta(seconds=station.loading_seconds(work.pieces)))
    start_work(kitchen, work, station)


def start_work(kitchen: Kitchen, work: Work, station: Station) -> None:
    """Set the times of the work. What was done before a hold counts, also on the progress bar.

    Not on a belt: what is put on it goes all the way. Where a person ends the work it is due when it takes longer than
    usual, and what was overdue before a hold still is.
    """
    service = work_seconds(work, station)
    starts_over = work.remaining_seconds is None or station.is_belt
    left = service if starts_over else (work.remaining_seconds or 0.0) / station.speed
    work.due_at = kitchen.now + timedelta(seconds=left)
    work.started_at = min(kitchen.now, work.due_at - timedelta(seconds=service))
    work.remaining_seconds = work.recovered_at = None
    work.overdue = False
    kitchen.begin_chain(work)


def work_seconds(work: Work, station: Station) -> float:
    """Return how long the work takes here, in wall seconds; where a person ends it, when its link has to come.

    Return the mean if that can't be said: a broken order must not block those who wait behind it, nor the one that
    leaves a place to it.
    """
    try:
        seconds = patience_seconds(work, station) if station.is_by_hand else drawn_seconds(work, station)
        if 0 <= seconds <= LONGEST_WORK_SECONDS:  # NaN fails this, too
            return seconds
        logger.error("Order %d would take %s s at %s: it gets the mean", order_of(work).pk, seconds, station.stage)
    except Exception:
        logger.exception("No service time for order %d at %s: it gets the mean", order_of(work).pk, station.stage)
    return station.mean_seconds / station.speed


def drawn_seconds(work: Work, station: Station) -> float:
    """Return how long the work takes by the clock, in wall seconds: always the same for an order, or an item of it."""
    key = work.order_id if isinstance(work, Order) else f"{work.order.order_id}:{work.number}"
    return station.wall_seconds(key, work.pieces)


def patience_seconds(work: Work, station: Station) -> float:
    """Return after how long somebody must look at work that a person ends, in wall seconds: it is unusual, or over."""
    usual = outlook.usual_seconds(station, work.pieces) / station.speed
    assumed = station.assumed_seconds(work.pieces)
    return usual if assumed is None else min(usual, assumed)


def work_left(kitchen: Kitchen, work: Work) -> float | None:
    """Return the kitchen seconds of work that are left; None if the work has not begun.

    They are negative for work that a person ends and that is overdue.
    """
    if work.due_at is None:
        return work.remaining_seconds
    station = kitchen.stations[work.stage]
    if station.is_by_hand and work.started_at is not None:  # it can have been due, and be due again
        return (work_seconds(work, station) - (kitchen.now - work.started_at).total_seconds()) * kitchen.speed
    return max(0.0, (work.due_at - kitchen.now).total_seconds()) * kitchen.speed


def renew(kitchen: Kitchen, work: Work) -> None:
    """Replace the work by another: if it had begun it starts over, in the same place."""
    work.remaining_seconds = None
    if work.started_at is not None:
        work.epoch += 1
        start_work(kitchen, work, kitchen.stations[work.stage])


# The lines


def seat_each(kitchen: Kitchen, stations: Iterable[Station | None]) -> None:
    """Seat at each of these stations, once."""
    for station in {station.stage: station for station in stations if station is not None}.values():
        seat(kitchen, station)


def seat(kitchen: Kitchen, station: Station) -> None:
    """Give the free places of a station to the first in line, each with a new epoch."""
    if not station.is_open or station.is_taken:
        return
    if station.is_belt:
        load(kitchen, station)
        return
    for work in kitchen.next_in_line(station, station.capacity - station.taken):
        call_up(kitchen, work, station)


def load(kitchen: Kitchen, station: Station) -> None:
    """Load a belt with all that can go in now; if more wait, ask to be woken for the next loading.

    Where nothing could be loaded, somebody has asked for that already.
    """
    is_loaded = False
    while station.has_line:
        if not is_loadable(kitchen, station):
            if is_loaded:
                kitchen.awaited[station.stage] = station
            return
        is_loaded = True
        found = kitchen.next_in_line(station, 2)
        if found:
            call_up(kitchen, found[0], station)
        station.has_line = len(found) > 1


def call_up(kitchen: Kitchen, work: Work, station: Station) -> None:
    work.epoch += 1
    begin(kitchen, work, station)
    note(kitchen, work, Cause(Event.STARTED))


# The log


def note(kitchen: Kitchen, work: Work, cause: Cause) -> None:
    """Note one change: one seq, one event."""
    order = order_of(work)
    settle_stage(order)
    order.seq += 1
    if cause.by is not None:
        order.request_id = trace.present().request
    event = OrderEvent(
        order=order,
        seq=order.seq,
        at=kitchen.now,
        item=None if isinstance(work, Order) else work.number,
        stage=work.stage,
        order_stage=order.stage,
        event=cause.event,
        by=cause.by,
        by_person=cause.by is not None,
        reason=cause.reason,
        before=cause.before,
    )
    event.epoch = work.epoch
    kitchen.note(event)


def settle_stage(order: Order) -> None:
    """Give an order the stage of its least advanced item, as long as its items go on by themselves."""
    cooking = order.cooking
    if cooking:
        order.stage = min((item.stage for item in cooking), key=stages.number)
