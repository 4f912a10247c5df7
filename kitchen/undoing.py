"""What a person saw when they clicked, and how their last action is undone.

Both are judged by what the click was about: that another pizza of the order has moved on meanwhile is no reason to
refuse. The event log says what has happened to an item, or to the order as a whole.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Q
from django.utils.dateparse import parse_datetime

from home.models import Order, OrderEvent, OrderItem
from kitchen import stages
from kitchen.locks import Kitchen, Work
from kitchen.transitions import Cause, Event, Refused, in_turn, join, leave, note, part, seat_each, settle, work_left

NOTHING_TO_UNDO = "There is nothing to undo any more."
CONSEQUENCES = (Event.JOINED, Event.STARTED)
OF_ALL = (Event.RUSHED, Event.CHANGED)  # events of the order that move nothing

# What was seen


def refuse_stale(order: Order, seen: int | None, item: OrderItem | None = None) -> None:
    """Refuse a click on what a person saw at `seen` (a seq) if that has reached another stage since."""
    if seen is None or seen >= order.seq or (has_item_stayed(order, item, seen) if item else has_stayed(order, seen)):
        return
    words = stages.label(order.stage, order.way) if order.stage in stages.ENDED else order.words
    raise Refused(f"{order} has moved on: it is {words[0].lower()}{words[1:]} already.")


def has_stayed(order: Order, seen: int) -> bool:
    event = order.events.filter(seq=seen).first()
    return event is not None and (event.order_stage or event.stage) == order.stage


def has_item_stayed(order: Order, item: OrderItem, seen: int) -> bool:
    events = order.events.filter(Q(item=item.number) | Q(item=None), seq__lte=seen).exclude(event__in=OF_ALL)
    event = events.order_by("-seq").first()
    if event is None:
        return False
    if not order.cooking:
        return event.stage == order.stage
    if event.item is None and event.order_stage:  # the order had gone on as a whole: the item is still done
        return item.is_done
    return event.stage == item.stage  # an event from before there were items is about each of them


# Undoing


def before(kitchen: Kitchen, order: Order, works: Iterable[Work]) -> dict[str, Any]:
    """Return the state of the works that a person is about to change, for `undo`."""
    works = list(works)
    return {
        "rushed": order.rushed,
        "order": snapshot(kitchen, order) if order in works else None,
        "items": {str(work.number): snapshot(kitchen, work) for work in works if isinstance(work, OrderItem)},
    }


def snapshot(kitchen: Kitchen, work: Work) -> dict[str, Any]:
    values = {
        "stage": work.stage,
        "joined_at": work.joined_at.isoformat(),
        "remaining_seconds": work_left(kitchen, work),
        "held": work.held,
        "rushed": work.rushed,
    }
    if isinstance(work, OrderItem):
        return {**values, "is_done": work.is_done}
    return {**values, "ready_at": work.ready_at and work.ready_at.isoformat()}


def refuse_undo(order: Order, event: OrderEvent) -> None:
    """Refuse to undo what something has happened to since; its own consequences have the same time.

    Where it was about the order as a whole, that is anything: a pizza that was sent back takes its order with it.
    """
    state: dict[str, Any] = event.before or {}
    later = order.events.filter(seq__gt=event.seq)
    if state["order"] is None:
        later = later.filter(Q(item__in=[int(number) for number in state["items"]]) | Q(item=None))
    if later.filter(Q(at__gt=event.at) | ~Q(event__in=CONSEQUENCES)).exists():
        raise Refused(f"{order} has moved on, it is too late to undo that.")


def restore(kitchen: Kitchen, order: Order, event: OrderEvent, cause: Cause) -> None:
    """Put everything back where it was: in its old turn, with the work that was left."""
    values: dict[str, Any] = event.before or {}
    items = [(item, values["items"].get(str(item.number))) for item in order.parts]
    touched = [(item, row) for item, row in items if row is not None]
    order.rushed = values["rushed"]
    if event.event == Event.RUSHED:  # it might have a place by now, and keeps it
        unrush(touched)
        note(kitchen, order if event.item is None else order.item(event.item), cause)
        return
    left = [leave(kitchen, item) for item, _ in touched]
    if values["order"] is not None or any(not row["is_done"] for _, row in touched):
        left.append(leave(kitchen, order) if values["order"] is not None else part(kitchen, order))
    for item, row in touched:
        put_back(item, row)
        item.is_done = row["is_done"]
    for item in in_turn(item for item, _ in touched):
        if item.is_cooking:
            settle(kitchen, item, cause)
        else:
            note(kitchen, item, cause)
    if values["order"] is not None:
        put_back_order(order, values["order"])
        settle(kitchen, order, cause)
    elif not order.cooking:  # the others are done by now
        join(kitchen, order, kitchen.first_of_orders(order))
    seat_each(kitchen, left)


def unrush(touched: Sequence[tuple[OrderItem, dict[str, Any]]]) -> None:
    for item, row in touched:
        item.rushed = row["rushed"]


def put_back(work: Work, row: dict[str, Any]) -> None:
    work.stage, work.held, work.rushed = row["stage"], row["held"], row["rushed"]
    work.joined_at = parse_datetime(row["joined_at"]) or work.joined_at
    work.remaining_seconds = row["remaining_seconds"]
    work.epoch += 1


def put_back_order(order: Order, row: dict[str, Any]) -> None:
    put_back(order, row)
    order.delivered_at = order.joined_at if order.stage == stages.LAST else None  # as `enter` wrote it
    order.ready_at = parse_datetime(row["ready_at"]) if row["ready_at"] else None
