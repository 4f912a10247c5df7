"""Clients that leave while their requests wait for the database: the web keeps answering all others."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection

from home.models import Order, Pizza
from pizzaProj import shielded
from pizzaProj.shielded import Shielded
from pizzaProj.tests.test_stack import await_that, free_port

CLIENTS = 20  # twice as many as the pool has connections
PATIENCE_SECONDS = 0.5
CLOSE_SECONDS = 1  # until Daphne cancels the request of a client that left; by default 10


@pytest.fixture
def web(valkey: object, tmp_path: Path) -> Iterator[str]:
    """Run Daphne on this test's database and yield its address."""
    url = f"http://127.0.0.1:{free_port()}/"
    command = [sys.executable, "-m", "daphne", "--application-close-timeout", str(CLOSE_SECONDS), "-p", url[17:-1]]
    database = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
    with open(tmp_path / "web.log", "wb") as log:
        process = subprocess.Popen(
            [*command, "pizzaProj.asgi:application"],
            env={**os.environ, "DATABASE_URL": database},
            cwd=settings.BASE_DIR,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        await_that(lambda: answers(url))
        yield url
    finally:
        process.kill()
        process.wait()


def answers(url: str, body: object = None, timeout_seconds: float = 5) -> bool:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout_seconds) as answer:
            return answer.status < 300
    except OSError:
        return False


@contextmanager
def stalled_kitchen() -> Iterator[None]:
    """Hold the rows that every verb of the kitchen locks."""
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as holder:
        holder.execute("SELECT FROM kitchen_shop FOR UPDATE")
        holder.execute("SELECT FROM kitchen_station FOR UPDATE")
        yield


def sessions_waiting_for_a_lock() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s",
            [connection.settings_dict["NAME"]],
        )
        return int(cursor.fetchone()[0])


@pytest.mark.slow
@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no pool of connections")
def test_connections_come_back_from_the_requests_of_clients_that_left(
    web: str, margherita: Pizza, tmp_path: Path
) -> None:
    with stalled_kitchen():
        with ThreadPoolExecutor(CLIENTS) as clients:
            order = web + "api/order/", {"id": margherita.pk}, PATIENCE_SECONDS
            assert not any(clients.map(lambda _: answers(*order), range(CLIENTS)))
        log = tmp_path / "web.log"
        await_that(lambda: "took too long to shut down" in log.read_text())  # those that wait for the kitchen's lock
        await_that(lambda: sessions_waiting_for_a_lock() == 0)  # until their limit; Daphne cancels them every second
    assert [answers(web) for _ in range(12)] == [True] * 12
    assert [answers(*order) for _ in range(2)] == [True, True]
    assert Order.objects.count() >= 2


async def test_a_request_goes_on_when_the_server_cancels_it() -> None:
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def application(scope: object, receive: object, send: object) -> None:
        begun.set()
        await may_end.wait()
        ended.set()

    request = asyncio.ensure_future(Shielded(application)({"type": "http"}, None, None))
    await begun.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    may_end.set()
    await asyncio.wait_for(ended.wait(), 5)


async def test_a_request_that_breaks_gives_its_connection_back(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def note_thread() -> None:
        threads.append(threading.get_ident())

    monkeypatch.setattr(shielded, "close_old_connections", note_thread)

    async def application(scope: object, receive: object, send: object) -> None:
        await sync_to_async(note_thread)()
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        await Shielded(application)({"type": "http"}, None, None)
    used_by_the_view, closed = threads
    assert closed == used_by_the_view != threading.get_ident()
