"""How often a child may be started again, and after which pause."""

from collections import deque

PAUSES_SECONDS = (0.0, 1.0, 2.0, 4.0, 8.0)
FORGIVEN_SECONDS = 600.0  # an end that long ago no longer counts


class Restarts:
    """The ends of one child."""

    def __init__(self) -> None:
        self.ends: deque[float] = deque()

    def pause_seconds(self, now: float) -> float | None:
        """Count an end, and return the pause before the next start; None if the child has ended too often."""
        while self.ends and now - self.ends[0] > FORGIVEN_SECONDS:
            self.ends.popleft()
        self.ends.append(now)
        return PAUSES_SECONDS[len(self.ends) - 1] if len(self.ends) <= len(PAUSES_SECONDS) else None
