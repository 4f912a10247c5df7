"""Double task messages, as brokers sometimes do: nothing must happen twice because of it."""

import json
import random
import time
from contextlib import suppress
from uuid import uuid4

import redis
from django.conf import settings
from kombu.exceptions import OperationalError as BrokerDown
from redis.backoff import NoBackoff
from redis.retry import Retry

from home.models import Order, OrderItem
from kitchen import tasks

EVERY_SECONDS = 0.3
HELD = "unacked"  # where kombu keeps the messages that a worker has not yet acknowledged


class Doubler:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.broker = redis.Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0))
        self.count = 0
        self.last_at = 0.0

    def double_now_and_then(self) -> None:
        """Sometimes double a message; call it often. While the broker is away there is nothing to double."""
        if time.monotonic() < self.last_at + EVERY_SECONDS:
            return
        self.last_at = time.monotonic()
        with suppress(redis.RedisError, BrokerDown, OSError):
            self.count += self.chance.choice((self.double_message, self.double_link))()

    def double_message(self) -> bool:
        """Copy a message that the worker holds, so that the broker delivers it a second time."""
        held = list(self.broker.hvals(HELD))  # type: ignore[arg-type]
        if not held:
            return False
        message, _, queue = json.loads(self.chance.choice(held))
        message["properties"]["delivery_tag"] = str(uuid4())
        self.broker.lpush(queue, json.dumps(message))
        return True

    def double_link(self) -> bool:
        """Send a second link for an order, or an item, that has one: it comes too early, or too late."""
        rows = self.chance.choice((Order.objects.working(), OrderItem.objects.working().select_related("order")))
        work = rows.order_by("?").first()
        if work is not None:
            tasks.links(work)[0].apply_async()
        return work is not None
