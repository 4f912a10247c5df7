"""Writers on SQLite take turns: first come, first served, and a writer that dies gives way."""

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection, transaction

from home.models import Pizza

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL lets in many writers at once"),
]

LOCKS = Path("/proc/locks")


def write(name):
    with transaction.atomic():
        Pizza.objects.create(name=name, price=9)


def write_in_a_thread(name):
    write(name)
    connection.close()


def await_queue(lock_file, length):
    """Wait for a queue of this length at the lock file in the kernel's list: "-> FLOCK ADVISORY WRITE 93 08:01:7"."""
    deadline = time.monotonic() + 10
    while len(re.findall(f"-> FLOCK .*:{lock_file} ", LOCKS.read_text())) < length:
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.skipif(not LOCKS.exists(), reason="Reads Linux's list of locks")
def test_the_first_to_arrive_writes_first():
    names = [f"Pizza {number}" for number in range(5)]
    with ThreadPoolExecutor(len(names)) as pool, transaction.atomic():
        write("Before all")  # no need to wait: it is our turn
        lock_file = os.fstat(connection.turn).st_ino
        for length, name in enumerate(names, start=1):
            pool.submit(write_in_a_thread, name)
            await_queue(lock_file, length)
    assert list(Pizza.objects.order_by("pk").values_list("name", flat=True)) == ["Before all", *names]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_transaction_that_fails_gives_way(error):
    with pytest.raises(error), transaction.atomic():
        Pizza.objects.create(name="Never", price=9)
        raise error
    with ThreadPoolExecutor() as pool:
        pool.submit(write_in_a_thread, "After all").result(10)
    assert list(Pizza.objects.values_list("name", flat=True)) == ["After all"]


def test_a_connection_that_is_closed_in_a_transaction_gives_way():
    with transaction.atomic():
        connection.close()
    write("After all")
    assert Pizza.objects.filter(name="After all").exists()


def test_a_process_that_dies_in_a_transaction_gives_way():
    connection.close()
    child = os.fork()
    if child == 0:
        with transaction.atomic():
            Pizza.objects.create(name="Never", price=9)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    write("After all")
    assert list(Pizza.objects.values_list("name", flat=True)) == ["After all"]
