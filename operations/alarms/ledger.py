"""Which alarms were told, so that of all processes one tells each of them, and not again and again.

It is kept in Valkey. While that is away, which is a reason for an alarm itself, each process keeps its own.
"""

from contextlib import suppress
from time import monotonic
from typing import Any

import redis

from operations.signs import signs
from pizzaProj import waits

PREFIX = "shop:alarm:"
KEPT_SECONDS = 24 * 3600
# KEYS: seen, told. Whoever removes the mark that it was told, says that it is over.
OVER = "if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end return redis.call('DEL', KEYS[2])"
AWAY = (redis.RedisError, OSError)


class Ledger:
    """What was told by all, and by this process, whose marks are moments on time.monotonic."""

    def __init__(self) -> None:
        self.seen_at: dict[str, float] = {}
        self.told_at: dict[str, float] = {}
        self.told_alone: set[str] = set()  # while Valkey was away

    def see(self, what: str) -> None:
        """Note that there is still a reason for an alarm."""
        self.seen_at[what] = monotonic()
        with suppress(*AWAY):
            valkey().set(key("seen", what), 1, px=milliseconds(waits.ALARM_WELL_SECONDS))

    def may_tell(self, what: str) -> bool:
        """Return whether it is this process's turn to tell it: once in ALARM_PAUSE_SECONDS."""
        if is_recent(self.told_at.get(what), waits.ALARM_PAUSE_SECONDS):
            return False
        try:
            pause = milliseconds(waits.ALARM_PAUSE_SECONDS)
            if not valkey().set(key("pause", what), 1, px=pause, nx=True):
                return False
            valkey().set(key("told", what), 1, ex=KEPT_SECONDS)
        except AWAY:
            self.told_alone.add(what)
        self.told_at[what] = monotonic()
        return True

    def is_over(self, what: str) -> bool:
        """Return whether it was told, has not been seen for a while, and it is this process's turn to say so."""
        with suppress(*AWAY):
            if valkey().eval(OVER, 2, key("seen", what), key("told", what)):
                return True
        if what not in self.told_alone or is_recent(self.seen_at.get(what), waits.ALARM_WELL_SECONDS):
            return False
        self.told_alone.remove(what)
        return True

    def on(self) -> set[str]:
        """Return what was told and is not over, by what all processes know. RedisError or OSError: it is away."""
        start = key("told", "")
        return {name.decode().removeprefix(start) for name in valkey().scan_iter(start + "*")}


def valkey() -> Any:
    return signs.connected()


def key(mark: str, what: str) -> str:
    return f"{PREFIX}{mark}:{what}"


def milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def is_recent(moment: float | None, seconds: float) -> bool:
    return moment is not None and monotonic() - moment < seconds
