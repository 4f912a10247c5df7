"""The web's pool of connections: whoever has left its queue is forgotten at once."""

from collections import deque

from psycopg_pool import ConnectionPool, PoolTimeout

from pizzaProj import patience, waits
from pizzaProj.postgresql import outage
from pizzaProj.postgresql.connection import Connection


class Pool(ConnectionPool[Connection]):
    def getconn(self, timeout: float | None = None) -> Connection:
        """Return a connection that works. The check of one that no longer does has the same limit as the wait."""
        outage.refuse()
        with patience.limited(waits.POOL_SECONDS) as waiter:
            seconds = waiter.left_seconds
            try:
                return super().getconn(seconds)
            except PoolTimeout:
                self._forget_who_left()
                outage.note_silence(seconds)
                raise

    def _forget_who_left(self) -> None:
        """Take those out of the queue who no longer wait.

        psycopg does that only when it has a connection for them. During an outage they would count as waiting, so that
        everybody else is refused, and the pool would never be told to connect again.
        """
        with self._lock:
            self._waiting = deque(one for one in self._waiting if one.error is None)
