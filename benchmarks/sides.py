"""The two sides of the comparison: how each is started, on a database of its own and one Valkey."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.databases import Server, database
from benchmarks.processes import Helper, Process, helping, running
from celery_app import POOL

# Settings of the caller's own shop, which must not reach ours
OWN_SETTINGS = (
    *("DATA_DIR", "DATABASE_URL", "REDIS_URL", "LIVE_REDIS_URLS", "DATABASE_PER_REQUEST", "DEBUG", "HTTPS"),
    *("ALARM_URL", "ALARM_EMAIL"),  # it has no beat, which would be an alarm
)
MANY_SOCKETS = 20_000  # all watchers are at one address


@dataclass
class Side:
    name: str
    settings: str
    driver: str
    asgi: str
    celery: str
    folder: Path
    database_url: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def migrate(self, database_url: str, valkey_socket: str) -> Process:
        """Use this database from now on. The returned process creates its tables."""
        self.database_url = database_url
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in OWN_SETTINGS},
            "DJANGO_SETTINGS_MODULE": self.settings,
            "DATA_DIR": str(self.folder),
            "DATABASE_URL": database_url,
            "REDIS_URL": f"unix://{valkey_socket}",
            "VALKEY_SOCKET": valkey_socket,
            "SOCKETS_PER_ADDRESS": str(MANY_SOCKETS),
        }
        command = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
        return Process(command, self.log("migrate"), self.environment)

    @contextmanager
    def drive(self, module: str | None = None) -> Iterator[Helper]:
        """Start a process that knows the side from within: its own driver, or another one."""
        helper = Helper(
            "benchmarks.drive", module or self.driver, log=self.log("driver"), environment=self.environment
        )
        with helping(helper):
            yield helper

    @contextmanager
    def worker(self, options: Sequence[str] = POOL, name: str = "worker") -> Iterator[Process]:
        """Start Celery. It is ready when the first order has gone through."""
        words = ["worker", "--hostname", f"{name}@%h", *options, "--loglevel", "warning"]
        command = [sys.executable, "-m", "celery", "-A", self.celery, *words]
        with running(Process(command, self.log(name), self.environment)) as process:
            yield process

    @contextmanager
    def web(self, port: int, options: Sequence[str] = (), name: str = "web") -> Iterator[Process]:
        """Start Daphne."""
        endpoint = f"tcp:port={port}:interface=127.0.0.1:backlog=4096"
        patience = ["--websocket_connect_timeout", "30"]
        command = [sys.executable, "-m", "daphne", "-v", "0", *patience, *options, "-e", endpoint, self.asgi]
        with running(Process(command, self.log(name), self.environment)) as process:
            yield process

    @contextmanager
    def beat(self) -> Iterator[Process]:
        command = [sys.executable, "-m", "celery", "-A", self.celery, "beat", "--loglevel", "warning"]
        with running(Process(command, self.log("beat"), self.environment)) as process:
            yield process

    def log(self, name: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{name}.log"


def both(folder: Path) -> tuple[Side, Side]:
    """Return this shop and the tutorial's."""
    return (
        Side(
            name="ours",
            settings="pizzaProj.settings",
            driver="benchmarks.ours",
            asgi="pizzaProj.asgi:application",
            celery="celery_app",
            folder=folder / "ours",
        ),
        Side(
            name="tutorial",
            settings="benchmarks.tutorial.settings",
            driver="benchmarks.tutorial.driver",
            asgi="benchmarks.tutorial.asgi:application",
            celery="benchmarks.tutorial.celery_app",
            folder=folder / "tutorial",
        ),
    )


@contextmanager
def prepared(server: Server | None, folder: Path, valkey_socket: str) -> Iterator[list[tuple[Side, Helper]]]:
    """Yield both sides with tables, and a driver for each."""
    sides = both(folder)
    with ExitStack() as stack:
        urls = [stack.enter_context(database(server, side.name, folder)) for side in sides]
        migrations = [side.migrate(url, valkey_socket) for side, url in zip(sides, urls, strict=True)]
        for process in migrations:
            process.wait_for_end()
        yield [(side, stack.enter_context(side.drive())) for side in sides]
