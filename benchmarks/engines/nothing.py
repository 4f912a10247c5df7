"""A Celery task that does nothing. `python -m benchmarks.engines.nothing` sends it."""

import os
import time

import redis
from celery import Celery

from benchmarks.engines.answering import answer

POLL_SECONDS = 0.02
DATABASE = 2  # of Valkey: ours is 0, the tutorial's 1
socket = os.environ["VALKEY_SOCKET"]

app = Celery("nothing", broker=f"redis+socket://{socket}?virtual_host={DATABASE}")
app.conf.task_ignore_result = True


@app.task(name="nothing")
def nothing() -> None:
    """Do nothing."""


def send(tasks: int) -> float:
    """Send a message for each task. Return the processor time that this took, in seconds."""
    began = time.process_time()
    for _ in range(tasks):
        nothing.delay()
    return time.process_time() - began


def wait() -> None:
    """Wait until no message is left, neither in the queue nor taken and not yet acknowledged."""
    client = redis.Redis(unix_socket_path=socket, db=DATABASE)
    while client.llen("celery") or client.hlen("unacked"):
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    answer(send=send, wait=wait)
