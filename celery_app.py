"""Define the Celery application: `celery -A celery_app worker -l info`."""

import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import billiard.pool
from celery import Celery, Task
from celery.app.amqp import AMQP
from celery.concurrency import get_implementation
from celery.signals import (
    after_setup_logger,
    after_setup_task_logger,
    beat_init,
    task_prerun,
    worker_init,
    worker_ready,
)
from django.conf import settings
from kombu.connection import Connection
from kombu.exceptions import OperationalError
from kombu.transport import TRANSPORT_ALIASES, redis
from kombu.utils.compat import detect_environment

import telemetry.messages  # noqa: F401  which sees each message
from broken import read_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pizzaProj.settings")

# A prefork child that ends waits for its parent to read its last result. A parent that is also ending no longer does
# that, so each Ctrl-C right after a task would take up to 30 s (300 times 0.1 s). One second is plenty.
billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 10

logger = logging.getLogger(__name__)

# How the shop starts its worker. Two processes: a link's work is Python on the CPU, and threads would share one core.
# They start as fast as threads (1.4 s) and take 170 MB instead of 110. Gossip and mingle are messages between workers.
POOL = ("--pool", "prefork", "--concurrency", "2", "--without-gossip", "--without-mingle")

RECONNECT_SECONDS = 1.0
CHECK_SECONDS = 1.0
last_check = threading.local()  # one per thread, like the connections


class ThriftyChannel(redis.Channel):
    """Keep one client. Kombu creates one for nearly every command it sends, which takes a tenth of a worker's time."""

    client_kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
        if self.client_kept is None or self.client_kept.connection_pool is not self.pool:
            self.client_kept = super()._create_client()  # type: ignore[no-untyped-call]
        return self.client_kept

    def _connparams(self, asynchronous: bool = False) -> Any:
        """Limit connecting to a Unix socket as well: it waits where a server that hangs has a full queue."""
        params = super()._connparams(asynchronous)  # type: ignore[no-untyped-call]
        if "path" in params:
            params["socket_connect_timeout"] = self.socket_connect_timeout
        return params


class ThriftyTransport(redis.Transport):
    Channel = ThriftyChannel


# Registered by name: Kombu's pools create connections of their own class.
for name in ("redis", "rediss"):
    TRANSPORT_ALIASES[name] = f"{__name__}:ThriftyTransport"


class PatientConnection(Connection):
    """Try to reconnect to a lost broker once a second.

    Celery tries less and less often, down to every 30 s, and has no setting for it: after an outage the kitchen would
    stand still for that much longer.
    """

    def ensure_connection(self, *args: Any, **options: Any) -> Any:
        intervals = {f"interval_{name}": RECONNECT_SECONDS for name in ("start", "step", "max")}
        if "callback" in options:  # a worker's, called between two tries
            options["callback"] = alive_as_well(options["callback"])
        return super().ensure_connection(*args, **{**intervals, **options})  # type: ignore[no-untyped-call]


def alive_as_well(callback: Callable[[], None]) -> Callable[[], None]:
    """Return a callback that also gives a sign of life: who looks for the broker does not hang."""
    from pizzaProj.alive import alive  # that package imports this module

    def call_and_touch() -> None:
        callback()
        alive.touch()

    return call_and_touch


class PatientAMQP(AMQP):  # type: ignore[misc]
    """Connect patiently, and send with limits."""

    Connection = PatientConnection
    _producer_pool: Any = None

    def _create_task_sender(self) -> Any:
        from pizzaProj.messaging.broker import bounded  # which imports this module

        return bounded(super()._create_task_sender())

    @property
    def producer_pool(self) -> Any:
        from pizzaProj.messaging.broker import BoundedPool  # as above

        if self._producer_pool is None:  # likewise after a fork
            self._producer_pool = BoundedPool(self.app.pool, limit=self.app.pool.limit)  # type: ignore[no-untyped-call]
        return self._producer_pool


class ClockedTask(Task):  # type: ignore[misc]
    """A task whose messages are read by the database's clock."""

    abstract = True
    Request = "pizzaProj.messaging.messages:Message"


class Replaceable(ClockedTask):
    """A task whose message can be lost: a sweep, or beat the next time, sends another. So sending it never fails.

    Celery itself sends the next link of a chain when the link before has ended, a retry, and beat's tasks: each would
    log a traceback.
    """

    def apply_async(self, *args: Any, **options: Any) -> Any:
        try:
            return super().apply_async(*args, **options)
        except OperationalError as error:
            # A warning says when an outage begins, and another what it cost when it ends (pizzaProj.messaging.outage).
            logger.debug("Not sent: %s, %s", self.name, error)
            return None


class OwnSettings(Mapping[str, Any]):
    """Give Celery its own settings and none of the others.

    It lists all settings that it has in `celery report` and `celery inspect conf`, and masks only some passwords.
    """

    def __getitem__(self, name: str) -> Any:
        if not name.startswith("CELERY_") or not hasattr(settings, name):
            raise KeyError(name)
        return getattr(settings, name)

    def __iter__(self) -> Iterator[str]:
        return (name for name in dir(settings) if name.startswith("CELERY_"))

    def __len__(self) -> int:
        return len(list(iter(self)))


class ClockedCelery(Celery):  # type: ignore[misc]
    """Reckon by the database's clock: countdowns, when messages expire, and the schedule of beat."""

    task_cls = ClockedTask

    def now(self) -> datetime:
        from kitchen import clock

        return clock.now().astimezone(self.timezone)


app = ClockedCelery("pizzaProj", amqp=PatientAMQP)
app.config_from_object(OwnSettings(), namespace="CELERY")
app.autodiscover_tasks()
if "pizzaProj" not in sys.modules:
    # Not before there is an app: their package imports it. Where that package is what imports us, asgi.py or manage.py
    # has still to say what the settings depend on.
    read_settings()


if "celery.bin.control" in sys.modules:  # Celery's own command line, which otherwise knows only Celery's commands
    import kitchen.worker.inspection  # noqa: F401


@after_setup_logger.connect
@after_setup_task_logger.connect
def write_discreetly(logger: logging.Logger, **kwargs: Any) -> None:
    """Mask secrets in the log, and write nothing again and again."""
    from pizzaProj.logs import discreet  # that package imports this module

    discreet.cover(logger)


@after_setup_logger.connect
def refuse_damaged_file(**kwargs: Any) -> None:
    """End a worker or beat whose database is no database, before it fills the log with that."""
    from pizzaProj.sqlite import soundness  # that package imports this module

    soundness.refuse_damaged_file(settings.DATABASES["default"])


@worker_init.connect
def refuse_green_pools(sender: Any, **kwargs: Any) -> None:
    """End a worker with a green pool before it takes a task.

    When gevent or eventlet patches threads, the broadcast's event loop runs in a greenlet of the main thread. Django
    then sees a running loop in every task and refuses each query, and the links that the worker took are lost.
    """
    environment: str = detect_environment()  # type: ignore[no-untyped-call]
    if environment != "default" or get_implementation(sender.pool_cls).is_green:
        # Not an Exception: Celery would log that and start anyway.
        raise SystemExit(
            "The kitchen's tasks cannot run under gevent or eventlet. "
            "Start the worker with --pool prefork, threads or solo."
        )


@worker_init.connect
@beat_init.connect
def prepare_connections(**kwargs: Any) -> None:
    """Limit the statements of this process on PostgreSQL. It has no pool: each of its threads keeps a connection.

    Close what is open: beat has a connection without limits by now.
    """
    from django.db import connection

    from pizzaProj import waits

    if connection.vendor == "postgresql":
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        options = connection.settings_dict["OPTIONS"]
        options.pop("pool", None)  # which a DATABASE_PER_REQUEST in the environment would bring
        options["statement_seconds"] = waits.WORKER_STATEMENT_SECONDS
        connection.settings_dict["CONN_MAX_AGE"] = None


@worker_init.connect
def ask_for_the_time(**kwargs: Any) -> None:
    """Learn how far this machine's clock is from the database's before a message comes.

    Keep no connection. Celery closes the descriptor of every open one when a pool's process starts, also in a solo
    pool, where it was not inherited. The next file that is opened gets that number, and loses it when the connection
    is closed.
    """
    from django.db import connection

    from kitchen import clock

    clock.the_databases.ask_now_and_then()
    connection.close()


@worker_init.connect
def scan_no_more_what_stays(**kwargs: Any) -> None:
    """Leave out what was imported from all later scans for garbage, also in the processes of the pool.

    Reading thousands of orders makes so many objects that it sets off a full scan, which took a tenth of a second.
    """
    from pizzaProj import garbage

    garbage.set_aside()


@worker_ready.connect
def keep_asking_for_the_time(**kwargs: Any) -> None:
    """Go on with that in the process that receives the messages; those of the pool are told behind the lock."""
    from kitchen import clock

    clock.the_databases.keep_asking()


@task_prerun.connect
def drop_dead_connections(task: Any, **kwargs: Any) -> None:
    """Close dead database connections, since Celery is told to keep connections (CELERY_DB_REUSE_MAX).

    Checking a live one takes a query, so that is done once a second, and at once after an error.
    """
    from django.db import close_old_connections, connections

    now = time.monotonic()
    is_time = now - getattr(last_check, "at", -math.inf) >= CHECK_SECONDS
    if not task.request.is_eager and (is_time or any(one.errors_occurred for one in connections.all(True))):
        last_check.at = now
        close_old_connections()
