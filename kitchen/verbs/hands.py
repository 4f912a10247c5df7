"""Work in people's hands: the taps that begin and end it, and what its link does when it is due.

A tap that ends work under way is a completion, as the clock's is: an event of its own, then what follows from it.
Where a station's work ends only with a tap, its chain waits. Its link is due when the work takes longer than usual: it
marks the work and ends the chain, and the tap sends what is left of it. If the owner wants that, the chain comes once
more and goes on by itself, as people forget to tap in a rush.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from home.models import Order, OrderItem
from kitchen import stages
from kitchen.locks import Clock, Kitchen, Work
from kitchen.models import Station
from kitchen.transitions import Cause, Event, Refused, begin, move_all, note
from kitchen.verbs.staff import find, refuse_done, refuse_ended
from kitchen.verbs.transaction import locked
from kitchen.verbs.undoing import before, has_begun_since, refuse_moved, whereabouts

__all__ = ["advance", "take"]


# Taps


def advance(
    pk: int,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """End the work of the present stage: on an item, or on all that the order has under way there.

    Where no work is under way, that is skipped: a person moves the order, or the item, on.
    """
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        refuse_ended(order, one)
        refuse_done(one)
        works = at_hand(order, one)
        if one is None and seen is not None and order.cooking:
            works = [work for work in works if not has_begun_since(work, seen)]
            if not works or (not has_begun(works) and was_tapped_since(order, seen)):
                refuse_moved(order)  # the tap meant works that are done by now, not those that wait or are put aside
        state = before(kitchen, order, works)
        target = stages.after(works[0].stage, order.way)
        if not has_begun(works):
            return move_all(kitchen, works, target, Cause(Event.OVERRIDDEN, by, reason, state))
        complete(kitchen, works, target, Cause(Event.DONE, by, reason, state))


def at_hand(order: Order, item: OrderItem | None = None) -> list[Work]:
    """Return the works whose stage a person ends: those under way at the order's stage, else all that are there."""
    if item is not None:
        return [item]
    front: list[Work] = [*order.front]
    return [work for work in front if work.started_at is not None] or front


def has_begun(works: Sequence[Work]) -> bool:
    return all(work.started_at is not None for work in works)


def was_tapped_since(order: Order, seen: int) -> bool:
    return order.events.filter(seq__gt=seen, event=Event.DONE).exists()


def complete(kitchen: Kitchen, works: Sequence[Work], target: str, cause: Cause) -> None:
    """End works of one order that are under way at the same stage, and move them on."""
    for work in works:
        work.epoch += 1  # the chain that waited for this must no longer do anything
        note(kitchen, work, cause if work is works[-1] else Cause(cause.event, cause.by, cause.reason))
    move_all(kitchen, works, target)


def take(
    pk: int,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """Take an order along, whichever place in the line it has: its delivery begins."""
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        refuse_ended(order, one)
        station = kitchen.stations[order.stage]
        if one is not None:
            raise Refused("An order is taken along as a whole.")
        if not stages.BY_CODE[order.stage].is_taken:
            raise Refused(f"{order} can't be taken along: it is {whereabouts(order)}.")
        if order.started_at is not None:
            raise Refused(f"{order} is on its way already.")
        if order.held:
            raise Refused(f"{order} is on hold.")
        if not station.is_open:
            raise Refused(f"{station} is closed: nothing goes out.")
        if station.taken >= station.capacity:
            raise Refused(f"As many orders are on their way as there are places for: {station.capacity}.")
        state = before(kitchen, order, [order])
        order.epoch += 1
        begin(kitchen, order, station)
        note(kitchen, order, Cause(Event.STARTED, by, reason, state))


# Links


def is_left_to_people(kitchen: Kitchen, work: Work) -> bool:
    """Return whether the chain of work that is due ends here, as only a tap ends the work. Mark it as overdue then."""
    station = kitchen.stations[work.stage]
    if not station.is_by_hand:
        return False
    assumed_at = assumed_done_at(work, station)
    if assumed_at is None:
        if not work.overdue:
            mark(kitchen, work)
        return True
    assert work.due_at is not None
    if assumed_at <= max(kitchen.now, work.due_at):
        note(kitchen, work, Cause(Event.ASSUMED))
        return False
    work.due_at = assumed_at
    work.epoch += 1
    mark(kitchen, work)
    kitchen.begin_chain(work)
    return True


def assumed_done_at(work: Work, station: Station) -> datetime | None:
    """Return when work that nobody ends counts as done; None: never."""
    assumed = station.assumed_seconds(work.pieces)
    return None if assumed is None or work.started_at is None else work.started_at + timedelta(seconds=assumed)


def mark(kitchen: Kitchen, work: Work) -> None:
    work.overdue = True
    note(kitchen, work, Cause(Event.OVERRAN))


def waits_for_ever(kitchen: Kitchen) -> Q:
    """Return the condition of works that are left to people: the recovery sweep need not bring their chains."""
    left = [station.stage for station in kitchen.stations.values() if station.leaves_overdue]
    return Q(stage__in=left, overdue=True)
