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
from itertools import chain

from benchmarks.chaos.faults import Fault, Seen
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
def killed(shop: Shop, names: Sequence[str]) -> Iterator[Seen]:
    """Kill these parts with all their processes, and wait at the end until all parts are up."""
    seen, fallen = Seen(), {name: shop.mortal()[name]() for name in names}
    for pid in chain(*fallen.values()):
        with suppress(ProcessLookupError):  # it went with its parent
            os.kill(pid, signal.SIGKILL)
    yield seen
    deadline = time.monotonic() + UP_SECONDS
    while lacking := missing(shop, fallen):
        if time.monotonic() > deadline:
            seen.problems.append(f"after {UP_SECONDS:g} s {lacking} was not up again")
            return
        shop.keep()
        time.sleep(POLL_SECONDS)


def missing(shop: Shop, fallen: dict[str, list[int]]) -> str:
    """Return what of the shop is not up, empty if all is."""
    names = [name for name, pids in fallen.items() if not has_returned(shop, name, pids)]
    return " and ".join(names) or ("" if shop.is_up() else "something else")


def has_returned(shop: Shop, name: str, fallen: list[int]) -> bool:
    """Return whether a part has processes again, and none of those that were killed."""
    pids = shop.mortal()[name]()
    return bool(pids) and not set(pids) & set(fallen)


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
