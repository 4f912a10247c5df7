"""A long while as something that the lab lets a shop live through, and what has grown by its end."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from statistics import median

import psycopg
import redis

from benchmarks.chaos.faults import Fault, Seen, repeated
from benchmarks.chaos.records import select
from benchmarks.chaos.shops import Shop
from benchmarks.soak import gauges
from benchmarks.soak.gauges import Gauge
from benchmarks.soak.guests import Guests

SECONDS, PER_SECOND = 1200.0, 4.0
LOOK_SECONDS = 5.0  # between two looks
LEAST_LOOKS = 40  # below, nothing is judged
SETTLED = 0.25  # the share of the time in which caches and pools are filled
WINDOW = 0.25  # the share at the beginning, after that, and at the end, whose medians are compared
MOST_GROWTH = 0.05

Looks = list[dict[Gauge, float]]


def faults(shop: Shop) -> list[Fault]:
    return [Fault("soak", partial(soaked, shop), leaves_work=True)]


@contextmanager
def soaked(shop: Shop) -> Iterator[Seen]:
    """Let people come and go meanwhile, and count everything again and again."""
    seen, looks = Seen(), Looks()
    guests = Guests(shop.port, [pk for (pk,) in shop.read(select, "SELECT id FROM home_pizza")])
    try:
        with repeated(lambda: look(shop, looks), (LOOK_SECONDS, LOOK_SECONDS)):
            yield seen
    finally:
        guests.close()
    seen.accepted |= guests.accepted
    seen.notes += [", ".join(f"{count} x {what}" for what, count in guests.visits.most_common())]
    seen.notes += told(looks)
    seen.problems += grown(looks)


def look(shop: Shop, looks: Looks) -> None:
    with suppress(redis.RedisError, psycopg.Error):  # the lab itself notices that
        looks.append(gauges.read(shop))


def windows(looks: Looks) -> Mapping[Gauge, tuple[float, float]]:
    """Return the medians of each gauge after the beginning and at the end. It can come and go with its process."""
    first, size = int(len(looks) * SETTLED), max(1, int(len(looks) * WINDOW))
    early, late = looks[first : first + size], looks[-size:]
    names = {gauge for one in early for gauge in one} & {gauge for one in late for gauge in one}
    return {gauge: (middle(early, gauge), middle(late, gauge)) for gauge in sorted(names)}


def middle(looks: Looks, gauge: Gauge) -> float:
    return median(one[gauge] for one in looks if gauge in one)


def told(looks: Looks) -> list[str]:
    return [
        f"{gauge.name} {gauge.told(early)} → {gauge.told(late)}" for gauge, (early, late) in windows(looks).items()
    ]


def grown(looks: Looks) -> list[str]:
    """Return what has grown by more than it may, in sentences; nothing if there were too few looks to judge."""
    if len(looks) < LEAST_LOOKS:
        return []
    found = windows(looks).items()
    return [
        f"{gauge.name} grew from {gauge.told(early)} to {gauge.told(late)}"
        for gauge, (early, late) in found
        if late - early > max(gauge.slack, early * MOST_GROWTH)
    ]
