"""The board's socket: it sends everything that happens in the kitchen, and receives what staff do."""

import asyncio
import json
from typing import Any

from channels.db import database_sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.db import Error as DatabaseError
from django.utils import timezone

from accounts import rights
from home import live
from home.consumers import OrderWatcher
from home.deliveries import deliveries
from home.models import Order
from home.reconcile import reconciler
from kitchen.board import actions, handover, snapshot
from kitchen.board.handover import Handover, changed, names_of
from realtime.incoming import parse_object
from realtime.periodic import PeriodicCheck
from realtime.refused import Refused

MOST_REMEMBERED = 10_000  # orders whose seq a board remembers


class KitchenBoard(OrderWatcher):
    """The board for staff: first a snapshot of all orders, then a stream of changes."""

    kind = "board"
    needs_account = True

    def __init__(self) -> None:
        super().__init__()
        self.hears_news = True
        self.open: set[str] = set()  # the orders that are on the board
        self.settings: dict[str, Any] = {}  # stations and shop as last sent
        self.names: dict[str, Any] = {}  # who orders are for, likewise
        self.names_read = 0  # the number of that reading
        self.telling_names = asyncio.Lock()

    async def __call__(self, *args: Any) -> None:
        try:
            await super().__call__(*args)
        finally:
            settings_reconciler.leave(self)
            handover.check.leave(self)

    def may_stay(self, user: User | AnonymousUser) -> bool:
        return rights.has(user, rights.SEE_ORDERS)

    async def opened(self) -> None:
        await self.join(live.KITCHEN)
        await self.send_board(history=await read_history())
        reconciler.join(self)
        settings_reconciler.join(self)
        handover.check.join(self)

    async def received(self, text: str | None) -> None:
        content: dict[str, Any] = {}
        try:
            user = await self.current_user()
            content = parse_object(text)
            answer = await act(content, user)
        except DatabaseError:
            answer = {
                "error": "The kitchen could not be reached. Nothing was changed; please try again.",
                "order": None,
            }
        except (Refused, ValidationError, Order.DoesNotExist) as error:
            answer = {"error": actions.in_words(error), "order": await read_payload(content.get("order_id"))}
        await self.send(json.dumps(answer))

    async def kitchen_orders(self, event: dict[str, Any]) -> None:
        """Send the orders that changed in the last tenth of a second."""
        are_new = [seq > self.seen.get(order_id, -1) for order_id, seq in event["seqs"].items()]
        for order_id, seq in event["seqs"].items():
            self.note(order_id, seq, order_id in event["ended"])
        await self.send(event["text"])
        for about, is_new in zip(event.get("about", ()), are_new, strict=False):  # an older version has none
            if is_new:  # and not only its forecast
                deliveries.note(about)
        handover.check.hurry()

    async def kitchen_changed(self, event: dict[str, Any]) -> None:
        """Send the settings after a change of a station or the shop."""
        await self.send_settings(await read_settings(), await read_orders())

    async def order_status(self, event: dict[str, Any]) -> None:
        """Send a state that got lost on its way, from home.reconcile."""
        await super().order_status(event)
        self.note(event["order_id"], event["seq"], event["ended"])

    async def send_board(self, **more: Any) -> None:
        """Send the snapshot. Called while a message is handled: events that arrive meanwhile are sent after it."""
        shown, read = await read_board(), await handover.read()
        self.names, self.names_read = names_of(read), read.number
        self.settings = {"stations": shown["stations"], "shop": shown["shop"]}
        self.seen = {payload["order_id"]: payload["seq"] for payload in shown["orders"] + shown["lately"]}
        self.open = {payload["order_id"] for payload in shown["orders"]}
        await self.send(json.dumps({"board": {**shown, "who": list(self.names.values())}, **more}))

    async def send_settings(self, settings: dict[str, Any], orders: list[dict[str, Any]]) -> None:
        """Send all orders with them: a new speed changes every due time, but no seq."""
        await self.send(json.dumps({**settings, "orders": orders}))
        self.settings = settings  # after sending: what could not be sent is sent by the next check

    async def show(self, handover: Handover) -> None:
        """Send whom orders at the end of the kitchen are for: what has changed."""
        async with self.telling_names:
            if handover.number <= self.names_read:
                return
            names = names_of(handover)
            if news := changed(self.names, names):
                await self.send(json.dumps({"who": news}))
            self.names, self.names_read = names, handover.number  # after sending, as above

    def note(self, order_id: str, seq: int, ended: bool) -> None:
        self.seen[order_id] = max(seq, self.seen.get(order_id, 0))
        (self.open.discard if ended else self.open.add)(order_id)
        if len(self.seen) > MOST_REMEMBERED:
            self.seen = self.sent()

    def sent(self) -> dict[str, int]:
        """Return the seqs of open orders: only these are reconciled."""
        return {order_id: self.seen[order_id] for order_id in self.open & self.seen.keys()}


class SettingsReconciler(PeriodicCheck[KitchenBoard]):
    """Send boards what they missed of the stations and the shop. home.reconcile does the same for orders."""

    async def check(self) -> None:
        settings = await read_settings()
        behind = [board for board in self.sockets if board.settings != settings and not board.is_busy]
        if behind:
            orders = await read_orders()
            await self.tell_each(behind, lambda board: board.send_settings(settings, orders))


settings_reconciler = SettingsReconciler()
act = database_sync_to_async(actions.act)

# Reads in threads of their own: none waits for another.
read_board = database_sync_to_async(snapshot.snapshot, thread_sensitive=False)
read_orders = database_sync_to_async(snapshot.open_orders, thread_sensitive=False)
read_settings = database_sync_to_async(snapshot.settings, thread_sensitive=False)


@database_sync_to_async
def read_history() -> dict[str, Any]:
    return snapshot.history(timezone.now())


@database_sync_to_async
def read_payload(order_id: Any) -> dict[str, Any] | None:
    return Order.get_order_detail(order_id) if live.is_order_id(order_id) else None
