"""A shop that a test can destroy: a data folder and a database of its own, SQLite or PostgreSQL as the tests have."""

import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from asgiref.sync import SyncToAsync
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import sql

from operations.backups import files
from operations.backups.postgresql import parameters
from pizzaProj import embedded

KEY = "a key that was made for this shop alone, and is known to nobody else: 7"


class Place:
    """Where the shop is. `move` goes to an empty folder and an empty database, as on another machine."""

    def __init__(self, parent: Path, settings: Any) -> None:
        self.parent, self.settings = parent, settings
        self.databases: list[str] = []
        self.number = 0

    @property
    def folder(self) -> Path:
        return self.parent / f"shop-{self.number}"

    def move(self, template: str | None = None) -> None:
        close_connections()
        self.number += 1
        self.folder.mkdir(mode=0o700)
        self.settings.DATA_DIR, self.settings.MEDIA_ROOT = self.folder, str(self.folder / "media")
        if connection.vendor == "sqlite":
            connection.settings_dict["NAME"] = new_file(self.folder / "db.sqlite3", template)
        else:
            self.databases.append(new_database(template))
            connection.settings_dict["NAME"] = self.databases[-1]

    def destroy(self) -> None:
        close_connections()
        shutil.rmtree(self.folder)
        for name in self.databases:
            on_server("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        self.databases.clear()

    def files(self) -> dict[str, bytes]:
        """Return the pictures and the key."""
        paths = [self.folder / "secret_key", *(self.folder / "media").rglob("*.*")]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths if path.is_file()}


def close_connections() -> None:
    """Close this thread's connection, and that of the thread in which the async tests use the database.

    PostgreSQL is told to end the others. A thread that goes on with an ended connection fails in the next test.
    """
    connection.close()
    SyncToAsync.single_thread_executor.submit(lambda: connection.close()).result(timeout=30)


def new_file(path: Path, template: str | None) -> Path:
    """Return the path of a new database; without a template there is no file yet."""
    if template is not None:
        with closing(sqlite3.connect(template)) as old, closing(sqlite3.connect(path)) as new:
            old.backup(new)
    return path


def new_database(template: str | None) -> str:
    name = f"backup_test_{secrets.token_hex(6)}"
    with psycopg.connect(**at("postgres"), autocommit=True) as server:
        if template is not None:  # what a pool's threads have left open cannot be closed from here
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [template])
        made_from = sql.Identifier(template or "template0")
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), made_from))
    return name


def on_server(statement: str, name: str) -> None:
    with psycopg.connect(**at("postgres"), autocommit=True) as server:
        server.execute(sql.SQL(statement).format(sql.Identifier(name)))


def at(name: str) -> dict[str, Any]:
    known = ("host", "port", "user", "password")
    return {key: value for key, value in parameters().items() if key in known} | {"dbname": name}


@contextmanager
def own_place(parent: Path, settings: Any) -> Iterator[Place]:
    """Move from the tests' database to a copy of it, and back."""
    before = connection.settings_dict["NAME"]
    place = Place(parent, settings)
    try:
        place.move(template=str(before))
        yield place
    finally:
        place.destroy()
        connection.settings_dict["NAME"] = before


def rows() -> dict[str, list[Any]]:
    """Return all rows of all tables."""
    with connection.cursor() as cursor:
        found = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found[table] = sorted(cursor.fetchall(), key=repr)
        return found


def refused(*command: str) -> tuple[str, int]:
    """Return what a command says that ends with an error, and its exit code."""
    try:
        call_command(*command)
    except CommandError as error:
        return str(error), error.returncode
    raise AssertionError("It was not refused.")


def content(path: Path) -> dict[str, bytes]:
    """Return all files below a folder but the empty lock of the data folder."""
    names = set(files.within(path)) - {embedded.LOCK}
    return {name: (path / name).read_bytes() for name in names}
