"""A check of the shop, and what it finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Something that is wrong."""

    sentence: str  # for everybody: it names no address, no version, no person
    remedy: str = ""  # what to do, for staff and on the terminal
    is_bad: bool = True  # the shop is not ready; otherwise it is only worth knowing


@dataclass(frozen=True)
class Check:
    name: str
    find: Callable[[], Iterator[Finding]]
    well: str  # what to say if it finds nothing
    figures: Callable[[], dict[str, float | None]] = dict  # what it has measured, by name; None: not known
