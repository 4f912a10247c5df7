"""The sockets of orders: subscribe, then snapshot, then stream."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.models import AnonymousUser, User
from django.db import DatabaseError

from accounts import rights
from archive import reading
from home import live
from home.deliveries import deliveries
from home.models import Order
from home.reconcile import reconciler
from kitchen import flow
from realtime import census
from realtime.gathered import Gathered, each
from realtime.incoming import parse_object
from realtime.refused import Refused
from realtime.sockets import UNKNOWN, Identified, greeting

Payload = dict[str, Any]

MOST_REMEMBERED = 10_000  # orders whose seq a list remembers
MAX_WATCHED = 100
NAMES = ("override",)  # of the actions on an order
IN_THE_ARCHIVE = "This order is in the archive: it can be read, and nothing else."
REMOVED = "This order is no longer in the shop’s books."


class OrderWatcher(Identified):
    """The base of both kinds of socket. Each seq of an order is sent once, and never an older one after it."""

    needs_account = False

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, int] = {}  # order_id -> the seq that was sent last
        self.hears_news = False

    async def __call__(self, *args: Any) -> None:
        """Run the socket; however it ends, the reconciler lets go of it."""
        try:
            await super().__call__(*args)
        finally:
            reconciler.leave(self)

    def sent(self) -> dict[str, int]:
        """Return the seqs that `home.reconcile` compares with the database."""
        return self.seen

    async def order_status(self, event: dict[str, Any]) -> None:
        if event["seq"] > self.seen.get(event["order_id"], -1):
            self.seen[event["order_id"]] = event["seq"]
            await self.send(event["text"])
            deliveries.note(event.get("about"))

    async def order_eta(self, event: dict[str, Any]) -> None:
        """Send nothing: only the forecast has moved, and a socket that did not ask for it is sent each seq once."""

    async def order_removed(self, event: dict[str, Any]) -> None:
        """Forget an order that was removed: a list goes on with the others."""
        self.seen.pop(event["order_id"], None)

    async def send_payload(self, payload: dict[str, Any], **more: Any) -> None:
        self.seen[payload["order_id"]] = max(payload["seq"], self.seen.get(payload["order_id"], 0))
        await self.send(live.frame_of_answer(payload, **more))


class OrderProgress(OrderWatcher):
    """One order, for anyone who has its id. Every frame holds the payload.

    If the address has ?forecast, the payload is sent again whenever its `eta` has moved, marked {"forecast": true}.
    """

    kind = "order"

    def __init__(self) -> None:
        super().__init__()
        self.order_id = ""
        self.greeting: dict[str, Any] = {}

    async def greet(self, username: str) -> None:
        """Answer together with the payload: in the first frame, or at once if that was sent already."""
        self.greeting = greeting(username)
        payload = await get_payload(self.order_id) if self.order_id else None
        if payload is not None:
            await self.send_payload(payload, **self.greeting)

    async def opened(self) -> None:
        self.wants_forecast = "forecast" in self.scope["query_string"].decode("latin1").split("&")
        self.order_id = self.scope["url_route"]["kwargs"]["order_id"]
        if live.is_order_id(self.order_id):
            await self.join(live.group_name(self.order_id))
            payload = await get_payload(self.order_id)
            if payload is not None:
                await self.send_payload(payload, status="connected", **self.greeting)
                return reconciler.join(self)
        await self.close(UNKNOWN)

    def newest(self) -> int:
        return self.seen.get(self.order_id, 0)

    def heard_at_once(self, event: dict[str, Any]) -> bool:
        """Take what most events are: thousands can watch one order."""
        if event["type"] not in ("order.status", "order.eta"):
            return False
        if self.is_news(event):
            if not self.send_at_once(event["text"]):
                return False
            self.seen[event["order_id"]] = event["seq"]
            deliveries.note(event.get("about"))
        return True

    def is_news(self, event: dict[str, Any]) -> bool:
        known = self.seen.get(event["order_id"], -1)
        if event["type"] == "order.eta":  # the forecast, unless the order has gone on since
            return self.wants_forecast and bool(event["seq"] >= known)
        return bool(event["seq"] > known)

    async def order_eta(self, event: dict[str, Any]) -> None:
        if self.is_news(event):
            self.seen[event["order_id"]] = event["seq"]
            await self.send(event["text"])

    async def order_removed(self, event: dict[str, Any]) -> None:
        await self.close_with_words(UNKNOWN, REMOVED)

    async def received(self, text: str | None) -> None:
        try:
            payload = await self.obey(parse_object(text))
        except Order.DoesNotExist:
            await self.close_with_words(UNKNOWN, REMOVED)
        except Refused as refused:
            unchanged = await get_payload(self.order_id)
            if unchanged is not None:
                await self.send_payload(unchanged, error=str(refused))
        else:
            if payload["seq"] > self.seen[self.order_id]:  # otherwise its event was faster
                await self.send_payload(payload)

    async def obey(self, content: dict[str, Any]) -> dict[str, Any]:
        """Perform the action and return the payload afterwards. Refused if it is unknown, or not for this person."""
        if content.get("action") not in NAMES:
            raise Refused('Unknown action. Staff can send {"action": "override", "stage": "..."}.')
        user = await self.current_user()
        return await override(self.order_id, content.get("stage"), user)


class OrderList(OrderWatcher):
    """The orders of a list: {"watch": ["<order_id>", ...]} names them. Who can see all hears of new ones, too."""

    kind = "orders"

    def __init__(self) -> None:
        super().__init__()
        self.watched: set[str] = set()  # not `seen`: a new order is sent before it is watched

    def sent(self) -> dict[str, int]:
        return {order_id: self.seen[order_id] for order_id in self.watched & self.seen.keys()}

    def forget_old_news(self) -> None:
        """Bound what is remembered: a list that stays open for weeks hears of every new order."""
        if len(self.seen) > MOST_REMEMBERED:
            newest = list(self.seen)[-MOST_REMEMBERED // 2 :]
            self.seen = {order_id: self.seen[order_id] for order_id in newest} | self.sent()

    async def opened(self) -> None:
        await self.refreshed()
        reconciler.join(self)

    async def refreshed(self) -> None:
        """Subscribe to new orders for as long as the person can see all orders."""
        sees_all = self.user.is_staff and await sees_orders(self.user)  # a customer costs no thread
        if sees_all and not self.hears_news:
            self.hears_news = True
            await self.join(live.NEW_ORDERS)
        elif self.hears_news and not sees_all:
            self.hears_news = False
            await self.leave(live.NEW_ORDERS)

    async def order_status(self, event: dict[str, Any]) -> None:
        if self.hears_news or event["order_id"] in self.watched:  # otherwise they have just lost that right
            await super().order_status(event)
            self.forget_old_news()

    async def received(self, text: str | None) -> None:
        try:
            order_ids = self.parse_watch(text)
        except Refused as refused:
            return await self.send(json.dumps({"error": str(refused)}))
        self.watched |= order_ids
        for order_id in order_ids:
            await self.join(live.group_name(order_id))
        for payload in await get_payloads(order_ids):
            if payload["seq"] > self.seen.get(payload["order_id"], -1):  # otherwise its event was faster
                await self.send_payload(payload)

    def parse_watch(self, text: str | None) -> set[str]:
        order_ids = parse_object(text).get("watch")
        if not isinstance(order_ids, list) or not all(map(live.is_order_id, order_ids)):
            raise Refused('Send {"watch": ["<order_id>", ...]}.')
        new = set(order_ids) - self.watched
        if len(new) + len(self.watched) > MAX_WATCHED:
            raise Refused(f"A list watches at most {MAX_WATCHED} orders.")
        return new


class Unknown(AsyncWebsocketConsumer):
    """Close the socket of any other address."""

    async def connect(self) -> None:
        await self.accept()
        await self.close(UNKNOWN)
        census.note_end("unknown", str(UNKNOWN))


# Reads outside the shared sync thread: a slow one must not hold up another watcher's frame.


def read_payloads(order_ids: Sequence[str]) -> list[Payload | Exception | None]:
    """Return one payload for each id, in the same order; None where there is no such order.

    If the archive can't be read, that is the answer for those that could be there, and for no other.
    """
    found = {order.order_id: order for order in Order.objects.filter(order_id__in=order_ids).with_items()}
    away: DatabaseError | None = None
    try:
        found |= {order.order_id: order for order in reading.archived(set(order_ids) - found.keys())}
    except DatabaseError as error:
        away = error
    return each(lambda order_id: found[order_id].payload() if order_id in found else away, order_ids)


get_payload: Gathered[str, Payload | None] = Gathered(read_payloads)


@partial(database_sync_to_async, thread_sensitive=False)
def sees_orders(user: User | AnonymousUser) -> bool:
    return rights.has(user, rights.SEE_ORDERS)


@database_sync_to_async
def get_payloads(order_ids: set[str]) -> list[dict[str, Any]]:
    return [order.payload() for order in Order.objects.filter(order_id__in=order_ids).with_items()]


@database_sync_to_async
def override(order_id: str, stage: Any, user: Any) -> dict[str, Any]:
    rights.require(user, rights.MOVE_ORDERS)
    order = Order.objects.filter(order_id=order_id).first()
    if order is None and reading.archived([order_id]):
        raise Refused(IN_THE_ARCHIVE)
    order = order or Order.objects.get(order_id=order_id)
    flow.override(order.pk, str(stage), by=user)
    order.refresh_from_db()
    return order.payload()
