"""Copy SQLite's file while others write to it, and put a copy in its place.

The file itself is no backup: what was committed last is in another one, and a copy of both shows two moments. SQLite's
own copy is made inside a read transaction. In WAL mode that holds up no writer, and no writer makes it begin again.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any

from operations.backups.engine import Facts, Say, facts_of
from operations.backups.files import copy, create, sync_folder
from operations.backups.refused import Refused
from pizzaProj import waits

PAGES = 1000  # copied in one go, between two looks at Ctrl-C: a few milliseconds
DAMAGED = "The database file is damaged: a copy of it fails SQLite's own check."
DRAFT = ".restoring"
BESIDE = ("-wal", "-shm", "-journal")  # SQLite would read a stranger's into a database that it finds beside them


class SQLite:
    name = "sqlite"
    file = "db.sqlite3"

    def __init__(self, path: Path) -> None:
        self.path = path

    def refuse_nothing(self) -> None:
        if not self.path.exists():
            raise Refused(f"There is no shop here: {self.path} does not exist.")
        with closing(self.read()) as shop:
            if not has_column(shop, "django_migrations", "name"):
                raise Refused(f"There is no shop here: {self.path} has no tables.")

    def size_bytes(self) -> int:
        return self.path.stat().st_size

    def copy(self, target: Path, say: Say) -> Facts:
        create(target).close()
        with closing(self.read()) as shop, closing(connect(target)) as new:
            new.execute("PRAGMA synchronous = OFF")  # it is written down at the end, with all others
            shop.execute("BEGIN")
            shop.execute("SELECT 1 FROM sqlite_master").fetchone()  # from here on it sees this moment
            shop.backup(new, pages=PAGES, progress=progress(say))
            shop.execute("ROLLBACK")  # while it looks back, nothing in the shop's write-ahead log can be used again
            new.execute("PRAGMA journal_mode = DELETE")  # so that it is one file
            say("Checking the copy ...")
            refuse_unsound(new)
            tell_loose_ends(new, say)
            return facts_of_file(new)

    def facts(self) -> Facts:
        with closing(self.read()) as shop:
            return facts_of_file(shop)

    def refuse_occupied(self) -> None:
        if not self.path.parent.is_dir():
            raise Refused(f"There is no folder {self.path.parent}. Make it first, or look whether its disk is there.")
        for path in (self.path, *(self.path.with_name(self.path.name + ending) for ending in BESIDE)):
            if path.exists():
                raise Refused(f"There is a database already: {path}. Choose another place, or move that away.")

    def restore(self, source: Path, server: int, program: int, say: Say) -> None:
        draft = self.path.with_name(self.path.name + DRAFT)
        try:
            copy(source, draft)
            with closing(connect(draft)) as new:
                refuse_unsound(new)
            os.link(draft, self.path)  # not a rename: what is there by now stays
        except FileExistsError:
            self.refuse_occupied()
            raise
        finally:
            draft.unlink(missing_ok=True)

    def settle(self) -> None:
        sync_folder(self.path.parent)

    def read(self) -> sqlite3.Connection:
        return connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)


def connect(path: Any, **options: bool) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=waits.SQLITE_SECONDS, isolation_level=None, **options)


def progress(say: Say) -> Callable[[int, int, int], None]:
    """Return what SQLite calls after each step."""
    said = monotonic()

    def told(status: int, remaining: int, total: int) -> None:
        nonlocal said
        if monotonic() - said > waits.BACKUP_SAID_SECONDS:
            said = monotonic()
            say(f"  {100 * (total - remaining) // total} % of the database ...")

    return told


def refuse_unsound(file: sqlite3.Connection) -> None:
    if file.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
        raise Refused(DAMAGED)


def tell_loose_ends(file: sqlite3.Connection, say: Say) -> None:
    """Say that rows name others that are not there. They came into the shop past its own code, and are copied."""
    loose = file.execute("PRAGMA foreign_key_check").fetchall()
    if loose:
        tables = ", ".join(sorted({row[0] for row in loose}))
        say(f"Look at the shop's database: {len(loose)} rows name others that are not there ({tables}).")


def facts_of_file(file: sqlite3.Connection) -> Facts:
    return facts_of(lambda sql: file.execute(sql).fetchall(), lambda table, column: has_column(file, table, column))


def has_column(file: sqlite3.Connection, table: str, column: str) -> bool:
    found = file.execute("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", (table, column))
    return found.fetchone() is not None
