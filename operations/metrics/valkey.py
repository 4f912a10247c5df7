"""What Valkey knows: the counts of all processes, the queues, and the signs of life."""

from collections.abc import Iterator

from kombu.transport.redis import Channel
from prometheus_client.core import Metric

from celery_app import app
from operations.metrics.families import counted, gauge
from operations.signs import BEAT, SWEEP, WORKER, signs
from telemetry import stored


def read() -> Iterator[Metric]:
    yield from counted(stored.read(signs.connected()))
    yield from queues()
    ages = dict(zip((WORKER, BEAT, SWEEP), signs.ages([WORKER, BEAT, SWEEP]), strict=True))
    values = {(part,): age for part, age in ages.items() if age is not None}
    yield gauge("shop_sign_age_seconds", "How long ago a part gave its last sign of life.", ("part",), values)


def queues() -> Iterator[Metric]:
    pipeline = signs.connected().pipeline(transaction=False)
    for priority in Channel.priority_steps:
        pipeline.llen(queue_of(priority))
    pipeline.hlen(Channel.unacked_key)
    *lengths, taken = pipeline.execute()
    waiting = {(str(priority),): float(n) for priority, n in zip(Channel.priority_steps, lengths, strict=True)}
    help = "Messages that no worker has taken yet; priority 0 comes first."
    yield gauge("shop_queue_messages", help, ("priority",), waiting)
    help = "Messages that workers have taken and not begun, such as links whose time has not come."
    yield gauge("shop_queue_taken", help, (), {(): float(taken)})


def queue_of(priority: int) -> str:
    """Return the key of a queue, as Kombu names it."""
    name: str = app.conf.task_default_queue
    return f"{name}{Channel.sep}{priority}" if priority else name
