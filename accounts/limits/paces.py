"""Count what is often, such as orders, in Valkey: one round trip, and keys that expire by themselves.

The last moments of each key are kept, as many as its limit has tries, so a limit holds in any window, not only from
one full minute to the next. While Valkey is away each process counts for itself; nobody waits for it or is refused.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from time import monotonic
from typing import Any, NamedTuple

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.retry import Retry

from accounts.limits.keys import key_of
from accounts.limits.too_many import TOO_MANY, TooMany
from pizzaProj import limits, waits
from pizzaProj.limits import Limit
from pizzaProj.messaging.outage import Outage

CONNECTIONS = 10
PREFIX = "shop:pace:"
# Return the milliseconds until all of it is allowed. If they are 0, count it; otherwise count nothing.
SCRIPT = """
local time = redis.call('TIME')
local now, wait = time[1] * 1000 + math.floor(time[2] / 1000), 0
for i, key in ipairs(KEYS) do
  local newest = redis.call('LINDEX', key, 0)
  if newest and tonumber(newest) > now then redis.call('DEL', key) end  -- the clock was set back
  local oldest = redis.call('LINDEX', key, ARGV[2 * i - 1] - 1)
  if oldest then wait = math.max(wait, oldest + ARGV[2 * i] - now) end
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
  redis.call('LPUSH', key, string.format('%.0f', now))
  redis.call('LTRIM', key, 0, ARGV[2 * i - 1] - 1)
  redis.call('PEXPIRE', key, ARGV[2 * i])
end
return 0
"""


class Count(NamedTuple):
    key: str
    limit: Limit


class InValkey:
    """The counts of all processes."""

    def __init__(self) -> None:
        self._client: Any = None
        self._lock = threading.Lock()

    def seconds_until(self, counts: Sequence[Count]) -> float:
        """Count one of each, or return how long until they are allowed. RedisError or OSError if Valkey is away."""
        numbers = [number for _, limit in counts for number in (limit.tries, limit.seconds * 1000)]
        return float(self._script()([PREFIX + key for key, _ in counts], numbers)) / 1000

    def _script(self) -> Any:
        with self._lock:
            if self._client is None:
                wait = waits.COUNT_SECONDS
                pool = redis.BlockingConnectionPool.from_url(
                    settings.REDIS_URL,
                    max_connections=CONNECTIONS,
                    timeout=wait,
                    # Once more on a connection that was closed, as by a restart, not on a silent one
                    retry=Retry(NoBackoff(), 1, supported_errors=(Disconnected,)),
                    socket_timeout=wait,
                    socket_connect_timeout=wait,
                )
                self._client = redis.Redis(connection_pool=pool).register_script(SCRIPT)
            return self._client


class InProcess:
    """The counts of this process while Valkey is away. Those that were not used for longest are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moments: OrderedDict[str, deque[float]] = OrderedDict()

    def seconds_until(self, counts: Sequence[Count]) -> float:
        with self._lock:
            now = monotonic()
            found = [(self._of(key, limit), limit) for key, limit in counts]
            wait = max(until(moments, limit, now) for moments, limit in found)
            if wait <= 0:
                for moments, _ in found:
                    moments.append(now)
            return wait

    def _of(self, key: str, limit: Limit) -> deque[float]:
        moments = self._moments.setdefault(key, deque(maxlen=limit.tries))
        self._moments.move_to_end(key)
        if len(self._moments) > limits.PACES_IN_PROCESS:
            self._moments.popitem(last=False)
        return moments


def until(moments: deque[float], limit: Limit, now: float) -> float:
    """Return the seconds until another one is allowed; the oldest is the first to be forgotten."""
    return max(0.0, moments[0] + limit.seconds - now) if len(moments) == limit.tries else 0.0


valkey = InValkey()
process = InProcess()
outage = Outage("Valkey", "each process counts for itself")


def pace(*tries: tuple[object, ...], words: str = TOO_MANY) -> None:
    """Count one of each (action, *who). If any of them exceeds its limit, count nothing and raise TooMany."""
    counts = [Count(key_of(str(action), who), limits.PACES[str(action)]) for action, *who in tries]
    wait = seconds_until(counts)
    if wait > 0:
        raise TooMany(wait, words)


def seconds_until(counts: Sequence[Count]) -> float:
    if outage.may_try():
        try:
            wait = valkey.seconds_until(counts)
        except (redis.RedisError, OSError) as error:
            outage.failed(str(error) or type(error).__name__, dropped=0)
        else:
            outage.answered()
            return wait
    return process.seconds_until(counts)
