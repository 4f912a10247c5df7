"""Send messages to the broker within a limit, however it fails."""

from time import monotonic
from typing import Any

from celery._state import get_current_worker_task
from kombu.exceptions import OperationalError
from kombu.messaging import Producer
from redis.exceptions import TimeoutError as NoAnswer

from pizzaProj.outage import broker


class Paused(OperationalError):
    """The broker did not answer a moment ago, so nothing is sent."""


class BoundedProducer(Producer):
    """Send each message once, and send none for a moment after one that failed (see `outage`).

    Each of Celery's ways to send goes through here: tasks, the next link of a chain, retries, beat and pings.
    """

    def publish(self, *args: Any, **options: Any) -> Any:
        if not broker.may_try():
            raise Paused("The broker does not answer")
        began = monotonic()
        try:
            result = self._publish_on_live_connection(*args, **{**options, "retry": False})
        except self.connection.connection_errors + self.connection.channel_errors as error:
            broker.failed(str(error) or type(error).__name__)
            raise
        except OperationalError as error:  # the connection could not be made
            broker.failed(str(error))
            raise
        broker.answered()
        if get_current_worker_task() is None:  # nobody waits for a worker, which must not stop because it is slow
            broker.took(monotonic() - began)
        return result

    def _publish_on_live_connection(self, *args: Any, **options: Any) -> Any:
        """Try a second time if the connection was closed meanwhile, as by a restart, but not if it is silent."""
        try:
            return super().publish(*args, **options)  # type: ignore[no-untyped-call]
        except self.connection.connection_errors as error:
            if isinstance(error, NoAnswer | TimeoutError):
                raise
            return super().publish(*args, **options)  # type: ignore[no-untyped-call]
