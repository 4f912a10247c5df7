"""Let few passwords be hashed at the same time: each takes 100 MB and a core for a moment."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from accounts.limits.too_many import Busy
from pizzaProj import limits, waits


class Gate:
    """A door with `at_once` places behind it, and a short queue in front."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._places = threading.Semaphore(at_once)
        self._queue = threading.Semaphore(at_once + waiting)

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Wait for a place. Raise Busy if the queue is full or does not move."""
        with held(self._queue, seconds=0), held(self._places, seconds=waits.HASH_QUEUE_SECONDS):
            yield


@contextmanager
def held(places: threading.Semaphore, seconds: float) -> Iterator[None]:
    if not places.acquire(timeout=seconds):
        raise Busy(waits.HASH_RETRY_SECONDS)
    try:
        yield
    finally:
        places.release()


gate = Gate(limits.HASHES_AT_ONCE, limits.HASHES_WAITING)
