"""Give each side a database of its own: a file in the run's folder, or one on this machine's PostgreSQL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

SERVER = "host=127.0.0.1 port=5432 user=postgres dbname=postgres connect_timeout=3"


def postgresql_answers() -> bool:
    try:
        psycopg.connect(SERVER).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def database(engine: str, side: str, folder: Path) -> Iterator[str]:
    """Yield the URL of a new database, which is dropped afterwards."""
    if engine == "SQLite":
        path = folder / f"{side}.sqlite3"
        path.unlink(missing_ok=True)
        yield f"sqlite:///{path}"
        return
    name = f"pizza_bench_{side}_{os.getpid()}"
    create(name)
    try:
        yield url(name)
    finally:
        drop(name)


def url(name: str) -> str:
    return f"postgres://postgres@127.0.0.1:5432/{name}"


def create(name: str) -> None:
    on_server("CREATE DATABASE {}", name)


def drop(name: str) -> None:
    on_server("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def on_server(statement: str, name: str) -> None:
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
