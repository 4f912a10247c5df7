"""The counts of the whole shop, as they are kept in Valkey.

Three kinds of keys. One hash has the totals: a field for each counter, and for each histogram one for its sum and one
a bucket. Another has the levels of each process, with the moment by Valkey's clock. A short one for each process has
the number of its last batch, so that a batch whose answer was lost is counted once, however often it is sent.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pizzaProj import waits
from telemetry.counts import Batch, Series, Timed
from telemetry.table import LEVELS, TABLE

TOTALS, PROCESSES, LAST_BATCH = "shop:counts", "shop:levels", "shop:batch:"
BETWEEN = "\x1f"  # the parts of a field
SUM = "sum"
KEPT_MILLISECONDS = 90 * 24 * 3600 * 1000  # the totals, after the last process has gone
BATCH_KEPT_MILLISECONDS = 24 * 3600 * 1000

# Add a batch, unless it is the one that came last; tell the levels, and remove those of processes that are gone.
SCRIPT = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  for i = 7, #ARGV, 2 do redis.pcall('HINCRBYFLOAT', KEYS[1], ARGV[i], ARGV[i + 1]) end
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[6])
local now = tonumber(redis.call('TIME')[1])
redis.call('HSET', KEYS[3], ARGV[2], now .. ' ' .. ARGV[3])
local all = redis.call('HGETALL', KEYS[3])
for i = 1, #all, 2 do
  if math.abs(now - tonumber(string.match(all[i + 1], '^%d+'))) > tonumber(ARGV[4]) then
    redis.call('HDEL', KEYS[3], all[i])
  end
end
redis.call('PEXPIRE', KEYS[3], ARGV[6])
"""


def keys(process: str) -> list[str]:
    return [TOTALS, LAST_BATCH + process, PROCESSES]


def arguments(process: str, number: int, batch: Batch, levels: dict[Series, float]) -> list[Any]:
    """Return the script's arguments: a process's batch, its number and its present levels."""
    told = json.dumps([[name, labels, value] for (name, labels), value in levels.items()])
    head = [number, process, told, waits.PROCESS_GONE_SECONDS, KEPT_MILLISECONDS, BATCH_KEPT_MILLISECONDS]
    return [*head, *(part for field, amount in fields(batch) for part in (field, repr(amount)))]


def fields(batch: Batch) -> Iterator[tuple[str, float]]:
    """Yield each field of the totals with what is to be added to it."""
    for (name, labels), amount in batch.totals.items():
        yield BETWEEN.join((name, *labels)), amount
    for (name, labels), timed in batch.times.items():
        yield BETWEEN.join((name, *labels, SUM)), timed.seconds
        for bound, number in zip((*TABLE[name].bounds, "inf"), timed.buckets, strict=True):
            if number:
                yield BETWEEN.join((name, *labels, str(bound))), number


@dataclass
class Stored:
    """What all processes have counted, and what they hold now."""

    totals: dict[Series, float] = field(default_factory=dict)
    times: dict[Series, Timed] = field(default_factory=dict)
    levels: dict[Series, float] = field(default_factory=dict)


def read(client: Any) -> Stored:
    """Read it, in one round trip. RedisError or OSError if the server is away."""
    pipeline = client.pipeline(transaction=False)
    pipeline.hgetall(TOTALS)
    pipeline.hgetall(PROCESSES)
    pipeline.time()
    totals, processes, (now, _) = pipeline.execute()
    stored = Stored(levels=levels_of([value.decode() for value in processes.values()], now))
    for name, value in totals.items():
        note(stored, name.decode(), float(value))
    return stored


def note(stored: Stored, name: str, value: float) -> None:
    """Note one field of the totals. One that this version does not know is another's."""
    name, *labels = name.split(BETWEEN)
    measure = TABLE.get(name)
    if measure is None or len(labels) != len(measure.labels) + bool(measure.bounds):
        return
    if not measure.bounds:
        stored.totals[name, tuple(labels)] = value
        return
    series, part = (name, tuple(labels[:-1])), labels[-1]
    places = [*map(str, measure.bounds), "inf"]
    if part in (*places, SUM):
        timed = stored.times.setdefault(series, Timed([0] * len(places)))
        if part == SUM:
            timed.seconds = value
        else:
            timed.buckets[places.index(part)] = int(value)


def levels_of(told: list[str], now: int) -> dict[Series, float]:
    """Return the levels of the shop: of each process what it has told, unless that is too long ago."""
    found: dict[Series, list[float]] = defaultdict(list)
    for one in told:
        at, _, values = one.partition(" ")
        if abs(now - int(at)) <= waits.PROCESS_GONE_SECONDS:
            for name, labels, value in json.loads(values):
                found[name, tuple(labels)].append(value)
    return {series: together(series[0], values) for series, values in found.items() if series[0] in LEVELS}


def together(name: str, values: list[float]) -> float:
    return max(values, key=abs) if LEVELS[name].is_worst else sum(values)
