"""What a board is sent, in bytes, and what it costs: at its opening, and when a station or an order changes."""

from collections.abc import Callable
from statistics import median

from benchmarks.history.serving import processor_seconds
from home import live
from home.models import Order
from kitchen import flow
from kitchen.board import handover, snapshot, windows

ROUNDS = 7

Frames = list[str]


def frames() -> dict[str, float]:
    """Return the bytes of the largest frame of each kind, and the median processor time of making them, in ms."""
    figures: dict[str, float] = {}
    for name, make in MADE.items():
        sent, costs = make(), []
        for _ in range(ROUNDS):
            began = processor_seconds()
            sent = make()
            costs.append(1000 * (processor_seconds() - began))
        figures[f"{name}, bytes a frame"] = max((len(frame.encode()) for frame in sent), default=0)
        figures[name] = median(costs)
    return figures


def first_frames() -> Frames:
    shown = snapshot.snapshot()
    known = [state.order_id for state in shown.orders]
    names = handover.names_of(handover.read_handover(known), known)
    board = {**shown.settings, "who": list(names.values()), "totals": shown.window.totals}
    payloads, lately = [state.payload for state in shown.orders], [state.payload for state in shown.lately]
    return live.frames_of(payloads, lambda some, _: live.frame_of_board(some, lately, board, history={}))


def look() -> Frames:
    return [live.frame_of_orders([], totals=windows.read_window(windows.Asked()).totals)]


def change_of_station() -> Frames:
    before, shown = snapshot.settings(), frozenset(windows.read_window(windows.Asked()).orders)
    oven = next(station for station in before["stations"] if station["stage"] == "baking")
    flow.change_station("baking", capacity=oven["places"] % 9 + 1)
    settings, retimed = snapshot.changes_since(before, shown)
    news = snapshot.changed_settings(before, settings)
    return live.frames_of([one.payload for one in retimed], lambda some, _: live.frame_of_orders(some, changed=news))


def change_of_order() -> Frames:
    """Put the last order on hold, or let it go on: it waits, unless nobody else is there."""
    order = Order.objects.open().order_by("-pk").with_items().first()
    if order is None:
        return []
    (flow.resume if order.state == "held" else flow.hold)(order.pk)
    return [live.frame_of_orders([state.payload for state in snapshot.states_of([order.pk])])]


MADE: dict[str, Callable[[], Frames]] = {
    "a board’s opening": first_frames,
    "a look at who moves up": look,
    "a change of a station": change_of_station,
    "a change of an order": change_of_order,
}
