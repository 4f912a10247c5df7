"""Live news of orders: the groups, the events, and the text of every frame.

The text of an order's state is made once, by the sender, and every frame is assembled from such texts here.
"""

import json
import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from home import frames
from home.models import ORDER_ID_LENGTH, Order, OrderItem
from kitchen import outlook, stages
from pizzaProj.limits import BOARD_FRAME_BYTES
from realtime.broadcast import Event, Gathering, broadcaster
from telemetry.news import Fields

NEW_ORDERS = "orders_new"  # staff's lists listen here
KITCHEN = "kitchen"  # the boards
ORDER_ID = re.compile(f"[a-z0-9]{{{ORDER_ID_LENGTH}}}")
ORDERS_BEGIN, JOINT = '{"orders": [', ", "  # of a frame, and between two payloads of it
FRAME_ENDS = 1000  # bytes for what a frame has besides: its keys, and a few numbers

# None of these is read later: the thread that sends must not ask the database.
FIELDS = frozenset(field.attname for field in Order._meta.concrete_fields)

T = TypeVar("T")


class State(NamedTuple):
    """An order as it is now."""

    order_id: str
    seq: int
    has_ended: bool
    payload: str  # as JSON
    about: Fields  # for the log: the order by its number, as its id is secret


class Snapshot:
    """An order as it is now, whose state and event are made once, by whoever sends them: in any thread, as it makes no
    query.
    """

    def __init__(self, order: Order) -> None:
        self.order = order.as_it_is()
        # They say when work under way will be done. Behind a verb they are as the kitchen's lock has just read them.
        works: list[Order | OrderItem] = [order, *order.parts]
        if under_way := {work.stage for work in works if work.started_at}:
            outlook.stations.refresh(*under_way)
        self._state: State | None = None if order.__dict__.keys() >= FIELDS else state_of(order)

    def state(self) -> State:
        if self._state is None:
            self._state = state_of(self.order, outlook.Moment(reads=False))
        return self._state

    def event(self) -> Event:
        return status_event(self.state())


# Groups


def is_order_id(value: Any) -> bool:
    """Return whether this can be an order's id; anything else must not become the name of a group."""
    return isinstance(value, str) and ORDER_ID.fullmatch(value) is not None


def group_name(order_id: str) -> str:
    return f"order_{order_id}"


# Announcing never raises: with Redis down the save has succeeded, and the pages catch up


def announce(order: Order, is_new: bool = False) -> None:
    """Tell every open page of an order's new state; lists are told of a new one.

    The text is made by the thread that sends it: the caller, who has verbs to run, only leaves a copy of the order.
    """
    seen = Snapshot(order)
    broadcaster.send(group_name(order.order_id), seen.event)
    boards.add(order.order_id, order.seq, seen.state)
    if is_new:
        broadcaster.send(NEW_ORDERS, seen.event)


def announce_eta(order: Order) -> None:
    """Tell those who asked for it, and the boards, that only the forecast has moved: the seq is one they know."""
    state = state_of(order)
    broadcaster.send(group_name(order.order_id), eta_event(state))
    boards.add(state.order_id, state.seq, lambda: state)


def announce_removed(order_id: str) -> None:
    """Tell every open page of an order that it is no longer there."""
    broadcaster.send(group_name(order_id), {"type": "order.removed", "order_id": order_id}, logging.INFO)


def announce_kitchen() -> None:
    """Tell the boards that a station or the shop itself has changed; a board that misses it is told later."""
    broadcaster.send(KITCHEN, {"type": "kitchen.changed"}, logging.DEBUG)


# Events, by the handlers that they call


def status_event(state: State) -> Event:
    """Make the event for `OrderWatcher.order_status`."""
    return {
        "type": "order.status",
        "order_id": state.order_id,
        "seq": state.seq,
        "ended": state.has_ended,
        "text": frame_of_payload(state.payload),
        "about": state.about,
    }


def eta_event(state: State) -> Event:
    """Make the event for `OrderProgress.order_eta`. The log says nothing of it: no click has changed anything."""
    event = {**status_event(state), "type": "order.eta", "text": frame_of_forecast(state.payload)}
    del event["about"]
    return event


def orders_event(states: Collection[State]) -> Event:
    """Make the event for `KitchenBoard.kitchen_orders`."""
    return {
        "type": "kitchen.orders",
        "seqs": {state.order_id: state.seq for state in states},
        "ended": [state.order_id for state in states if state.has_ended],
        "about": [state.about for state in states],
        "lengths": [len(state.payload) for state in states],  # so that a board can be sent some of them
        "text": frame_of_orders(state.payload for state in states),
    }


def payloads_of(event: Event) -> dict[str, str]:
    """Return the payloads of an `orders_event`, as JSON, by the order's id."""
    lengths = event.get("lengths")
    if lengths is None:  # from an older version
        return {payload["order_id"]: json.dumps(payload) for payload in json.loads(event["text"])["orders"]}
    found, at = {}, len(ORDERS_BEGIN)
    for order_id, length in zip(event["seqs"], lengths, strict=True):
        found[order_id] = event["text"][at : at + length]
        at += length + len(JOINT)
    return found


# The text of frames, from the JSON text of payloads


def state_of(order: Order, moment: outlook.Moment | None = None) -> State:
    about = {"order": order.pk, "seq": order.seq, "request": order.request_id or None}
    text = json.dumps(frames.payload(order, moment))
    return State(order.order_id, order.seq, order.stage in stages.ENDED, text, about)


def frame_of_payload(payload: str) -> str:
    return f'{{"payload": {payload}}}'


def frame_of_forecast(payload: str) -> str:
    return f'{{"payload": {payload}, "forecast": true}}'


def frame_of_orders(payloads: Iterable[str], **more: Any) -> str:
    """Make a frame of news; with `shown` of what is shown from now on, or due at another time: that is no news."""
    return f"{ORDERS_BEGIN}{JOINT.join(payloads)}]{_rest(more)}"


def frame_of_board(orders: Iterable[str], lately: Iterable[str], board: dict[str, Any], **more: Any) -> str:
    """Make a board's first frame: its orders and those that have just left, with what else is on it."""
    shown = f'{ORDERS_BEGIN}{JOINT.join(orders)}], "lately": [{JOINT.join(lately)}]{_rest(board)}'
    return f'{{"board": {shown}{_rest(more)}'


def _rest(more: dict[str, Any]) -> str:
    """Return further keys of an object, and its end."""
    return f", {json.dumps(more)[1:]}" if more else "}"


def packed(
    parts: Iterable[T], size: Callable[[T], int], taken: int = FRAME_ENDS, is_begun: bool = False
) -> Iterator[list[T]]:
    """Divide what is sent among frames of at most BOARD_FRAME_BYTES. What is too large for one has one of its own.

    `taken` is what else the first frame holds, which then comes even without a part. The text of frames is ASCII: a
    character is a byte.
    """
    pack: list[T] = []
    for part in parts:
        more = size(part) + len(JOINT)
        if taken + more > BOARD_FRAME_BYTES and (pack or is_begun):
            yield pack
            pack, taken, is_begun = [], FRAME_ENDS, False
        pack.append(part)
        taken += more
    if pack or is_begun:
        yield pack


def frames_of(payloads: Iterable[str], first: Callable[[list[str], int], str]) -> list[str]:
    """Return the frames of a long answer. `first` makes the first one, of the payloads that it has room for and the
    number of frames that follow.
    """
    with_first, *others = packed(payloads, len, taken=len(first([], 0)), is_begun=True)
    return [first(with_first, len(others)), *(frame_of_orders(some, shown=True) for some in others)]


def cut(states: Collection[State]) -> Iterator[list[State]]:
    return packed(states, lambda state: len(state.payload))


boards = Gathering[Callable[[], State]](
    broadcaster,
    KITCHEN,
    join=lambda states: orders_event([state() for state in states]),
    cut=lambda states: packed(states, lambda state: len(state().payload)),
)


def frame_of_answer(payload: dict[str, Any], **more: Any) -> str:
    """Make a frame for one socket: the payload with further keys."""
    return json.dumps({**more, "payload": payload})
