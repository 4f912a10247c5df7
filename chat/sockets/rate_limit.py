"""Limit how often one person can act, over all their sockets in this process."""

import time
from collections import deque
from collections.abc import Callable

REMEMBERED = 10_000  # people; beyond it, those who have not acted lately are forgotten


class RateLimit:
    """Allow at most `most` actions in any `seconds` (wall)."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self.seconds, self.clock = most, seconds, clock
        self.times: dict[str, deque[float]] = {}
        self.clean_at = 0.0  # not before

    def allows(self, who: str) -> bool:
        """Return True, and count it, if one more action is allowed now. A refused action does not count."""
        now = self.clock()
        if len(self.times) > REMEMBERED and now >= self.clean_at:
            self.times = {key: times for key, times in self.times.items() if times[-1] > now - self.seconds}
            self.clean_at = now + self.seconds
        times = self.times.setdefault(who, deque())
        while times and times[0] <= now - self.seconds:
            times.popleft()
        if len(times) >= self.most:
            return False
        times.append(now)
        return True
