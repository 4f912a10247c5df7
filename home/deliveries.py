"""Log how many sockets of this process got which change of an order: one line for all of them together."""

import asyncio
from collections import Counter
from typing import ClassVar

from realtime.broadcast import GATHER_SECONDS
from telemetry.news import Fields, News

WAIT_SECONDS = 3 * GATHER_SECONDS  # for the boards, which are told every GATHER_SECONDS

news = News(__name__)


class Deliveries:
    """Count what is sent, and say it a moment after the first socket got it."""

    wait_seconds: ClassVar[float] = WAIT_SECONDS

    def __init__(self) -> None:
        self.sockets: Counter[tuple[int, int, str]] = Counter()  # by order, seq and click
        self.loop: asyncio.AbstractEventLoop | None = None  # that will say it

    def note(self, about: Fields | None) -> None:
        """Count one socket. A web or worker of an older version does not say what its announcement is about."""
        if about is None or not news.is_wanted():
            return
        if self.loop is not asyncio.get_running_loop():  # a test's has ended before it could
            self.loop = asyncio.get_running_loop()
            self.loop.call_later(self.wait_seconds, self.say)
        self.sockets[about["order"], about["seq"], about["request"] or ""] += 1

    def say(self) -> None:
        sockets, self.sockets, self.loop = self.sockets, Counter(), None
        for (order, seq, request), count in sockets.items():
            news.tell("sent", {"order": order, "seq": seq, "request": request or None, "sockets": count})


deliveries = Deliveries()
