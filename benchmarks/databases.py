"""Give each side a database of its own: a file in the run's folder, or one on a PostgreSQL."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.chaos.postgresql import PostgreSQL, programs
from benchmarks.engines import cpu


@dataclass(frozen=True)
class Server:
    """A PostgreSQL, by default this machine's."""

    port: int = 5432
    pid: int | None = None  # of the process from which all others come; None if it can't be known

    @property
    def version(self) -> str:
        with psycopg.connect(self.url("postgres")) as connection:
            return connection.info.parameter_status("server_version") or "?"

    def url(self, name: str) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{name}"

    def create(self, name: str) -> None:
        self.run("CREATE DATABASE {}", name)

    def drop(self, name: str) -> None:
        self.run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def run(self, statement: str, name: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


@contextmanager
def postgresql(folder: Path) -> Iterator[Server | None]:
    """Yield a PostgreSQL of the run's own, so that nobody else's work is counted; else this machine's, else None.

    It has the settings that it comes with, so commits are as durable as anywhere.
    """
    found = programs()
    if found is None:
        yield machines()
        return
    server = PostgreSQL(found, more=())
    try:
        server.start(folder, dict(os.environ))
        server.wait()
        yield Server(server.port, server.pids()[0])
    finally:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)


def machines() -> Server | None:
    """Return the PostgreSQL that answers at 127.0.0.1:5432 for the user `postgres`."""
    try:
        with psycopg.connect(Server().url("postgres"), connect_timeout=3) as connection:
            return Server(pid=cpu.parent_of(connection.info.backend_pid))
    except psycopg.OperationalError:
        return None


@contextmanager
def database(server: Server | None, side: str, folder: Path) -> Iterator[str]:
    """Yield the URL of a new database, which is dropped afterwards: on a server, or a file of SQLite."""
    if server is None:
        path = folder / f"{side}.sqlite3"
        path.unlink(missing_ok=True)
        yield f"sqlite:///{path}"
        return
    name = f"pizza_bench_{side}_{os.getpid()}"
    server.create(name)
    try:
        yield server.url(name)
    finally:
        server.drop(name)
