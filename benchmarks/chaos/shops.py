"""What every shop of the lab has, however it is put together: a folder, a menu, a door, and its books."""

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import redis
from celery import Celery
from kombu.exceptions import OperationalError as BrokerDown
from redis.backoff import NoBackoff
from redis.retry import Retry

from benchmarks.chaos.crowd import ask
from benchmarks.chaos.faults import Fault
from benchmarks.chaos.parts import Find, Part
from benchmarks.chaos.records import connect, select
from benchmarks.processes import ROOT

NOT_FOR_IT = (
    *("REDIS_URL", "LIVE_REDIS_URLS", "DATABASE_URL", "MEDIA_ROOT"),
    *("DEBUG", "HTTPS", "ALLOWED_HOSTS", "STATIC_HASHED"),
    *("ALARM_URL", "ALARM_EMAIL"),  # it is broken on purpose
)
MORE_PLACES = 4  # times the default shop's, so that the parts are tested and not the lines
MENU = ("Margherita", "Marinara", "Diavola")
PAGE_SECONDS = 10.0
AGAIN_SECONDS = 1.0  # from one start to the next, at least

T = TypeVar("T")


class Shop:
    """A shop made of parts. A kind of shop says which, and what can happen to them."""

    parts: list[Part]
    database: str  # its URL or its file, for the books
    broker: str  # its URL

    def __init__(self, folder: Path, port: int, speed: float) -> None:
        self.folder, self.port, self.speed = folder, port, speed
        self.notes: list[str] = []
        self.folders = [folder]
        self.logs = folder / "logs"
        self.logs.mkdir()
        ours = {name: value for name, value in os.environ.items() if name not in NOT_FOR_IT}
        self.environment = {**ours, "DATA_DIR": str(folder / "data")}
        self.restarts = Counter[str]()
        self._books: Any = None

    def faults(self) -> list[Fault]:
        raise NotImplementedError

    def webs(self) -> list[int]:
        """Return the processes of the webs."""
        raise NotImplementedError

    def processes(self) -> dict[str, int]:
        """Return {name: pid} of all that belongs to the shop alone."""
        raise NotImplementedError

    def mortal(self) -> dict[str, Find]:
        """Return the parts that can be killed, each with how to find its processes."""
        raise NotImplementedError

    def is_the_door(self, names: set[str]) -> bool:
        """Return whether no customer gets in while these parts are gone."""
        raise NotImplementedError

    def is_up(self) -> bool:
        """Return whether every part answers."""
        raise NotImplementedError

    def open(self) -> list[int]:
        """Start everything, and return once the door opens, with the pizzas that are on the menu."""
        raise NotImplementedError

    def start(self, part: Part) -> None:
        part.start(self.logs, self.environment)
        part.wait()

    def close(self) -> None:
        for part in reversed(self.parts):
            part.stop()

    def clear_away(self) -> None:
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self) -> None:
        """Start again whatever has ended, as a supervisor does. Its own children are a part's own affair."""
        for part in self.parts:
            if part.has_ended and time.monotonic() > part.started_at + AGAIN_SECONDS:
                self.restarts[part.name] += 1
                part.start(self.logs, self.environment)

    # Everything but database and broker, which a clock does not move

    @property
    def ours(self) -> list[Part]:
        return self.parts

    def close_ours(self) -> None:
        for part in reversed(self.ours):
            part.stop()

    def open_ours(self) -> None:
        for part in self.ours:
            part.start(self.logs, self.environment)
        for part in self.ours:
            part.wait()

    def page_answers(self) -> bool:
        return ask("page", self.port, PAGE_SECONDS, "GET", "/")[0].status == 200

    # The books

    def read(self, question: Callable[..., T], *arguments: Any) -> T:
        """Ask the database, past the shop. A connection that broke is replaced at the next question."""
        try:
            self._books = self._books or connect(self.database)
            return question(self._books, *arguments)
        except Exception:
            self._books = None  # to be opened again
            raise

    def migrate(self) -> None:
        command = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
        subprocess.run(command, cwd=ROOT, env=self.environment, check=True)

    def furnish(self, database: Any) -> list[int]:
        """Write a menu, the speed, and enough places. Return the pizzas."""
        now = "CURRENT_TIMESTAMP"
        for name in MENU:
            values = f"'{name}', '', 9, '', {'1' if self.is_sqlite else 'TRUE'}, {now}, {now}"
            columns = "name, description, price, image, on_menu, created_at, updated_at"
            database.execute(f"INSERT INTO home_pizza ({columns}) VALUES ({values})")
        database.execute(f"UPDATE kitchen_shop SET speed = {self.speed}")
        database.execute(f"UPDATE kitchen_station SET capacity = capacity * {MORE_PLACES}")
        database.commit()
        return [pk for (pk,) in select(database, "SELECT id FROM home_pizza ORDER BY id")]

    @property
    def is_sqlite(self) -> bool:
        return not self.database.startswith("postgres")


def workers_answer(broker: str, count: int) -> bool:
    """Ask all workers at this broker. A new connection each time: the last one may have died with the broker."""
    app = Celery(broker=broker, set_as_current=False)
    app.conf.broker_transport_options = {"socket_timeout": 1, "socket_connect_timeout": 1}
    try:
        return len(app.control.broadcast("ping", reply=True, timeout=1, limit=count)) >= count
    except (BrokerDown, redis.RedisError, OSError):
        return False
    finally:
        app.close()


def redis_answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=1) as server:
            return bool(server.ping())
    except redis.RedisError:
        return False
