"""Token buckets: how often something can be done, counted in this process's memory.

A bucket holds at most `most` tokens, gets `a_second` of them each second, and each action takes one. Limits on frames
are counted here and not in Valkey, because a round trip for each frame would cost more than the frame.
"""

from collections.abc import Callable
from time import monotonic

REMEMBERED = 10_000  # buckets of one kind; the full ones among them are those of nobody in particular


class Bucket:
    """Full at the start."""

    __slots__ = ("a_second", "at", "clock", "most", "tokens")

    def __init__(self, most: float, a_second: float, clock: Callable[[], float] = monotonic) -> None:
        self.most, self.a_second, self.clock = most, a_second, clock
        self.tokens, self.at = float(most), clock()

    def fill(self) -> float:
        """Add what is due since the last time, and return how many tokens there are."""
        now = self.clock()
        self.tokens = min(self.most, self.tokens + (now - self.at) * self.a_second)
        self.at = now
        return self.tokens

    def take(self, tokens: float = 1.0) -> bool:
        """Take this many, if there are as many. What was refused costs nothing."""
        if self.fill() < tokens:
            return False
        self.tokens -= tokens
        return True


class Buckets:
    """A bucket for each key, such as an address. One that is full again is forgotten."""

    def __init__(self, most: float, a_second: float, clock: Callable[[], float] = monotonic) -> None:
        self.most, self.a_second, self.clock = most, a_second, clock
        self.kept: dict[str, Bucket] = {}
        self.clean_at = REMEMBERED

    def take(self, key: str) -> bool:
        bucket = self.kept.get(key)
        if bucket is None:
            self.forget()
            bucket = self.kept[key] = Bucket(self.most, self.a_second, self.clock)
        return bucket.take()

    def forget(self) -> None:
        """Forget the full ones once in a while: never at each call, however many are in use."""
        if len(self.kept) < self.clean_at:
            return
        self.kept = {key: bucket for key, bucket in self.kept.items() if bucket.fill() < bucket.most}
        self.clean_at = max(REMEMBERED, 2 * len(self.kept))
