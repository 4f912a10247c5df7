"""Remember what a function has returned for as long as somebody asks for it.

An order's draws are asked for every few seconds while it is open, and never again. A cache with a bound alone keeps
those of the orders before it until the bound is reached, which takes a shop an hour in which its memory only grows.
"""

import threading
from collections.abc import Callable, Hashable
from functools import update_wrapper
from time import monotonic
from typing import Any, Generic, NamedTuple, TypeVar

FORGET_SECONDS = 60.0
NOTHING = object()

Result = TypeVar("Result")


class Info(NamedTuple):
    """What functools.lru_cache says of itself, too."""

    misses: int
    maxsize: int
    currsize: int


class Remembered(Generic[Result]):
    """A function of hashable arguments. Forgets what nobody has asked for during one to two FORGET_SECONDS.

    Keeps `most` results at most; then the oldest go. The result must not be changed by its callers. Safe in threads.
    """

    def __init__(self, function: Callable[..., Result], most: int) -> None:
        update_wrapper(self, function)
        self.function = function
        self.most = most
        self._lock = threading.Lock()
        self.cache_clear()

    def __call__(self, *arguments: Hashable) -> Result:
        with self._lock:
            found = self._find(arguments)
        if found is NOTHING:
            found = self.function(*arguments)
            with self._lock:
                self._keep(arguments, found)
        result: Result = found
        return result

    def cache_clear(self) -> None:
        self._asked: dict[tuple[Hashable, ...], Any] = {}  # in this period
        self._before: dict[tuple[Hashable, ...], Any] = {}  # in the one before, and not since
        self._began_at = monotonic()
        self._misses = 0

    def cache_info(self) -> Info:
        return Info(self._misses, self.most, len(self._asked) + len(self._before))

    def _find(self, arguments: tuple[Hashable, ...]) -> Any:
        now = monotonic()
        if now - self._began_at >= FORGET_SECONDS:
            is_long_ago = now - self._began_at >= 2 * FORGET_SECONDS  # and nobody has asked for anything since
            self._before = {} if is_long_ago else self._asked
            self._asked, self._began_at = {}, now
        found = self._asked.get(arguments, NOTHING)
        if found is NOTHING and (found := self._before.pop(arguments, NOTHING)) is not NOTHING:
            self._asked[arguments] = found
        return found

    def _keep(self, arguments: tuple[Hashable, ...], result: Result) -> None:
        self._misses += 1
        self._asked[arguments] = result
        while len(self._asked) + len(self._before) > self.most:
            oldest = self._before or self._asked
            del oldest[next(iter(oldest))]


def remembered(most: int) -> Callable[[Callable[..., Result]], Remembered[Result]]:
    """Decorate a function of hashable arguments; see Remembered."""
    return lambda function: Remembered(function, most)
