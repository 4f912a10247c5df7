"""The board's socket: it sends what happens in the kitchen, and receives what staff do.

While few orders are open a board is sent all of them; of more, those that are first in their lists and those that
somebody asks to see, with how many there are in all (kitchen.board.windows). What it was sent once it is kept up to
date about until that has left the kitchen, or is one of too many that are far back in their lists.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Collection, Iterable
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
from home.live import State
from home.models import Order
from home.reconcile import reconciler
from kitchen import stages
from kitchen.board import actions, handover, snapshot, windows
from kitchen.board.handover import Handover, changed, names_of
from kitchen.board.snapshot import changed_settings
from kitchen.board.windows import Asked, Window
from pizzaProj.limits import BOARD_FRAME_BYTES, BOARD_ORDERS
from realtime.hurried import HurriedCheck
from realtime.incoming import parse_object
from realtime.periodic import PeriodicCheck
from realtime.refused import Refused

MOST_REMEMBERED = 10_000  # orders whose seq a board remembers
READ_AT_ONCE = 300  # orders, so that what is sent of many stays sent if time is up


class KitchenBoard(OrderWatcher):
    """The board for staff: first a snapshot, then a stream of changes."""

    kind = "board"
    needs_account = True

    def __init__(self) -> None:
        super().__init__()
        self.hears_news = True  # it shows every open order; else those of its window, and what it was sent before
        self.asked = Asked()  # what somebody wants to see of the lists
        self.takes_parts = False  # it has asked for something, so it knows what is sent in parts
        self.open: set[str] = set()  # the orders that are on the board
        self.settings: dict[str, Any] = {}  # stations and shop as last sent
        self.totals: dict[str, Any] | None = None  # likewise
        self.window_read = 0  # the number of that reading
        self.news_since = 0  # likewise: what happened before it can have passed unheard
        self.names: dict[str, Any] = {}  # who orders are for, as last sent
        self.names_read = 0
        self.telling_names, self.telling_window = asyncio.Lock(), asyncio.Lock()

    async def __call__(self, *args: Any) -> None:
        try:
            await super().__call__(*args)
        finally:
            settings_reconciler.leave(self)
            handover.check.leave(self)
            window_check.leave(self)

    def may_stay(self, user: User | AnonymousUser) -> bool:
        return rights.has(user, rights.SEE_ORDERS)

    @property
    def shown(self) -> Collection[str]:
        return self.open

    @property
    def drivers(self) -> Collection[int]:
        return ()

    async def opened(self) -> None:
        await self.join(live.KITCHEN)
        await self.send_board(history=await read_history())
        reconciler.join(self)
        settings_reconciler.join(self)
        handover.check.join(self)
        window_check.join(self)

    async def received(self, text: str | None) -> None:
        content: dict[str, Any] = {}
        try:
            user = await self.current_user()
            content = parse_object(text)
            answer = await act(content, user)
            if answer["done"] == "show":
                await self.widen(windows.parse_asked(content))
        except DatabaseError:
            answer = {
                "error": "The kitchen could not be reached. Nothing was changed; please try again.",
                "order": None,
            }
        except (Refused, ValidationError, Order.DoesNotExist) as error:
            answer = {"error": actions.in_words(error), "order": await read_payload(content.get("order_id"))}
        await self.send(json.dumps(answer))
        if order := answer.get("order"):  # it is shown now, wherever it stands
            self.note(order["order_id"], order["seq"], order["state"] in stages.ENDED)

    async def kitchen_orders(self, event: dict[str, Any]) -> None:
        """Send the orders that changed in the last tenth of a second, of those that it shows."""
        wanted = [order_id for order_id in event["seqs"] if self.wants(order_id)]
        wanted += [one for one in event["ended"] if one not in wanted][-snapshot.LATELY :]  # somebody may want it back
        are_new = [seq > self.seen.get(order_id, -1) for order_id, seq in event["seqs"].items()]
        if len(wanted) == len(event["seqs"]):
            await self.send(event["text"])
        elif wanted:
            payloads = live.payloads_of(event)
            await self.send(live.frame_of_orders(payloads[order_id] for order_id in wanted))
        for order_id in wanted:
            self.note(order_id, event["seqs"][order_id], order_id in event["ended"])
        # An older version has no `about`. A forecast alone is no news.
        for order_id, about, is_new in zip(event["seqs"], event.get("about", ()), are_new, strict=False):
            if is_new and order_id in wanted:
                deliveries.note(about)
        handover.check.hurry()
        if any(are_new) and not self.hears_news:
            window_check.hurry()

    def wants(self, order_id: str) -> bool:
        return order_id in self.open or self.hears_news

    async def kitchen_changed(self, event: dict[str, Any]) -> None:
        """Send what has changed of the stations or the shop."""
        await self.catch_up()

    async def order_status(self, event: dict[str, Any]) -> None:
        """Send a state that got lost on its way, from home.reconcile."""
        if self.wants(event["order_id"]):
            await super().order_status(event)
            self.note(event["order_id"], event["seq"], event["ended"])

    async def send_board(self, **more: Any) -> None:
        """Send the snapshot. Called while a message is handled: events that arrive meanwhile are sent after it."""
        shown = await read_board()
        self.settings, self.seen = shown.settings, {one.order_id: one.seq for one in [*shown.orders, *shown.lately]}
        self.open = {state.order_id for state in shown.orders}
        read = await handover.read(self.open)
        self.names, self.names_read = names_of(read, self.open), read.number
        self.window_read, self.totals = shown.window.number, shown.window.totals
        self.hears_news = self.totals is None
        half = BOARD_FRAME_BYTES // 2  # names in other scripts than ours are long
        who, *others = live.packed(self.names.values(), size_of, taken=half, is_begun=True)
        board = {
            **shown.settings,
            "who": who,
            **({} if self.hears_news else {"totals": self.totals}),
        }
        lately = [state.payload for state in shown.lately]

        def first(orders: list[str], parts: int) -> str:
            return live.frame_of_board(orders, lately, {**board, **({"parts": parts} if parts else {})}, **more)

        await self.send_each(live.frames_of((state.payload for state in shown.orders), first))
        await self.send_each(json.dumps({"who": names}) for names in others)

    async def send_settings(self, settings: dict[str, Any], retimed: list[State]) -> None:
        """Send what has changed, and the orders that can be expected at another time, though their seq is the same.

        A page of an older version, or a script, has asked for nothing: it is sent all stations, as it takes over all.
        """
        head = {"changed": changed_settings(self.settings, settings)} if self.takes_parts else settings
        orders = [state.payload for state in retimed]
        await self.send_each(live.frames_of(orders, lambda some, _: live.frame_of_orders(some, **head)))
        self.settings = settings  # after sending: what could not be sent is sent by the next check

    async def catch_up(self) -> None:
        await self.send_settings(*await read_changes(self.settings, frozenset(self.open)))

    async def widen(self, asked: Asked) -> None:
        """Show what somebody wants to see of the lists."""
        self.takes_parts = True
        if asked != self.asked:
            self.asked = asked
            if not self.hears_news:
                await self.follow(await read_window(asked))

    async def follow(self, window: Window) -> None:
        """Send the orders that have come to be shown, and how much there is in all if that has changed."""
        async with self.telling_window:
            if window.number <= self.window_read:
                return
            if window.totals is None and not self.hears_news:
                self.news_since = next(windows.numbers)
                window_check.hurry()
            self.hears_news = window.totals is None
            new = {order_id: pk for order_id, pk in window.orders.items() if order_id not in self.open}
            if new:
                await self.send_new(new)
            if window.totals != self.totals:
                await self.send(json.dumps({"totals": window.totals}))
            self.totals, self.window_read = window.totals, window.number  # after sending, as above
            if self.takes_parts:
                await self.let_go(window)

    async def send_new(self, new: dict[str, int]) -> None:
        """Send orders that it does not show yet. What happens to them meanwhile is sent as well."""
        rows = list(new.items())
        for start in range(0, len(rows), READ_AT_ONCE):
            some = dict(rows[start : start + READ_AT_ONCE])
            self.open |= some.keys()
            try:
                await self.send_states(await read_states(some.values()))
            except BaseException:
                self.open -= some.keys()  # the next check sends them
                raise
        handover.check.hurry()

    async def send_states(self, states: Collection[State]) -> None:
        for some in live.cut(states):
            news = [state for state in some if state.seq > self.seen.get(state.order_id, -1)]
            if news:
                await self.send(live.frame_of_orders((state.payload for state in news), shown=True))
            for state in some:
                self.note(*state[:3])

    async def let_go(self, window: Window) -> None:
        """Show no more than a screen holds, however long it is open: let go of what has moved back into long lists."""
        beyond = [one for one in self.seen if one in self.open and one not in window.orders]
        gone = beyond[: -BOARD_ORDERS // 2] if len(beyond) > BOARD_ORDERS else []
        for some in live.packed(gone, len):
            self.open.difference_update(some)
            try:
                await self.send(json.dumps({"gone": some}))
            except BaseException:
                self.open.update(some)
                raise
            for order_id in some:
                self.seen.pop(order_id, None)

    async def send_each(self, frames: Iterable[str]) -> None:
        for frame in frames:
            await self.send(frame)

    async def show(self, handover: Handover) -> None:
        """Send whom orders at the end of the kitchen are for: what has changed."""
        async with self.telling_names:
            if handover.number <= self.names_read:
                return
            names = names_of(handover, self.open)
            for news in live.packed(changed(self.names, names), size_of):
                await self.send(json.dumps({"who": news}))
            self.names, self.names_read = names, handover.number  # after sending, as above

    def note(self, order_id: str, seq: int, ended: bool) -> None:
        if seq < self.seen.get(order_id, 0):
            return  # a newer state was sent meanwhile
        self.seen.pop(order_id, None)  # to the end: those without news for the longest time are the first
        self.seen[order_id] = seq
        (self.open.discard if ended else self.open.add)(order_id)
        if len(self.seen) > MOST_REMEMBERED:
            self.seen = self.sent()
        if self.hears_news and len(self.open) > BOARD_ORDERS:
            self.hears_news = False
            window_check.hurry()

    def sent(self) -> dict[str, int]:
        """Return the seqs of open orders: only these are reconciled."""
        return {order_id: self.seen[order_id] for order_id in self.open & self.seen.keys()}


class SettingsReconciler(PeriodicCheck[KitchenBoard]):
    """Send boards what they missed of the stations and the shop. home.reconcile does the same for orders."""

    async def check(self) -> None:
        settings = await read_settings()
        behind = [board for board in self.sockets if board.settings != settings and not board.is_busy]
        await self.tell_each(behind, KitchenBoard.catch_up)


class WindowCheck(HurriedCheck[KitchenBoard]):
    """Send boards that don't show every order those that have moved up, and how much there is in all."""

    send_seconds = 4.0  # a board can have hundreds of orders to read

    async def check(self) -> None:
        # The others hear of each order anyway.
        crowded = [one for one in self.sockets if not one.hears_news or one.window_read < one.news_since]
        idle = [board for board in crowded if not board.is_busy]
        if len(idle) < len(crowded):
            self.hurry()  # the others are told by the next check
        alike: dict[Asked, list[KitchenBoard]] = defaultdict(list)
        for board in idle:
            alike[board.asked].append(board)
        found = await self.timed(read_windows(list(alike))) if alike else {}
        for asked, boards in alike.items():
            await self.tell(boards, found[asked])

    async def tell(self, boards: Collection[KitchenBoard], window: Window) -> None:
        await self.tell_each(boards, lambda board: board.follow(window))


def size_of(payload: dict[str, Any]) -> int:
    return len(json.dumps(payload))


settings_reconciler, window_check = SettingsReconciler(), WindowCheck()
act = database_sync_to_async(actions.act)

# Reads in threads of their own: none waits for another.
read_board = database_sync_to_async(snapshot.snapshot, thread_sensitive=False)
read_states = database_sync_to_async(snapshot.states_of, thread_sensitive=False)
read_settings = database_sync_to_async(snapshot.settings, thread_sensitive=False)
read_changes = database_sync_to_async(snapshot.changes_since, thread_sensitive=False)
read_window = database_sync_to_async(windows.read_window, thread_sensitive=False)
read_windows = database_sync_to_async(windows.read_windows, thread_sensitive=False)


@database_sync_to_async
def read_history() -> dict[str, Any]:
    return snapshot.history(timezone.now())


@database_sync_to_async
def read_payload(order_id: Any) -> dict[str, Any] | None:
    return Order.get_order_detail(order_id) if live.is_order_id(order_id) else None
