"""Judge each frame of a client before anything reads it: heard, refused in words, or one too many.

A frame is paid from three buckets: its socket's, its person's and its address's, each shared with the other sockets
of the same process. Whoever goes on after the refusals is closed with 4429; a client that is hurt by somebody else's
flood from its address sends too little for that.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from time import monotonic

from pizzaProj import limits
from realtime.buckets import Bucket, Buckets
from realtime.heartbeat import looks_like_heartbeat

TOO_MANY = 4429  # the close code
SLOW_DOWN = "Slow down, please: that was too much at once, and we did not read all of it."
TOO_MANY_FRAMES = "That was too much at once, so we closed this connection. Please come back in a little while."


class Verdict(Enum):
    HEARD = "heard"
    REFUSED = "refused"
    FLOOD = "flood"


class Pace:
    """What one socket has sent."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.frames = Bucket(limits.FRAMES_OF_SOCKET, limits.FRAMES_OF_SOCKET_A_SECOND, clock)
        self.refusals = Bucket(limits.FRAMES_REFUSED, limits.FRAMES_REFUSED_A_SECOND, clock)
        self.beats = Bucket(1, 1, clock)
        self.words = Bucket(1, limits.REFUSALS_A_SECOND, clock)

    def judge(self, text: str | None, person: str, address: str) -> Verdict:
        """Judge a frame by its length and its buckets alone. An empty person or address is nobody's."""
        if looks_like_heartbeat(text) and self.beats.take():
            return Verdict.HEARD
        if self.frames.take() and _is_paid(((of_people, person), (of_addresses, address))):
            return Verdict.HEARD
        return Verdict.REFUSED if self.refusals.take() else Verdict.FLOOD

    def is_worth_words(self) -> bool:
        """Return whether to say that a frame was refused: not for each of a thousand."""
        return self.words.take()


def _is_paid(shares: Iterable[tuple[Buckets, str]]) -> bool:
    return all(not key or buckets.take(key) for buckets, key in shares)


of_people = Buckets(limits.FRAMES_OF_PERSON, limits.FRAMES_OF_PERSON_A_SECOND)
of_addresses = Buckets(limits.FRAMES_OF_ADDRESS, limits.FRAMES_OF_ADDRESS_A_SECOND)
