"""A connection that waits for an answer only so long.

A server that is frozen, or a proxy that swallows everything, still acknowledges what it is sent. Neither the server's
own limits nor those of TCP end such a wait: only a clock on this side does.
"""

from collections.abc import Generator
from time import monotonic
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

from pizzaProj import patience
from pizzaProj.postgresql import outage, plans

V = TypeVar("V")


class Silent(psycopg.OperationalError):
    """The database did not answer in time. What it was asked to do may have been done."""


class Connection(psycopg.Connection[Any]):
    limit_seconds: float | None = None  # for one answer
    plans: int  # the generation of its prepared statements (pizzaProj.postgresql.plans)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.plans = plans.generation()

    @classmethod
    def connect(cls, conninfo: str = "", **options: Any) -> Any:
        try:
            connection = super().connect(conninfo, **options)
        except psycopg.OperationalError:
            outage.note_refusal()
            raise
        outage.note_answer()
        return connection

    def wait(self, gen: PQGen[V], *args: Any, **kwargs: Any) -> V:
        """Wait for an answer; if it takes too long, close the connection and raise Silent."""
        waiter, limit = patience.present(), self.limit_seconds
        if waiter is not None and (limit is None or waiter.left_seconds < limit):
            limit = waiter.left_seconds
        if limit is None:
            return super().wait(gen, *args, **kwargs)
        begun = monotonic()
        try:
            answer = super().wait(until(begun + limit, gen), *args, **kwargs)
        except Silent:
            self.close()  # the answer could still come, and be taken for that to another question
            outage.note_silence(limit)
            raise
        finally:
            if waiter is not None:
                waiter.spend(monotonic() - begun)
        outage.note_answer()
        return answer


def until(deadline: float, gen: PQGen[V]) -> Generator[Any, Any, V]:
    """Do what the generator does, which psycopg resumes at least ten times a second. Raise Silent at the deadline.

    What has arrived is read first: a process that was frozen itself finds its answer behind the deadline.
    """
    try:
        wanted = next(gen)
        while True:
            wanted = gen.send((yield wanted))
            if monotonic() > deadline:
                raise Silent("the database did not answer in time")
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
