"""How much all sweeps have found lately, counted in Valkey by the minute, so that all processes count together."""

from contextlib import suppress
from typing import Any

import redis
from django.conf import settings
from django.dispatch import receiver

from operations.signs import signs
from pizzaProj import limits
from pizzaProj.limits import MINUTE_SECONDS
from telemetry import sweeps

PREFIX = "shop:alarm:found:"
# The minutes are those of Valkey's own clock: several machines agree on it.
ADD = """
local key = KEYS[1] .. math.floor(redis.call('TIME')[1] / 60)
redis.call('INCRBY', key, ARGV[1])
redis.call('EXPIRE', key, ARGV[2])
"""
SUM = """
local minute, sum = math.floor(redis.call('TIME')[1] / 60), 0
for back = 0, ARGV[1] - 1 do sum = sum + (redis.call('GET', KEYS[1] .. (minute - back)) or 0) end
return sum
"""


def is_anybody_told() -> bool:
    return bool(settings.ALARM_URL or settings.ALARM_EMAIL)


@receiver(sweeps.found)
def add(what: str, count: int, **kwargs: Any) -> None:
    """Count what a sweep has found. A Valkey that is away is an alarm of its own, and delays the sweep by a moment."""
    limit = limits.ALARMS.get(what)
    if limit is not None and is_anybody_told():
        with suppress(redis.RedisError, OSError):
            signs.connected().eval(ADD, 1, PREFIX + what + ":", count, limit.seconds + MINUTE_SECONDS)


def within(what: str, seconds: int) -> int:
    """Return how many were found in so many seconds, this minute included. RedisError or OSError: it is away."""
    return int(signs.connected().eval(SUM, 1, PREFIX + what + ":", seconds // MINUTE_SECONDS))
