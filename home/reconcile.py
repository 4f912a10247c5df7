"""Resync watchers of orders: the channel layer can lose a message, the database does not.

One task per process compares, every few seconds, what its watchers were last sent with the database, in one query for
hundreds of them, and sends the whole state of everything that is newer.
"""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Protocol

from channels.db import database_sync_to_async
from django.db import connection
from django.utils import timezone

from home import live
from home.models import Order
from realtime.broadcast import Event
from realtime.periodic import PartialCheck
from telemetry import sweeps

logger = logging.getLogger(__name__)

BATCH = 500  # orders in one query
LOOK_UP = {
    "sqlite": "json_each(%s) AS k CROSS JOIN home_order o ON o.order_id = k.key AND o.seq > k.value",
    "postgresql": """json_each_text(%s) AS k CROSS JOIN LATERAL (
        SELECT * FROM home_order WHERE order_id = k.key AND seq > k.value::int OFFSET 0) AS o""",
}
NEWS_SECONDS = 10.0  # a new order is searched for this long: it is committed a little after its created_at

Sent = dict[str, int]  # order_id -> the seq that was last sent


class Watcher(Protocol):
    """The part of a socket (home.consumers.OrderWatcher) that is used here."""

    seen: Sent
    is_busy: bool  # in the middle of a message, and possibly about to send what it read a moment ago
    hears_news: bool  # also wants the orders that it does not know

    def sent(self) -> Sent:
        """Return the orders that it watches."""

    async def order_status(self, event: Event) -> None:
        """Send a state, unless this seq or a newer one was sent."""


class Reconciler(PartialCheck[Watcher]):
    """Send watchers the states that they missed."""

    async def check_some(self, sockets: Collection[Watcher]) -> None:
        missed = await read_missed(sockets)
        idle = [watcher for watcher in missed if not watcher.is_busy]  # the others are told by the next check
        await self.tell_each(idle, lambda watcher: send(watcher, missed[watcher]))
        if idle:
            # In a thread: it can wait for Valkey.
            await asyncio.to_thread(note, len(idle), sum(len(missed[watcher]) for watcher in idle))


async def read_missed(sockets: Collection[Watcher]) -> dict[Watcher, list[Event]]:
    """Return, for each watcher, the states that it was not sent."""
    oldest: Sent = {}
    watching: dict[str, list[Watcher]] = defaultdict(list)
    for watcher in sockets:
        for order_id, seq in watcher.sent().items():
            watching[order_id].append(watcher)
            oldest[order_id] = min(seq, oldest.get(order_id, seq))
    hearing = [watcher for watcher in sockets if watcher.hears_news]
    missed: dict[Watcher, list[Event]] = defaultdict(list)
    for event in await read_all_newer(oldest, hears_news=bool(hearing)):
        order_id = event["order_id"]
        strangers = [watcher for watcher in hearing if order_id not in watcher.seen]
        for watcher in [*watching.get(order_id, ()), *strangers]:
            missed[watcher].append(event)
    return missed


def note(watchers: int, states: int) -> None:
    """Note what was missed. INFO: a frame is allowed to be lost, or was on its way just now."""
    logger.info("%d watchers had missed %d states, which they have got now", watchers, states)
    sweeps.note("missed_frame", states)


async def send(watcher: Watcher, events: list[Event]) -> None:
    for event in events:
        await watcher.order_status(event)


async def read_all_newer(oldest: Sent, hears_news: bool) -> list[Event]:
    since = timezone.now() - timedelta(seconds=NEWS_SECONDS) if hears_news else None
    found: list[Event] = []
    for batch in batches(oldest) or [{}]:
        found += await newer_than(batch, since)
        since = None  # once is enough
    return found


def batches(oldest: Sent) -> list[Sent]:
    rows = list(oldest.items())
    return [dict(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)]


def read_newer(oldest: Sent, since: datetime | None) -> list[Event]:
    """Read the orders above their seq, and those that were created since."""
    found = {order.pk: order for order in (*above(oldest), *created(since))}
    return [live.status_event(live.state_of(order)) for order in found.values()]


def above(oldest: Sent) -> list[Order]:
    """Read the orders that are above their seq.

    The whole question is one value, so Django puts no query together for it, and the database plans it once. It looks
    each order up by its id, whatever it believes of their number.
    """
    if not oldest:
        return []
    columns = ", ".join(f"o.{field.column}" for field in Order._meta.concrete_fields)
    wanted = f"SELECT {columns} FROM {LOOK_UP[connection.vendor]}"
    with_items: list[Any] = Order.objects.with_items()._prefetch_related_lookups  # type: ignore[attr-defined]
    return list(Order.objects.raw(wanted, [json.dumps(oldest)]).prefetch_related(*with_items))


def created(since: datetime | None) -> Collection[Order]:
    """Read new orders, unordered: in an order SQLite would read the whole table, not use an index."""
    if since is None:
        return []
    # Those from before the clock was set back lie ahead, and are not news for all that time.
    moments = (since, since + timedelta(seconds=2 * NEWS_SECONDS))
    return Order.objects.filter(created_at__range=moments).with_items().order_by()


# It runs in a thread of its own: none waits for another.
newer_than = database_sync_to_async(read_newer, thread_sensitive=False)
reconciler = Reconciler()
