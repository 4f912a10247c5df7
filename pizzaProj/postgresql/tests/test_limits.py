"""Every wait for PostgreSQL ends: for an answer, a lock, a connection, and also when it is frozen or swallowed."""

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError
from psycopg_pool import TooManyRequests

from pizzaProj import patience, waits
from pizzaProj.postgresql import outage
from pizzaProj.postgresql.base import DatabaseWrapper
from pizzaProj.postgresql.tests.server import ask, run, swallowing_proxy
from pizzaProj.tests.test_stack import await_that, environment

ROOM_SECONDS = 5.0  # beyond a limit, for a slow machine


def seconds_until_refused(verb: Callable[[], object]) -> float:
    begun = time.monotonic()
    with pytest.raises(OperationalError):
        verb()
    return time.monotonic() - begun


# Each wait


@pytest.mark.parametrize(
    ("is_web", "limits"),
    [
        (True, ["2s", "3s", "5s"]),
        (False, ["2s", "0", "1min"]),  # a command takes as long as it takes, but never waits for a lock for ever
    ],
)
def test_the_server_knows_the_limits(connect, is_web, limits):
    database = connect(is_web)
    await_answer(database)
    names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    assert [ask(database, f"SHOW {name}") for name in names] == limits


def test_the_statements_of_beat_and_workers_have_a_limit_too(server, tmp_path):
    """Beat has made a connection by the time that Celery says that it begins."""
    code = """if True:
        import django, celery_app; from django.db import connection
        django.setup(); connection.ensure_connection(); celery_app.beat_init.send(None)
        print(connection.cursor().execute("SHOW statement_timeout").fetchone()[0])"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(tmp_path, DATABASE_URL=f"{server.url}?connect_timeout=30"),
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["8s"], done.stderr


def test_what_the_address_asks_for_stays(connect):
    database = connect(asked={"application_name": "shop", "options": "-c lock_timeout=1234"})
    assert [ask(database, f"SHOW {name}") for name in ("application_name", "lock_timeout")] == ["shop", "1234ms"]


def test_a_frozen_server_ends_a_statement(connect, server, monkeypatch):
    monkeypatch.setattr(waits, "OUTAGE_SECONDS", 60.0)
    database = connect(is_web=True)
    await_answer(database)
    server.freeze()
    assert (
        seconds_until_refused(lambda: ask(database)) < waits.STATEMENT_SECONDS + waits.SILENCE_SECONDS + ROOM_SECONDS
    )
    with pytest.raises(OperationalError, match="the connection is closed"):
        ask(database)
    database.close()
    with pytest.raises(OperationalError, match="did not answer a moment ago"):  # nobody waits in turn
        ask(database)
    server.thaw()
    outage.note_answer()
    await_answer(database)


def test_a_frozen_server_ends_the_check_of_a_connection(connect, server):
    database = connect(is_web=True)
    await_answer(database)
    database.close()
    server.freeze()
    assert seconds_until_refused(lambda: ask(database)) < waits.POOL_SECONDS + ROOM_SECONDS


def test_a_frozen_server_ends_the_patience_of_a_request_once_for_all_its_statements(connect, server):
    database = connect(is_web=True)
    await_answer(database)
    with patience.limited(1.0):
        server.freeze()
        waited = sum(seconds_until_refused(lambda: ask(database)) for _ in range(20))
    assert waited < 1.0 + ROOM_SECONDS


def test_bytes_that_are_swallowed_end_a_statement(connect, server):
    with swallowing_proxy(server.port) as (port, swallows):
        database = connect(port=port, asked={"statement_seconds": 0.5})
        ask(database)
        swallows.set()
        assert seconds_until_refused(lambda: ask(database)) < 1.0 + ROOM_SECONDS
        swallows.clear()
        await_answer(database)


def test_a_command_has_all_the_time_that_it_needs_but_not_for_a_lock(connect):
    holder, command = connect(), connect()
    run(holder, "CREATE TABLE dough (id int)")
    holder.set_autocommit(False)
    run(holder, "LOCK TABLE dough IN ACCESS SHARE MODE")
    waited = seconds_until_refused(lambda: run(command, "ALTER TABLE dough ADD COLUMN more int"))
    holder.rollback()
    run(command, "DROP TABLE dough")
    assert waited < waits.LOCK_SECONDS + ROOM_SECONDS


# The pool


def test_a_request_too_many_is_refused_at_once(connect, monkeypatch):
    monkeypatch.setattr(waits, "POOL_WAITING", 2)
    monkeypatch.setattr(waits, "POOL_SECONDS", 60.0)
    database = connect(is_web=True)
    pool = database.pool
    assert pool is not None
    pool.open()
    taken = [pool.getconn() for _ in range(pool.max_size)]
    with ThreadPoolExecutor() as threads:
        waiting = [threads.submit(pool.getconn) for _ in range(2)]
        await_that(lambda: pool.get_stats()["requests_waiting"] == 2)
        with pytest.raises(TooManyRequests):
            pool.getconn()
        for one in taken[:2]:
            pool.putconn(one)
        for one in [*taken[2:], *(found.result() for found in waiting)]:
            pool.putconn(one)


def test_whoever_gave_up_waiting_does_not_count_as_waiting(connect, server, monkeypatch):
    """During an outage, psycopg's pool keeps them in its queue, refuses all others, and never connects again."""
    monkeypatch.setattr(waits, "POOL_SECONDS", 0.1)
    monkeypatch.setattr(waits, "POOL_WAITING", 3)
    monkeypatch.setattr(waits, "OUTAGE_SECONDS", 0.0)
    database = connect(is_web=True)
    await_answer(database)
    server.stop()
    database.close()
    try:
        for _ in range(waits.POOL_WAITING + 2):
            database.close()
            with pytest.raises(OperationalError):
                ask(database)
        assert database.pool is not None and database.pool.get_stats()["requests_waiting"] == 0
    finally:
        server.start()
    await_answer(database)


def await_answer(database: DatabaseWrapper, within_seconds: float = 10) -> None:
    """Ask until there is an answer, which is the bar: within ten seconds of the end of a fault."""
    deadline = time.monotonic() + within_seconds
    while True:
        database.close()
        try:
            assert ask(database) == 1
            return
        except OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
