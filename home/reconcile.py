"""What watchers missed: the channel layer may lose a message, the database does not.

One task per process compares, every few seconds, what its watchers were last sent with the database, in one
query for all of them, and sends the whole state of whatever is newer.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, Generic, Protocol, TypeVar

from channels.db import database_sync_to_async
from django.db.models import Q
from django.utils import timezone

from home import live
from home.models import Order

logger = logging.getLogger(__name__)

EVERY_SECONDS = 3.0
SEND_SECONDS = 1.0  # a client that does not read must not keep the others waiting
BATCH = 500  # orders in one query
NEWS_SECONDS = 10.0  # a new order is looked for this long: it is committed a little after its created_at

Frame = dict[str, Any]
Sent = dict[str, int]  # order_id -> the seq that was sent last


W = TypeVar("W")


class Watcher(Protocol):
    """A socket, as far as this goes (home.consumers.OrderWatcher)."""

    seen: Sent
    is_busy: bool  # in the middle of a message, and may be about to send what it read a moment ago
    hears_news: bool  # also wants the orders that it does not know

    def sent(self) -> Sent:
        """Of the orders that it watches."""

    async def order_status(self, event: Frame) -> None:
        """Send a state, unless this seq or a newer one was sent."""


class Rounds(Generic[W]):
    """The sockets of one kind in this process, looked after by one task: from the first to the last of them."""

    def __init__(self) -> None:
        self.watchers: set[W] = set()
        self.task: asyncio.Task[None] | None = None

    def every_seconds(self) -> float:
        return EVERY_SECONDS

    def join(self, watcher: W) -> None:
        self.watchers.add(watcher)
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self.run(), name="reconcile")

    def leave(self, watcher: W) -> None:
        self.watchers.discard(watcher)
        if not self.watchers and self.task is not None:
            self.task.cancel()
            self.task = None

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self.every_seconds())
            try:
                await self.compare()
            except Exception as error:  # the database is away, say; the next round comes
                logger.warning("Watchers not compared with the database: %s", str(error) or type(error).__name__)

    async def compare(self) -> None:
        """One round."""
        raise NotImplementedError


class Reconciler(Rounds[Watcher]):
    """The orders that somebody watches."""

    async def compare(self) -> None:
        oldest: Sent = {}
        watching: dict[str, list[Watcher]] = defaultdict(list)
        for watcher in self.watchers:
            for order_id, seq in watcher.sent().items():
                watching[order_id].append(watcher)
                oldest[order_id] = min(seq, oldest.get(order_id, seq))
        hearing = [watcher for watcher in self.watchers if watcher.hears_news]
        since = timezone.now() - timedelta(seconds=NEWS_SECONDS) if hearing else None
        for batch in batches(oldest) or [{}]:
            for frame in await newer_than(batch, since):
                order_id = frame["order_id"]
                strangers = [watcher for watcher in hearing if order_id not in watcher.seen]
                await self.tell([*watching.get(order_id, ()), *strangers], frame)
            since = None  # once is enough

    async def tell(self, watchers: Iterable[Watcher], frame: Frame) -> None:
        """Whoever is busy, or has just left, is for the next round, or for none."""
        there = [watcher for watcher in watchers if watcher in self.watchers and not watcher.is_busy]
        await asyncio.gather(*(send(watcher, frame) for watcher in there))


async def send(watcher: Watcher, frame: Frame) -> None:
    """A socket that breaks is its own affair."""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await watcher.order_status(frame)
    except Exception as error:
        logger.info(
            "A watcher of #%s could not be told: %s", frame["order_id"][:4], str(error) or type(error).__name__
        )


def batches(oldest: Sent) -> list[Sent]:
    rows = list(oldest.items())
    return [dict(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)]


def newer(oldest: Sent, since: datetime | None) -> Q | None:
    """Orders whose seq is above the one named, and those created since. None: nothing to ask for.

    There are few different seqs, so this is a handful of lists, and only what was missed is read.
    """
    order_ids: dict[int, list[str]] = defaultdict(list)
    for order_id, seq in oldest.items():
        order_ids[seq].append(order_id)
    wanted = [Q(order_id__in=ids, seq__gt=seq) for seq, ids in order_ids.items()]
    if since is not None:
        wanted.append(Q(created_at__gt=since))
    return reduce(or_, wanted) if wanted else None


def read_newer(oldest: Sent, since: datetime | None) -> list[Frame]:
    """One query. Unordered: else SQLite reads the whole table in that order instead of using its indexes."""
    wanted = newer(oldest, since)
    return [live.frame(order) for order in Order.objects.filter(wanted).order_by()] if wanted else []


# In a thread that waits for nobody, and for which nobody waits.
newer_than = database_sync_to_async(read_newer, thread_sensitive=False)
reconciler = Reconciler()
