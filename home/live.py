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
import time
from collections import deque
from collections.abc import Collection
from concurrent.futures import Future, wait
from typing import Any, NamedTuple

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


class Word(NamedTuple):
    said_at: float  # by time.monotonic, which is the loop's clock too
    group: str
    message: dict[str, Any]


class Voice:
    """One event loop in a daemon thread, for sync code in any process (web, worker, command)."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """A fork inherits neither the thread nor a usable connection: begin anew at the next word."""
        self.loop: asyncio.AbstractEventLoop | None = None
        self.lock = threading.Lock()
        self.waiting: deque[Word | Future[None]] = deque()  # what is still to be said, and who waits for that
        self.speaking: asyncio.Task[None] | None = None
        self.gathered: dict[str, dict[str, Any]] = {}  # order_id -> the newest frame that no board has heard of
        self.is_gathering = False
        self.told_at = 0.0  # by the loop's clock

    def say(self, group: str, message: dict[str, Any]) -> None:
        """Hand over and go on; order is kept. What can't be sent is logged and dropped."""
        if len(self.waiting) >= MAX_PENDING:
            logger.warning("Not announced, %d are waiting: %s", MAX_PENDING, _short(group))
            return
        self._hand_over(Word(time.monotonic(), group, message))

    def _hand_over(self, word: Word | Future[None]) -> None:
        """One task says them all, one after the other: a task and a future for each would take twice as long."""
        with self.lock:
            self.waiting.append(word)
            if len(self.waiting) > 1:
                return
        self._running_loop().call_soon_threadsafe(self._begin_to_speak)

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
        if self.loop is not None:
            said: Future[None] = Future()
            self._hand_over(said)
            wait([said], timeout=timeout_seconds)

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

    def _begin_to_speak(self) -> None:
        assert self.loop is not None
        self.speaking = self.loop.create_task(self._speak())  # kept: the loop alone would let go of it

    async def _speak(self) -> None:
        while True:
            word = self.waiting[0]
            if isinstance(word, Future):
                word.set_result(None)
            else:
                await self._send(word)
            with self.lock:
                self.waiting.popleft()
                if not self.waiting:
                    return

    async def _send(self, word: Word) -> None:
        try:
            # Whoever was kept waiting by a Redis that does not answer has no more time than the first.
            deadline = word.said_at + SEND_TIMEOUT_SECONDS
            if time.monotonic() > deadline:
                raise TimeoutError
            async with asyncio.timeout_at(deadline):
                layer = get_channel_layer()
                assert layer is not None
                await layer.group_send(word.group, word.message)
        except (Exception, asyncio.CancelledError) as error:  # whatever happens to one word, the next is said
            # What a board missed, its own process will see (home.reconcile, kitchen.board.consumers).
            level = logging.INFO if word.group == KITCHEN else logging.WARNING
            logger.log(level, "Not announced to %s: %s", _short(word.group), str(error) or type(error).__name__)

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
