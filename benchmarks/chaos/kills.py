"""Kill parts of a shop, alone and in pairs, while customers order and readers read.

Whatever has ended is started again, by the shop's own supervisor or by the lab, as Docker would. A start takes as long
as it takes: a blow is over when all parts are up, and from then on the bar counts.
"""

import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from benchmarks.chaos.faults import Fault
from benchmarks.chaos.shops import Shop

FALLS = 2  # of each part
SEED = 1
TOGETHER = 0.3  # the share of kills that take the next part down, too
WELL_SECONDS = 5.0  # the bar, from when all parts are up
UP_SECONDS = 60.0  # by then they have to be
POLL_SECONDS = 0.1


def faults(shop: Shop) -> list[Fault]:
    """Return the blows in a random order, which is the same in each run."""
    return [blow(shop, names) for names in blows(list(shop.mortal()), FALLS, random.Random(SEED))]


def blow(shop: Shop, names: Sequence[str]) -> Fault:
    return Fault(
        " + ".join(names),
        partial(killed, shop, names),
        is_the_door=shop.is_the_door(set(names)),
        is_a_moment=True,
        well_seconds=WELL_SECONDS,
    )


@contextmanager
def killed(shop: Shop, names: Sequence[str]) -> Iterator[None]:
    """Kill these parts with all their processes, and wait at the end until all parts are up."""
    mortal = shop.mortal()
    for pid in [pid for name in names for pid in mortal[name]()]:
        with suppress(ProcessLookupError):  # it went with its parent
            os.kill(pid, signal.SIGKILL)
    yield
    deadline = time.monotonic() + UP_SECONDS
    while not shop.is_up() and time.monotonic() < deadline:
        shop.keep()
        time.sleep(POLL_SECONDS)


def blows(kinds: Sequence[str], falls: int, chance: random.Random) -> list[tuple[str, ...]]:
    """Choose which parts fall in which round: each kind `falls` times, sometimes two at once."""
    turn = [kind for kind in kinds for _ in range(falls)]
    chance.shuffle(turn)
    rounds: list[tuple[str, ...]] = []
    while turn:
        kind = turn.pop()
        if turn and turn[-1] != kind and chance.random() < TOGETHER:
            rounds.append((kind, turn.pop()))
        else:
            rounds.append((kind,))
    return rounds
