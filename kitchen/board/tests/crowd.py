"""What a page of a crowded board knows, and what it should."""

import json
from collections import Counter
from datetime import datetime

from kitchen.board.totals import LATE_AFTER_TIMES, STATES, work_seconds
from kitchen.models import Station


class Page:
    """What a page knows, as static/js/board.js keeps it."""

    def __init__(self):
        self.orders, self.totals, self.sizes, self.named = {}, None, [], {}

    def hear(self, text):
        self.sizes.append(len(text))
        frame = json.loads(text)
        board = frame.get("board", {})
        news = [*board.get("orders", ()), *frame.get("orders", ())]
        news += [frame[key] for key in ("payload", "order") if frame.get(key)]
        for order in news:
            if order["seq"] >= self.orders.get(order["order_id"], order)["seq"]:
                self.orders[order["order_id"]] = order
        self.named |= {one["order_id"]: one["for"] for one in (*board.get("who", ()), *frame.get("who", ()))}
        for order_id in frame.get("gone", ()):
            del self.orders[order_id]
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
    age = now - datetime.fromisoformat(order["created_at"])
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
