"""Every wait for PostgreSQL ends: for an answer, a lock, a connection, and also when it is frozen or swallowed."""

import copy
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connections
from psycopg_pool import TooManyRequests

from pizzaProj import patience, settings, waits
from pizzaProj.postgresql import outage
from pizzaProj.postgresql.base import DatabaseWrapper
from pizzaProj.tests.own_postgresql import OwnPostgreSQL, swallowing_proxy
from pizzaProj.tests.test_stack import await_that, free_port

ROOM_SECONDS = 2.0  # beyond a limit, for a slow machine


@pytest.fixture(scope="module")
def running_server() -> Iterator[OwnPostgreSQL]:
    made = OwnPostgreSQL(free_port())
    yield made
    made.remove()


@pytest.fixture
def server(running_server: OwnPostgreSQL) -> Iterator[OwnPostgreSQL]:
    """Return the server, thawed, with nothing remembered of an outage."""
    outage.note_answer()
    yield running_server
    running_server.thaw()
    outage.note_answer()


@pytest.fixture
def connect(server: OwnPostgreSQL, django_db_blocker: Any) -> Iterator[Callable[..., DatabaseWrapper]]:
    """Return a function that makes a connection of Django's own to the server, as the web or a command has it."""
    made: list[DatabaseWrapper] = []

    def connect(is_web: bool = False, port: int = server.port, asked: Any = ()) -> DatabaseWrapper:
        values = copy.deepcopy(connections.settings["default"])
        values |= {"HOST": "127.0.0.1", "PORT": port, "USER": "postgres", "PASSWORD": "", "NAME": "postgres"}
        values |= {
            "OPTIONS": settings.postgresql_options(dict(asked), is_web),
            "CONN_MAX_AGE": 0,
            "ENGINE": "pizzaProj.postgresql",
        }
        made.append(DatabaseWrapper(values, alias=f"own-{len(made)}"))
        made[-1].inc_thread_sharing()
        return made[-1]

    with django_db_blocker.unblock():
        yield connect
        server.thaw()
        for one in made:
            one.close()
            if one.alias in one._connection_pools:
                one._connection_pools.pop(one.alias).close()


def ask(database: DatabaseWrapper, sql: str = "SELECT 1") -> object:
    with database.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def run(database: DatabaseWrapper, sql: str) -> None:
    with database.cursor() as cursor:
        cursor.execute(sql)


def seconds_until_refused(verb: Callable[[], object]) -> float:
    begun = time.monotonic()
    with pytest.raises(OperationalError):
        verb()
    return time.monotonic() - begun


# Each wait


@pytest.mark.parametrize(
    ("is_web", "limits"),
    [
        (True, ["3s", "3500ms", "5s"]),
        (False, ["3s", "0", "1min"]),  # a command takes as long as it takes, but never waits for a lock for ever
    ],
)
def test_the_server_knows_the_limits(connect, is_web, limits):
    database = connect(is_web)
    names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    assert [ask(database, f"SHOW {name}") for name in names] == limits


def test_what_the_address_asks_for_stays(connect):
    database = connect(asked={"application_name": "shop", "options": "-c lock_timeout=1234"})
    assert [ask(database, f"SHOW {name}") for name in ("application_name", "lock_timeout")] == ["shop", "1234ms"]


def test_a_frozen_server_ends_a_statement(connect, server):
    database = connect(is_web=True)
    ask(database)
    server.freeze()
    assert (
        seconds_until_refused(lambda: ask(database)) < waits.STATEMENT_SECONDS + waits.SILENCE_SECONDS + ROOM_SECONDS
    )
    assert seconds_until_refused(lambda: ask(database)) < 0.5  # the connection is closed
    database.close()
    assert seconds_until_refused(lambda: ask(database)) < 0.5  # and nobody waits for another one at once
    server.thaw()
    await_answer(database)


def test_a_frozen_server_ends_the_check_of_a_connection(connect, server):
    database = connect(is_web=True)
    ask(database)
    database.close()
    server.freeze()
    assert seconds_until_refused(lambda: ask(database)) < waits.POOL_SECONDS + ROOM_SECONDS


def test_a_frozen_server_ends_the_patience_of_a_request_once_for_all_its_statements(connect, server):
    database = connect(is_web=True)
    with patience.limited(1.0) as waiter:
        ask(database)
        assert waiter.left_seconds > 0.5
        server.freeze()
        waited = sum(seconds_until_refused(lambda: ask(database)) for _ in range(20))
    assert 0.5 < waited < 1.0 + ROOM_SECONDS


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
    ask(database)
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
