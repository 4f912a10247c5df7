"""The one voice: group names, the frame, group_send.

`async_to_sync(group_send)` would make an event loop and a connection for every call (2 to 4 ms). Here one loop
lives in a thread of its own for as long as the process, and saying something is handing it over.
"""

import asyncio
import atexit
import json
import logging
import os
import re
import threading
from collections.abc import Collection
from concurrent.futures import Future, wait
from typing import Any

from channels.layers import get_channel_layer

from home.models import ORDER_ID_LENGTH, Order
from kitchen import stages

logger = logging.getLogger(__name__)

NEW_ORDERS = "orders_new"  # staff's lists listen here
KITCHEN = "kitchen"  # the boards
GATHER_SECONDS = 0.1  # a board hears of changes at most so often, of all together
ORDER_ID = re.compile(f"[a-z0-9]{{{ORDER_ID_LENGTH}}}")
SEND_TIMEOUT_SECONDS = 3
MAX_PENDING = 10_000


def is_order_id(value: Any) -> bool:
    """Could it be one? Else it must not become the name of a group."""
    return isinstance(value, str) and ORDER_ID.fullmatch(value) is not None


def group_name(order_id: str) -> str:
    return f"order_{order_id}"


def frame(order: Order) -> dict[str, Any]:
    """The event for `OrderWatcher.order_status`: the text is made once, not once for each watcher."""
    return {
        "type": "order.status",
        "order_id": order.order_id,
        "seq": order.seq,
        "ended": order.stage in stages.ENDED,
        "text": json.dumps({"payload": order.payload()}),
    }


def announce(order: Order) -> None:
    """Tell every open page. Never raises: with Redis down the save has succeeded and the page catches up."""
    message = frame(order)
    voice.say(group_name(order.order_id), message)
    voice.gather(order.order_id, message)
    if order.seq == 1:
        voice.say(NEW_ORDERS, message)


def announce_eta(order: Order) -> None:
    """The forecast has moved, and nothing else: the same seq, which watchers know already. Never raises."""
    message = {**frame(order), "type": "order.eta"}
    voice.say(group_name(order.order_id), message)
    voice.gather(order.order_id, message)


def announce_kitchen() -> None:
    """A station or the shop itself has changed."""
    voice.say(KITCHEN, {"type": "kitchen.changed"})


def nudge(user_pk: int) -> None:
    """Something of this account has changed; its pages look again. It names nothing, so losing one is harmless."""
    voice.say(user_group(user_pk), {"type": "notices.changed"})


def user_group(user_pk: int) -> str:
    return f"user_{user_pk}"


def gathered_frame(frames: Collection[dict[str, Any]]) -> dict[str, Any]:
    """The event for `KitchenBoard.kitchen_orders`: the newest state of several orders, put together as text."""
    payloads = (frame["text"].removeprefix('{"payload": ').removesuffix("}") for frame in frames)
    return {
        "type": "kitchen.orders",
        "seqs": {frame["order_id"]: frame["seq"] for frame in frames},
        "ended": [frame["order_id"] for frame in frames if frame["ended"]],
        "text": f'{{"orders": [{", ".join(payloads)}]}}',
    }


class Voice:
    """One event loop in a daemon thread, for sync code in any process (web, worker, command)."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """A fork inherits neither the thread nor a usable connection: begin anew at the next word."""
        self.loop: asyncio.AbstractEventLoop | None = None
        self.lock = threading.Lock()
        self.pending: set[Future[None]] = set()
        self.gathered: dict[str, dict[str, Any]] = {}  # order_id -> the newest frame that no board has heard of
        self.is_gathering = False
        self.told_at = 0.0  # by the loop's clock

    def say(self, group: str, message: dict[str, Any]) -> None:
        """Hand over and go on; order is kept. What can't be sent is logged and dropped."""
        if len(self.pending) >= MAX_PENDING:
            logger.warning("Not announced, %d are waiting: %s", MAX_PENDING, _short(group))
            return
        future = asyncio.run_coroutine_threadsafe(self._send(group, message), self._running_loop())
        self.pending.add(future)
        future.add_done_callback(self.pending.discard)

    def gather(self, order_id: str, message: dict[str, Any]) -> None:
        """For the boards: of many changes of an order only the last, and many orders in one message."""
        with self.lock:
            newest = self.gathered.get(order_id)
            if newest is None or newest["seq"] <= message["seq"]:
                self.gathered[order_id] = message
            if self.is_gathering:
                return
            self.is_gathering = True
        self._running_loop().call_soon_threadsafe(self._tell_boards_soon)

    def flush(self, timeout_seconds: float = SEND_TIMEOUT_SECONDS) -> None:
        """Wait until all that was said is sent or given up."""
        self._tell_boards()
        wait(list(self.pending), timeout=timeout_seconds)

    def _tell_boards_soon(self) -> None:
        """On the loop. At once, unless they heard something a moment ago."""
        assert self.loop is not None
        self.loop.call_later(max(0.0, self.told_at + GATHER_SECONDS - self.loop.time()), self._tell_boards_in_turn)

    def _tell_boards_in_turn(self) -> None:
        assert self.loop is not None
        self.told_at = self.loop.time()
        self.is_gathering = False  # before the look: what comes after it makes a turn of its own
        self._tell_boards()

    def _tell_boards(self) -> None:
        with self.lock:
            gathered, self.gathered = self.gathered, {}
        if gathered:
            self.say(KITCHEN, gathered_frame(gathered.values()))

    async def _send(self, group: str, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                layer = get_channel_layer()
                assert layer is not None
                await layer.group_send(group, message)
        except Exception as error:
            # What a board missed, its own process will see (home.reconcile, kitchen.consumers).
            level = logging.INFO if group == KITCHEN else logging.WARNING
            logger.log(level, "Not announced to %s: %s", _short(group), error or type(error).__name__)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self.lock:
            if self.loop is None:
                self.loop = asyncio.new_event_loop()
                threading.Thread(target=self.loop.run_forever, name="voice", daemon=True).start()
            return self.loop


def _short(group: str) -> str:
    """For the log: an order's id is its secret."""
    return group if len(group) < ORDER_ID_LENGTH else f"{group[:10]}…"


voice = Voice()
os.register_at_fork(after_in_child=voice.forget)
atexit.register(voice.flush, 1)
