"""What a person saw when they clicked, and how their last action is undone.

Both are judged by what the click was about: that another pizza of the order has moved on meanwhile is no reason to
refuse. The event log says what has happened to an item, or to the order as a whole.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from django.db.models import Q
from django.utils.dateparse import parse_datetime

from home.models import Order, OrderEvent, OrderItem
from kitchen import stages
from kitchen.locks import Kitchen, Work
from kitchen.transitions import Cause, Event, Refused, in_turn, join, leave, note, part, seat_each, settle, work_left

NOTHING_TO_UNDO = "There is nothing to undo any more."
CONSEQUENCES = (Event.JOINED, Event.STARTED, Event.DELIVERED)
# events that bring an order on, or leave it where it is: nobody has intervened
ON_ITS_WAY = (*CONSEQUENCES, Event.DONE, Event.OVERRAN, Event.ASSUMED, Event.RETIMED)
OF_ALL = (Event.RUSHED, Event.CHANGED)  # events of the order that move nothing

# What was seen


def refuse_stale(kitchen: Kitchen, order: Order, seen: int | None, item: OrderItem | None = None) -> None:
    """Refuse a click on what a person saw at `seen` (a seq) if that has reached another stage since."""
    if seen is None or seen >= order.seq:
        return
    if not (has_item_stayed(kitchen, order, item, seen) if item else has_stayed(order, seen)):
        refuse_moved(order, item)


def refuse_moved(order: Order, item: OrderItem | None = None) -> NoReturn:
    if item is None and len(order.cooking) > 1:
        raise Refused(f"{order} has moved on since you saw it.")
    raise Refused(f"{item or order} has moved on: it is {whereabouts(order, item)} already.")


def whereabouts(order: Order, item: OrderItem | None = None) -> str:
    """Say where an order, or one of its pizzas, is: words that go on a sentence."""
    work: Work = item if item is not None and order.cooking else order
    stage = stages.BY_CODE[work.stage]
    if work.stage in stages.ENDED or (item is not None and item.is_done):
        words = stages.label(work.stage, order.way)
    else:
        words = {"held": "on hold", "waiting": stage.waiting}.get(work.state, stage.working)
    return words[0].lower() + words[1:]


def has_stayed(order: Order, seen: int) -> bool:
    event = order.events.filter(seq=seen).first()
    return event is not None and (event.order_stage or event.stage) == order.stage


def has_item_stayed(kitchen: Kitchen, order: Order, item: OrderItem, seen: int) -> bool:
    """Return whether an item is still at that stage, and still the same pizza."""
    about = order.events.filter(Q(item=item.number) | Q(item=None))
    if about.filter(Q(event=Event.REMADE) | Q(event=Event.CHANGED), seq__gt=seen).exists():
        return False
    events = [event for event in about.filter(seq__lte=seen).order_by("-seq") if is_about(kitchen, event)]
    if not events:
        return False
    event = events[0]
    if not order.cooking:
        return event.stage == order.stage
    if event.item is None and event.order_stage:  # the order had gone on as a whole: the item is still done
        return item.is_done
    return event.stage == item.stage  # an event from before there were items is about each of them


def is_about(kitchen: Kitchen, event: OrderEvent) -> bool:
    """Return whether an event says where an item is: one of its own, or of the order while that went on as a whole."""
    if event.item is not None or not event.order_stage:
        return True
    return event.event not in OF_ALL and not kitchen.is_of_items(event.stage)


def has_begun_since(work: Work, seen: int) -> bool:
    """Return whether the work in hand of an item began after that seq: nobody saw it under way."""
    if isinstance(work, Order):
        return False
    return work.order.events.filter(item=work.number, event=Event.STARTED, seq__gt=seen).exists()


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
        "waited": work.started_at is None,
        "rushed": work.rushed,
    }
    if isinstance(work, OrderItem):
        return {**values, "is_done": work.is_done}
    return {**values, "ready_at": work.ready_at and work.ready_at.isoformat()}


def refuse_undo(kitchen: Kitchen, order: Order, event: OrderEvent) -> None:
    """Refuse to undo what something has happened to since; its own consequences have the same time.

    Where it was about the order as a whole, that is anything: a pizza that was sent back takes its order with it. Rush
    moves nothing, so that it can be undone wherever the kitchen has brought the order by now.
    """
    state: dict[str, Any] = event.before or {}
    later = order.events.filter(seq__gt=event.seq).exclude(event=Event.OVERRAN)
    works = [(row["stage"], True) for row in state["items"].values() if not row["is_done"]]
    if state["order"] is not None and event.event != Event.RUSHED:
        works.append((state["order"]["stage"], False))
    if not all(belongs(kitchen, stage, is_item) for stage, is_item in works):
        raise Refused(NOTHING_TO_UNDO)  # the stations have come to work on something else
    if state["order"] is None:
        later = later.filter(Q(item__in=[int(number) for number in state["items"]]) | Q(item=None))
    if later.filter(event=Event.UNDONE, by=event.by).exists():
        raise Refused(NOTHING_TO_UNDO)
    if event.event == Event.RUSHED:
        has_moved = order.stage in stages.ENDED or later.exclude(event__in=ON_ITS_WAY).exists()
    else:
        has_moved = later.filter(Q(at__gt=event.at) | ~Q(event__in=CONSEQUENCES)).exists()
    if has_moved:
        raise Refused(f"{order} has moved on, it is too late to undo that.")


def belongs(kitchen: Kitchen, stage: str, is_item: bool) -> bool:
    """Return whether an item, or an order as a whole, can be at a stage."""
    return stage not in stages.WORKED or kitchen.is_of_items(stage) == is_item


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
        settle(kitchen, order, cause, waited=values["order"].get("waited", False))
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
