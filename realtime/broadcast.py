"""Send messages to groups. No other module calls `group_send`.

`async_to_sync(group_send)` would create an event loop and a connection for every call (2 to 4 ms). Here one loop runs
in its own thread for as long as the process lives, and sending hands a message over to it. Each server of live updates
(`LIVE_REDIS_URLS`) has a line of its own.
"""

import asyncio
import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, wait
from contextvars import Context
from typing import Any, Generic, NamedTuple, TypeVar

from channels.layers import get_channel_layer

from telemetry.counts import counts
from telemetry.news import News

logger = logging.getLogger(__name__)
announced, dropped = News(__name__, logging.DEBUG), News(__name__)

SEND_TIMEOUT_SECONDS = 3
MAX_PENDING = 10_000
GATHER_SECONDS = 0.1  # between two messages of a Gathering to its group
NAMED_CHARACTERS = 20  # a longer group name contains a secret

Event = dict[str, Any]  # the argument of a consumer's handler
P = TypeVar("P")


class Message(NamedTuple):
    handed_over_at: float  # on time.monotonic, which is also the loop's clock
    group: str
    event: Event | Callable[[], Event]
    log_level: int


class Line:
    """What waits for one server. One that hangs must not hold up the messages for the others."""

    def __init__(self) -> None:
        self.pending: deque[Message | Future[None]] = deque()  # a future marks a flush
        self.sending: asyncio.Task[None] | None = None
        self.dropped = 0  # messages since the last one that was sent


class Broadcaster:
    """Send from sync code in any process (web, worker, command), through one event loop in a daemon thread."""

    def __init__(self) -> None:
        self.gatherings: list[Gathering[Any]] = []
        self.forget()

    def forget(self) -> None:
        """Start from scratch: a fork inherits neither the thread nor a usable connection."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self.lock = threading.Lock()
        self.lines: dict[int, Line] = {}  # by the server's number
        for gathering in self.gatherings:
            gathering.forget()

    def send(self, group: str, event: Event | Callable[[], Event], log_level: int = logging.WARNING) -> None:
        """Queue a message and return at once. Order is kept. A message that can't be sent is logged and dropped.

        An event that takes long to make is made by the thread, and must not need the database. Of many at a time, as
        behind a batch, each but the first is made here.
        """
        line = self._line_of(group)
        if len(line.pending) >= MAX_PENDING:
            logger.warning("Not sent to %s: %d messages are already waiting", _loggable(group), MAX_PENDING)
            _tell(dropped, "dropped", event)
            counts.add("shop_announcements_dropped_total")
            return
        if line.pending:  # the thread has enough to do, and would only compete for the interpreter
            event = _made_here(event)
        self._hand_over(line, Message(time.monotonic(), group, event, log_level))

    def flush(self, timeout_seconds: float = SEND_TIMEOUT_SECONDS) -> None:
        """Wait until every queued message is sent or given up."""
        for gathering in self.gatherings:
            gathering.send()
        all_sent: list[Future[None]] = []
        for line in list(self.lines.values()):
            all_sent.append(Future())
            self._hand_over(line, all_sent[-1])
        wait(all_sent, timeout=timeout_seconds)

    def running_loop(self) -> asyncio.AbstractEventLoop:
        """Return the thread's loop, starting it with the first message."""
        with self.lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="broadcast", daemon=True).start()
            return self._loop

    def _line_of(self, group: str) -> Line:
        try:
            layer: Any = get_channel_layer()  # pizzaProj.messaging.layer
            number = layer.server_of(group)
        except Exception:  # whoever announces must not fail; the line says what is wrong, when it sends
            number = 0
        with self.lock:
            return self.lines.setdefault(number, Line())

    def _hand_over(self, line: Line, message: Message | Future[None]) -> None:
        """Queue a message for the line's one task: a task and a future per message would take twice as long."""
        with self.lock:
            line.pending.append(message)
            if len(line.pending) > 1:
                return
        # In a context of its own: the messages are of many clicks, and none of them is that of the first.
        self.running_loop().call_soon_threadsafe(self._begin_to_send, line, context=Context())

    def _begin_to_send(self, line: Line) -> None:
        assert self._loop is not None
        line.sending = self._loop.create_task(self._send_pending(line))  # kept: the loop holds only a weak reference

    async def _send_pending(self, line: Line) -> None:
        while True:
            message = line.pending[0]
            if isinstance(message, Future):
                message.set_result(None)
            else:
                await self._send(line, message)
            with self.lock:
                line.pending.popleft()
                if not line.pending:
                    return

    async def _send(self, line: Line, message: Message) -> None:
        event: Event = {}  # as long as it is not made
        try:
            # The deadline counts from the handover, so messages queued behind an unresponsive Redis get no extra time.
            deadline = message.handed_over_at + SEND_TIMEOUT_SECONDS
            if time.monotonic() > deadline:
                raise TimeoutError
            event = _made(message.event)
            async with asyncio.timeout_at(deadline):
                layer = get_channel_layer()
                assert layer is not None
                await layer.group_send(message.group, event)
            self._note_success(line, event)
        except (Exception, asyncio.CancelledError) as error:  # the next message must still be sent
            self._note_failure(line, message, event, str(error) or type(error).__name__)

    def _note_failure(self, line: Line, message: Message, event: Event, reason: str) -> None:
        """Log the first message of an outage. There can be thousands, and pages catch up by themselves."""
        counts.add("shop_announcements_dropped_total")
        log_level = logging.DEBUG if line.dropped else message.log_level
        if log_level >= logging.WARNING or line.dropped:
            line.dropped += 1
        logger.log(log_level, "Not sent to %s: %s", _loggable(message.group), reason)
        _tell(dropped, "dropped", event)

    def _note_success(self, line: Line, event: Event) -> None:
        counts.add("shop_announcements_sent_total")
        _tell(announced, "announced", event)
        count, line.dropped = line.dropped, 0
        if count > 1:
            logger.warning("Sending again; not sent meanwhile: %d", count)


class Gathering(Generic[P]):
    """Send a group at most one message every GATHER_SECONDS: the newest part of each key, joined into one event.

    `cut` divides the parts where they are too much for one event: one follows the other at once. The group must
    recover on its own from a lost message, so a failure to send is no warning.
    """

    def __init__(
        self,
        broadcaster: Broadcaster,
        group: str,
        join: Callable[[Collection[P]], Event],
        cut: Callable[[Collection[P]], Iterable[Collection[P]]] = lambda parts: [parts],
    ) -> None:
        self._broadcaster, self._group, self._join, self._cut = broadcaster, group, join, cut
        self.forget()
        broadcaster.gatherings.append(self)

    def forget(self) -> None:
        self._newest: dict[str, tuple[int, P]] = {}  # key -> (seq, part)
        self._is_scheduled = False
        self.sent_at = 0.0  # on the loop's clock

    def add(self, key: str, seq: int, part: P) -> None:
        """Replace the part of this key, unless the known one has a higher seq, and send soon."""
        with self._broadcaster.lock:
            known = self._newest.get(key)
            if known is None or known[0] <= seq:
                self._newest[key] = (seq, part)
            if self._is_scheduled:
                return
            self._is_scheduled = True
        loop = self._broadcaster.running_loop()
        loop.call_soon_threadsafe(self._schedule, loop)

    def send(self) -> None:
        """Send at once what was added."""
        with self._broadcaster.lock:
            newest, self._newest = self._newest, {}
        for parts in self._cut([part for _, part in newest.values()]) if newest else ():
            self._broadcaster.send(self._group, self._join(parts), logging.DEBUG)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send at once, or GATHER_SECONDS after the previous message."""
        loop.call_later(max(0.0, self.sent_at + GATHER_SECONDS - loop.time()), self._send_on_schedule, loop)

    def _send_on_schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self.sent_at = loop.time()
        self._is_scheduled = False  # before sending: parts added from here on schedule their own message
        self.send()


def user_group(user_pk: int) -> str:
    """Return the name of the group of an account's pages."""
    return f"user_{user_pk}"


def nudge(user_pk: int) -> None:
    """Tell the pages of an account to fetch their state again. It carries no content, so losing it is harmless."""
    broadcaster.send(user_group(user_pk), {"type": "notices.changed"})


def _made(event: Event | Callable[[], Event]) -> Event:
    return event() if callable(event) else event


def _made_here(event: Event | Callable[[], Event]) -> Event | Callable[[], Event]:
    """Make the event now. Whoever announces must not fail: the thread will, and says so."""
    try:
        return _made(event)
    except Exception:
        return event


def _tell(news: News, what: str, event: Event | Callable[[], Event]) -> None:
    """Log what became of an announcement, if its sender says what it is about: the loop does not know the click."""
    if news.is_wanted() and isinstance(about := _made(event).get("about"), dict):
        news.tell(what, about)


def _loggable(group: str) -> str:
    """Shorten the name of a group for the log, which must not contain secrets such as an order's id."""
    return group if len(group) < NAMED_CHARACTERS else f"{group[:10]}…"


broadcaster = Broadcaster()
os.register_at_fork(after_in_child=broadcaster.forget)
atexit.register(broadcaster.flush, 1)
