"""Send the messages of tasks to the broker within a limit, however it fails."""

from collections.abc import Callable
from time import monotonic
from typing import Any

from celery._state import get_current_worker_task
from kombu.exceptions import LimitExceeded, OperationalError
from kombu.messaging import Producer
from kombu.pools import ProducerPool
from redis.exceptions import TimeoutError as NoAnswer

from pizzaProj import waits
from pizzaProj.messaging.outage import broker

Send = Callable[..., Any]

AWAY = "The broker does not answer"


class Paused(OperationalError, ConnectionError):
    """The broker did not answer a moment ago, so nothing is sent.

    It is a ConnectionError, too: a worker that greets the others makes its connection anew then, and goes on.
    """


class PooledProducer(Producer):
    """A producer with which anyone in the process can send; beat has one of its own."""


class BoundedPool(ProducerPool):
    """A process's producers, each with a connection. They are few, and can all be waiting."""

    Producer = PooledProducer

    def acquire(self, block: bool = False, timeout: float | None = None) -> Any:
        if broker.is_paused():
            raise Paused(AWAY)
        try:
            return super().acquire(block, timeout or waits.BROKER_PRODUCER_SECONDS)  # type: ignore[no-untyped-call]
        except LimitExceeded as error:
            broker.failed("all connections are waiting")
            raise Paused(AWAY) from error

    def _acquire_connection(self) -> Any:
        return self.connections.acquire(block=True, timeout=waits.BROKER_PRODUCER_SECONDS)


def bounded(send: Send) -> Send:
    """Return a function that sends each message once, and none for a moment after one that failed (see `outage`).

    All tasks go through it: the first link of a chain and the next ones, retries and beat's. The messages that workers
    exchange among themselves don't, as a worker makes its connection anew when one of them fails.
    """

    def send_bounded(producer: Producer, *args: Any, **options: Any) -> Any:
        # Asked here, behind the wait for a producer: of those who waited, only the first need find out.
        if not broker.may_try():
            raise Paused(AWAY)
        began = monotonic()
        try:
            result = send_on_live_connection(send, producer, *args, **options)
        except (
            *producer.connection.connection_errors,
            *producer.connection.channel_errors,
            OperationalError,
        ) as error:
            broker.failed(str(error) or type(error).__name__)
            raise
        broker.answered()
        if has_people(producer):
            broker.took(monotonic() - began)
        return result

    return send_bounded


def send_on_live_connection(send: Send, producer: Producer, *args: Any, **options: Any) -> Any:
    """Send a second time, on a new connection, if the old one was closed meanwhile, as by a restart.

    A silent connection counts as closed, except where people wait. After an outage the server is often back, and only
    the connection, which nobody used meanwhile, is dead.
    """
    try:
        return send(producer, *args, **options)
    except producer.connection.connection_errors as error:
        if isinstance(error, NoAnswer | TimeoutError) and has_people(producer):
            raise
        return send(producer, *args, **options)


def has_people(producer: Producer) -> bool:
    """Return whether people wait for this message: not in a worker or beat, which must go on where all is slow."""
    return isinstance(producer, PooledProducer) and get_current_worker_task() is None
