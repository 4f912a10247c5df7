"""The socket of the drivers' page: it sends the orders that are with the drivers, and receives what they tap."""

import asyncio
import json
from collections.abc import Collection
from typing import Any

from channels.db import database_sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.db import Error as DatabaseError

from accounts import rights
from home import live
from home.models import Order
from kitchen.board import handover
from kitchen.board.actions import in_words
from kitchen.board.handover import Handover, changed
from kitchen.drivers import actions, deliveries
from realtime.incoming import parse_object
from realtime.refused import Refused
from realtime.sockets import Identified


class DriversPage(Identified):
    """First all orders that are with the drivers, then those that change; nothing else of the kitchen."""

    kind = "drivers"

    def __init__(self) -> None:
        super().__init__()
        self.orders: dict[str, Any] = {}  # as last sent
        self.station: dict[str, Any] = {}
        self.read = 0  # the number of that reading
        self.showing = asyncio.Lock()

    async def __call__(self, *args: Any) -> None:
        try:
            await super().__call__(*args)
        finally:
            handover.check.leave(self)

    def may_stay(self, user: User | AnonymousUser) -> bool:
        return rights.has(user, rights.DELIVER)

    @property
    def shown(self) -> Collection[str]:
        return ()  # besides those that drivers are shown

    @property
    def drivers(self) -> Collection[int]:
        return () if self.user.pk is None else (self.user.pk,)

    async def opened(self) -> None:
        await self.join(live.KITCHEN)  # a hint that something has changed: its frames are for boards
        seen = await handover.read((), self.drivers)
        self.orders, self.station = deliveries.orders(seen, self.user.pk), deliveries.station(seen)
        self.read = seen.number
        first, *others = live.packed(self.orders.values(), lambda one: len(json.dumps(one)), is_begun=True)
        await self.send(json.dumps({"drivers": {"orders": first, "station": self.station}}))
        for orders in others:
            await self.send(json.dumps({"orders": orders}))
        handover.check.join(self)

    async def received(self, text: str | None) -> None:
        content: dict[str, Any] = {}
        try:
            user = await self.current_user()
            content = parse_object(text)
            answer = await act(content, user)
        except DatabaseError:
            answer = {"error": "We can’t reach the kitchen. Nothing was changed; please try again.", "order": None}
        except (Refused, ValidationError, Order.DoesNotExist) as error:
            answer = {"error": in_words(error), "order": await read_payload(content.get("order_id"))}
        if "done" in answer:  # the page has the order where it is now before it reads the answer
            await self.show(await handover.read((), self.drivers))
        await self.send(json.dumps(answer))

    async def kitchen_orders(self, event: dict[str, Any]) -> None:
        handover.check.hurry()

    async def kitchen_changed(self, event: dict[str, Any]) -> None:
        handover.check.hurry()

    async def show(self, handover: Handover) -> None:
        """Send the orders that have changed, the ids of those that are gone, and the station if it has changed."""
        async with self.showing:
            if handover.number <= self.read:
                return
            orders, station = deliveries.orders(handover, self.user.pk), deliveries.station(handover)
            frame: dict[str, Any] = {}
            *first, last = live.packed(changed(self.orders, orders), lambda one: len(json.dumps(one)), is_begun=True)
            for news in first:
                await self.send(json.dumps({"orders": news}))
            if last:
                frame["orders"] = last
            if gone := self.orders.keys() - orders.keys():
                frame["gone"] = list(gone)
            if station != self.station:
                frame["station"] = station
            if frame:
                await self.send(json.dumps(frame))
            # after sending: what could not be sent is sent by the next check
            self.orders, self.station, self.read = orders, station, handover.number


act = database_sync_to_async(actions.act)
read_payload = database_sync_to_async(actions.payload_of)
