"""What people do with an order or, with `item`, with one pizza of it: verbs of `flow`.

What they tap while they work is in kitchen.verbs.hands.

Each takes `seen`, the seq of what a person saw when they clicked: if that has reached another stage since, the click
was not meant for it and is refused.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from home.models import Order, OrderEvent, OrderItem, Pizza
from kitchen import stages
from kitchen.locks import Clock, Kitchen, Work
from kitchen.transitions import (
    Cause,
    Event,
    Refused,
    enter,
    in_turn,
    join,
    leave,
    move_all,
    note,
    part,
    queue,
    seat_each,
    settle,
    work_left,
)
from kitchen.verbs.changing import exchange, strike
from kitchen.verbs.transaction import locked
from kitchen.verbs.undoing import NOTHING_TO_UNDO, before, refuse_stale, refuse_undo, restore

__all__ = [
    "UNDO_SECONDS",
    "cancel",
    "change",
    "hold",
    "override",
    "recall",
    "remake",
    "resume",
    "rush",
    "undo",
]

UNDO_SECONDS = 10.0


def find(
    kitchen: Kitchen, pk: int, seen: int | None = None, item: int | None = None
) -> tuple[Order, OrderItem | None]:
    """Read the order, and the item of it, that a person means.

    Refused if it does not exist, or if what they saw is out of date.
    """
    try:
        order = kitchen.read_order(pk)
        found = None if item is None else order.item(item)
    except Order.DoesNotExist:
        raise Refused("There is no such order.") from None
    except OrderItem.DoesNotExist:
        raise Refused("There is no such pizza in this order.") from None
    refuse_stale(kitchen, order, seen, found)
    return order, found


def refuse_ended(order: Order, item: OrderItem | None = None) -> None:
    if order.stage in stages.ENDED:
        raise Refused(f"{order} is {stages.label(order.stage, order.way).lower()} already.")
    if item is not None and item.is_struck:
        raise Refused(f"{item} is cancelled already.")


def refuse_done(item: OrderItem | None) -> None:
    if item is not None and item.is_done:
        raise Refused(f"{item} is done already: the order goes on as a whole.")


def in_hand(order: Order, item: OrderItem | None = None) -> list[Work]:
    """Return what a verb is about: an item, all items that go on by themselves, or the order as a whole."""
    if item is not None:
        return [item]
    return [*order.cooking] or [order]


def recall(
    pk: int,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """Send an order, or an item, one stage back by hand; its work there starts over."""
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        work = one or order
        if work.stage == stages.CANCELLED.code:
            raise Refused(f"{work} can't go back: it is cancelled.")
        if work.stage == stages.FIRST:
            raise Refused(f"{work} can't go back: it is at the first station.")
        if one is not None and one.is_done and not order.cooking and order.stage != one.stage:
            raise Refused(f"{one} can't go back alone: {order} is {stages.label(order.stage, order.way).lower()}.")
        (target,) = stages.before(work.stage, order.way)
        if one is not None:
            send_items(kitchen, order, [one], target, Cause(Event.RECALLED, by, reason))
        elif order.cooking:
            send_items(kitchen, order, [*order.front], target, Cause(Event.RECALLED, by, reason))
        else:
            send(kitchen, order, target, Cause(Event.RECALLED, by, reason))


def override(
    pk: int,
    target: str,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """Move an order with all its items, or one item, to any stage by hand; work there starts over.

    A stale chain can't undo it.
    """
    if target == stages.CANCELLED.code:
        return cancel(pk, by, reason, seen, item=item, clock=clock)
    if target not in stages.BY_CODE:
        raise Refused(f"There is no stage “{target}”.")
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        if target not in order.route.stages:
            raise Refused(f"{order} never is “{stages.BY_CODE[target].label}”: it is {order.route.purpose}.")
        cause = Cause(Event.OVERRIDDEN, by, reason)
        if one is None:
            if order.stage == target and not any(work.stage != target for work in in_hand(order)):
                raise Refused(f"{order} is already at “{stages.label(target, order.way)}”.")
            return send(kitchen, order, target, cause)
        if one.stage == target and (one.is_cooking or one.is_done):
            raise Refused(f"{one} is already at “{stages.BY_CODE[target].label}”.")
        if not kitchen.is_of_items(target) and target != kitchen.first_of_orders(order):
            raise Refused(f"A pizza alone can't be “{stages.label(target, order.way)}”.")
        refuse_ended(order, one)
        send_items(kitchen, order, [one], target, cause)


def send(kitchen: Kitchen, order: Order, target: str, cause: Cause) -> None:
    """Send an order to a stage, with all its items."""
    items = [item for item in order.parts if not item.is_struck]
    if kitchen.is_of_items(target):
        return send_items(
            kitchen, order, [item for item in items if item.is_done or item.stage != target], target, cause
        )
    cooking = [item for item in items if not item.is_done]
    own = [] if order.cooking else [order]
    cause = Cause(cause.event, cause.by, cause.reason, before(kitchen, order, [*own, *cooking]))
    works: list[Work] = [*own, *cooking]
    left = [leave(kitchen, work) for work in works]
    for item in cooking:
        item.stage = stages.CANCELLED.code if target == stages.CANCELLED.code else kitchen.first_of_orders(order)
        item.is_done = item.stage != stages.CANCELLED.code
        item.held, item.remaining_seconds = False, None
        item.epoch += 1
    order.epoch += 1
    enter(kitchen, order, target, cause)
    seat_each(kitchen, left)


def send_items(kitchen: Kitchen, order: Order, items: Sequence[OrderItem], target: str, cause: Cause) -> None:
    """Send items to a stage. If the order went on as a whole, its items go on by themselves again."""
    is_whole = not order.cooking
    works: list[Work] = [*([order] if is_whole else []), *items]
    cause = Cause(cause.event, cause.by, cause.reason, before(kitchen, order, works))
    left = part(kitchen, order) if is_whole else None
    move_all(kitchen, items, target, cause)
    seat_each(kitchen, [left])


def cancel(
    pk: int,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """End an order that is not delivered, or strike a pizza that is not done; its place goes to the next."""
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        refuse_ended(order, one)
        others = [other for other in order.parts if other != one and not other.is_struck]
        if one is None or not others:
            return send(kitchen, order, stages.CANCELLED.code, Cause(Event.CANCELLED, by, reason))
        refuse_done(one)
        cause = Cause(Event.CANCELLED, by, reason, before(kitchen, order, [one]))
        left = leave(kitchen, one)
        one.stage, one.is_done, one.held, one.remaining_seconds = stages.CANCELLED.code, True, False, None
        one.epoch += 1
        note(kitchen, one, cause)
        strike(order)
        if not order.cooking:
            join(kitchen, order, kitchen.first_of_orders(order))
        seat_each(kitchen, [left])


def remake(
    pk: int,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """Begin a pizza again that was dropped or burnt, ahead of the line; without `item`, all of the order's.

    An order that goes on as a whole waits for it again.
    """
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        refuse_ended(order, one)
        items = [item for item in ([one] if one else order.parts) if has_begun(item) and not item.is_struck]
        if not kitchen.is_of_items(stages.FIRST):
            raise Refused("Pizzas are not made one by one here: send the order back instead.")
        if not items:
            raise Refused(f"{one or order} has not been begun, so there is nothing to make again.")
        is_whole = not order.cooking
        works: list[Work] = [*([order] if is_whole else []), *items]
        state = before(kitchen, order, works)
        left = [leave(kitchen, work) for work in items]
        if is_whole:
            left.append(part(kitchen, order))
        for again in items:
            again.stage, again.joined_at, again.rushed = stages.FIRST, kitchen.now, True
            again.is_done = again.held = False
            again.remaining_seconds = None
            again.epoch += 1
        for again in items:
            note(kitchen, again, Cause(Event.REMADE, by, reason, state if again is items[-1] else None))
        first = kitchen.stations[stages.FIRST]
        queue(kitchen, first)
        seat_each(kitchen, [first, *left])


def has_begun(item: OrderItem) -> bool:
    is_begun = item.started_at is not None or item.remaining_seconds is not None
    return is_begun or item.stage != stages.FIRST


def change(
    pk: int,
    items: Iterable[tuple[Pizza, int]],
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    clock: Clock | None = None,
) -> None:
    """Replace the (pizza, quantity) pairs, at today's prices, as long as a pizza of the order is at the make line.

    Pizzas that are in both are kept as they are. Of the others, work at the make line starts over with another pizza,
    in the same place or turn; what is too many is thrown away, and what is missing joins the line.
    """
    items = list(items)
    with locked(clock) as kitchen:
        order, _ = find(kitchen, pk, seen)
        if order.stage != stages.FIRST:
            raise Refused(f"{order} can no longer be changed: it is {stages.label(order.stage, order.way).lower()}.")
        exchange(kitchen, order, items, Cause(Event.CHANGED, by, reason))


def rush(
    pk: int,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """Put an order, or one item, before all others, in this line and every later one. Nobody loses a place for it."""
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        refuse_ended(order, one)
        refuse_done(one)
        work = one or order
        if work.rushed:
            raise Refused(f"{work} is rushed already.")
        works: list[Work] = [one] if one else [order, *order.parts]  # also those that are done: they can come back
        cause = Cause(Event.RUSHED, by, reason, before(kitchen, order, works))
        for each in works:
            each.rushed = True
        note(kitchen, work, cause)


def hold(
    pk: int,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """Put an order, or one item, aside, with the work that is left; its place goes to the next."""
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        refuse_ended(order, one)
        refuse_done(one)
        works = [work for work in in_hand(order, one) if not work.held]
        if not works:
            raise Refused(f"{one or order} is on hold already.")
        state = before(kitchen, order, works)
        left = []
        for work in works:
            work.remaining_seconds = work_left(kitchen, work)
            left.append(leave(kitchen, work))
            work.held = True
            work.epoch += 1
        for work in works:
            note(kitchen, work, Cause(Event.HELD, by, reason, state if work is works[-1] else None))
        seat_each(kitchen, left)


def resume(
    pk: int,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """Continue the work that was left when it was put aside, at once or, without a free place, in its old turn."""
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        works = [work for work in in_hand(order, one) if work.held]
        if not works:
            raise Refused(f"{one or order} is not on hold.")
        for work in in_turn(works):
            work.held = False
            settle(kitchen, work, Cause(Event.RESUMED, by, reason))


def undo(pk: int, seq: int, by: Any, *, clock: Clock | None = None) -> None:
    """Undo a person's last action up to this seq: all returns to where it was, with its turn and the work left.

    Refused if something has happened to that since, if it was someone else's, or after UNDO_SECONDS.
    """
    with locked(clock) as kitchen:
        own = OrderEvent.objects.filter(order=pk, seq__lte=seq, by=by, before__isnull=False)
        event = own.order_by("-seq").first() if by else None
        if event is None or event.before is None or "items" not in event.before:
            raise Refused(NOTHING_TO_UNDO)
        order, _ = find(kitchen, pk)
        # What lies ahead was done before the clock was set back.
        if not timedelta(0) <= kitchen.now - event.at <= timedelta(seconds=UNDO_SECONDS):
            raise Refused(NOTHING_TO_UNDO)
        refuse_undo(kitchen, order, event)
        restore(kitchen, order, event, Cause(Event.UNDONE, by))
        if event.event == Event.CANCELLED and event.item is not None:
            strike(order)
