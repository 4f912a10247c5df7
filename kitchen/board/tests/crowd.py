"""A kitchen with far more orders than a board shows, written straight into the tables; and a page that listens."""

import json
from collections import Counter
from datetime import timedelta
from itertools import cycle, islice

from django.utils import timezone

from home.models import PROMISE_FIELDS, Order, OrderItem, new_order_id
from kitchen.board.totals import LATE_AFTER_TIMES, STATES, work_seconds
from kitchen.models import Station

# Of ten orders: the stage, whether it is under way or on hold, and how many pizzas.
MIX = [
    ("received", "waiting", 2),
    ("received", "waiting", 1),
    ("received", "working", 2),
    ("baking", "waiting", 3),
    ("baking", "held", 1),
    ("baked", "waiting", 2),
    ("out_for_delivery", "waiting", 1),
    ("out_for_delivery", "working", 4),
    ("out_for_delivery", "held", 1),
    ("ready", "working", 2),
]
OF_ITEMS = ("received", "baking")


def fill(count, promised=True):
    """Write so many open orders. At the make line and the oven the first pizza of an order is what is under way."""
    now = timezone.now()
    orders, items = [], []
    for number, (stage, state, pizzas) in enumerate(islice(cycle(MIX), count)):
        joined_at = now - timedelta(seconds=count - number)
        of_work = {"stage": stage, "held": state == "held", "joined_at": joined_at}
        begun = {"started_at": joined_at, "due_at": now + timedelta(minutes=9)} if state == "working" else {}
        is_whole = stage not in OF_ITEMS
        order = Order(
            order_id=new_order_id(),
            way="carry_out" if stage == "ready" else "delivery",
            pizzas=pizzas,
            summary=f"{pizzas} × Margherita",
            seq=1,
            epoch=1,
            created_at=joined_at,
            **dict.fromkeys(PROMISE_FIELDS, now + timedelta(seconds=30 * (number % 7 - 1)) if promised else None),
            **({**of_work, **begun} if is_whole else {"stage": stage, "joined_at": joined_at}),
        )
        orders.append(order)
        for piece in range(pizzas):
            own = {} if is_whole else {**of_work, **(begun if piece == 0 else {})}
            done = {"is_done": True, "stage": "baked"} if is_whole else {}
            items.append(OrderItem(order=order, number=piece + 1, name="Margherita", epoch=1, **own, **done))
    Order.objects.bulk_create(orders)
    OrderItem.objects.bulk_create(items)


class Page:
    """What a page knows, as static/js/board.js keeps it."""

    def __init__(self):
        self.orders, self.totals, self.sizes = {}, None, []

    def hear(self, text):
        self.sizes.append(len(text))
        frame = json.loads(text)
        board = frame.get("board", {})
        news = [*board.get("orders", ()), *frame.get("orders", ())]
        news += [frame[key] for key in ("payload", "order") if frame.get(key)]
        for order in news:
            if order["seq"] >= self.orders.get(order["order_id"], order)["seq"]:
                self.orders[order["order_id"]] = order
        self.totals = {**frame, **board}.get("totals", self.totals)
        return frame

    @property
    def open(self):
        return {key: one for key, one in self.orders.items() if one["state"] not in ("delivered", "cancelled")}


def totals_of(payloads, now):
    """Count what the database counts, from the whole state of every open order, as a page with all of them would."""
    stations = [row.with_shop() for row in Station.objects.select_related("shop")]
    orders, pizzas = {}, {}
    for order in payloads:
        state = "working" if any(item["state"] == "working" for item in order["items"]) else order["state"]
        count = sum(item["state"] != "cancelled" for item in order["items"])
        row = orders.setdefault((order["stage"], state, order["simulated"]), Counter())
        row.update(orders=1, pizzas=count, late=is_late(order, count, now, stations))
        for item in order["items"]:
            if item["state"] in STATES:
                kind = "simulated" if order["simulated"] else "real"
                key = item["name"], kind, item["stage"], item["state"]
                pizzas[key] = pizzas.get(key, 0) + 1
    return {key: dict(row) for key, row in orders.items()}, pizzas


def is_late(order, pizzas, now, stations):
    if order["stage"] == "ready":
        return False
    if order["promise"]:
        return order["promise"]["high"] < now.isoformat()
    age = now - timezone.datetime.fromisoformat(order["created_at"])
    return age.total_seconds() > LATE_AFTER_TIMES * work_seconds(order["way"], pizzas, stations)


def in_counts(totals):
    """Return totals in the form of `totals_of`."""
    orders = {
        (row["stage"], row["state"], row["simulated"]): {key: row[key] for key in ("orders", "pizzas", "late")}
        for row in totals["orders"]
    }
    pizzas = {
        (row["name"], kind, stage, state): count
        for row in totals["pizzas"]
        for kind in ("real", "simulated")
        for stage, at in row[kind].items()
        for state, count in at.items()
        if count
    }
    return orders, pizzas
