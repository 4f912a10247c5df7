"""Writers on SQLite take turns: first come, first served. One that dies gives way; nobody waits for ever."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection, transaction

from home.models import Pizza
from pizzaProj import waits
from pizzaProj.sqlite import turn

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
        lock_file = os.fstat(connection.turn.file.descriptor).st_ino
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


# One that hangs


@contextmanager
def frozen_writer() -> Iterator[int]:
    """Let another process begin a transaction and stop in the middle of it."""
    connection.close()
    child = os.fork()
    if child == 0:
        with transaction.atomic():
            Pizza.objects.create(name="Never", price=9)
            os.kill(os.getpid(), signal.SIGSTOP)
            os._exit(0)
    os.waitpid(child, os.WUNTRACED)
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def await_that(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(waits, "TURN_SECONDS", 0.1)


def test_nobody_waits_for_ever_and_reading_goes_on(impatient):
    write("Before all")
    with frozen_writer():
        with pytest.raises(OperationalError, match=r"database is locked: no turn to write in 0\.1 s"):
            write("In vain")
        with pytest.raises(OperationalError, match="database is locked"):
            Pizza.objects.update(price=10)
        assert list(Pizza.objects.values_list("name", "price")) == [("Before all", 9)]
    waits.TURN_SECONDS = 10
    write("After all")
    assert list(Pizza.objects.values_list("name", "price")) == [("Before all", 9), ("After all", 9)]


def test_one_that_gave_up_never_gets_in_the_way(impatient):
    with frozen_writer():
        for _ in range(5):
            with pytest.raises(OperationalError):
                write("In vain")
        assert len(turn.free_places) == 1  # the next waiter took it over
    await_that(lambda: turn.free_places == [])
    waits.TURN_SECONDS = 10
    write("After all")
    assert Pizza.objects.get().name == "After all"


class Interrupted:
    """A lock whose wait is ended by Ctrl-C."""

    def acquire(self, timeout: float | None = None) -> None:
        if timeout is not None:
            raise KeyboardInterrupt

    def release(self) -> None:
        pass


def test_one_that_is_interrupted_never_gets_in_the_way(monkeypatch):
    with frozen_writer():
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(turn, "threading", SimpleNamespace(Lock=Interrupted))
            write("In vain")
        assert len(turn.free_places) == 1
    await_that(lambda: turn.free_places == [])
    write("After all")
    assert Pizza.objects.get().name == "After all"


def test_a_place_that_is_taken_over_still_counts(monkeypatch):
    """The one that gave up was the first in the line, so the one that comes now is."""
    monkeypatch.setattr(waits, "TURN_SECONDS", 0.1)
    with ThreadPoolExecutor() as pool:
        with frozen_writer():
            with pytest.raises(OperationalError):
                write("In vain")
            waits.TURN_SECONDS = 10
            waiting = pool.submit(write_in_a_thread, "After all")
            await_that(lambda: turn.free_places == [])
        waiting.result(10)
    assert Pizza.objects.get().name == "After all"


def test_a_statement_outside_a_transaction_takes_its_turn():
    with ThreadPoolExecutor() as pool, transaction.atomic():
        write("Before all")
        waiting = pool.submit(lambda: (Pizza.objects.update(price=10), connection.close()))
        lock_file = os.fstat(connection.turn.file.descriptor).st_ino
        await_queue(lock_file, 1)
    waiting.result(10)
    assert Pizza.objects.get().price == 10


def test_the_note_says_who_has_the_turn_and_when_it_was_last_at_work(monkeypatch):
    monkeypatch.setattr(turn, "RENEW_SECONDS", 0)
    began = time.monotonic()
    with transaction.atomic():
        write("Margherita")
        with turn.LockFile(connection.turn.file.path) as file:
            first = file.note()
            write("Marinara")
            second = file.note()
    with turn.LockFile(connection.turn.file.path) as file:
        assert file.note() is None
    assert first.pid == second.pid == os.getpid()
    assert began < first.at_seconds < second.at_seconds < time.monotonic()


def test_a_lock_file_that_cannot_be_opened_is_named():
    another = connection.copy()
    another.settings_dict["NAME"] = "/nowhere/db.sqlite3"
    with pytest.raises(OperationalError, match=r"unable to open /nowhere/db\.sqlite3-turn: No such file or directory"):
        another._take_turn()
