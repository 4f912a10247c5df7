"""Copy SQLite's file while others write to it, and put a copy in its place.

The file itself is no backup: what was committed last is in another one, and a copy of both shows two moments. SQLite's
own copy is made inside a read transaction. In WAL mode that holds up no writer, and no writer makes it begin again.

The archive comes second: what moves there meanwhile is in both copies, and never in none. A restore brings it first,
as the shop's own file must be the last to appear.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from time import monotonic
from typing import Any

from archive.databases.sqlite import path_beside
from operations.backups.engine import Facts, Say, facts_of
from operations.backups.files import copy, create, entry_of, sync_folder
from operations.backups.manifest import ARCHIVE
from operations.backups.refused import Refused
from pizzaProj import waits

PAGES = 1000  # copied in one go, between two looks at Ctrl-C: a few milliseconds
DAMAGED = "The database file is damaged: a copy of it fails SQLite's own check."
ANOTHER_ARCHIVE = "There is an archive already: {}. Choose another place, or move that away."
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
        with closing(read(self.path)) as shop:
            if not has_column(shop, "django_migrations", "name"):
                raise Refused(f"There is no shop here: {self.path} has no tables.")

    @property
    def archive(self) -> Path:
        return path_beside(self.path)

    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in (self.path, self.archive) if path.exists())

    def copy(self, target: Path, say: Say) -> Facts:
        with closing(copied(self.path, target, say)) as new:
            tell_loose_ends(new, say)
            facts = facts_of_file(new)
        if self.archive.exists():
            say("Archive ...")
            copied(self.archive, target.with_name(ARCHIVE), say).close()
        return facts

    def facts(self) -> Facts:
        with closing(read(self.path)) as shop:
            return facts_of_file(shop)

    def refuse_occupied(self) -> None:
        if not self.path.parent.is_dir():
            raise Refused(f"There is no folder {self.path.parent}. Make it first, or look whether its disk is there.")
        for path in (self.path, *beside(self.path), *beside(self.archive)):
            if path.exists():
                raise Refused(f"There is a database already: {path}. Choose another place, or move that away.")

    def restore(self, source: Path, server: int, program: int, say: Say) -> None:
        archive = source.with_name(ARCHIVE)
        with ExitStack() as undo:
            if archive.exists():
                self.restore_archive(archive, undo)
            elif self.archive.exists():
                raise Refused(ANOTHER_ARCHIVE.format(self.archive))
            try:
                put(source, self.path)
            except FileExistsError:
                self.refuse_occupied()
                raise
            undo.pop_all()

    def restore_archive(self, source: Path, undo: ExitStack) -> None:
        """Restore the archive. The very same one can be there: a restore that was killed has brought it."""
        try:
            put(source, self.archive)
            undo.callback(self.archive.unlink, missing_ok=True)
        except FileExistsError:
            if entry_of(self.archive) != entry_of(source):
                raise Refused(ANOTHER_ARCHIVE.format(self.archive)) from None

    def settle(self) -> None:
        sync_folder(self.path.parent)


def copied(path: Path, target: Path, say: Say) -> sqlite3.Connection:
    """Copy one state of a file that others write to, look whether it is sound, and return it open."""
    create(target).close()
    new = connect(target)
    try:
        with closing(read(path)) as old:
            new.execute("PRAGMA synchronous = OFF")  # it is written down at the end, with all others
            old.execute("BEGIN")
            old.execute("SELECT 1 FROM sqlite_master").fetchone()  # from here on it sees this moment
            old.backup(new, pages=PAGES, progress=progress(say))
            old.execute("ROLLBACK")  # while it looks back, nothing in the file's write-ahead log can be used again
        new.execute("PRAGMA journal_mode = DELETE")  # so that it is one file
        say("Checking the copy ...")
        refuse_unsound(new)
    except BaseException:
        new.close()
        raise
    return new


def put(source: Path, path: Path) -> None:
    """Put a copy in its place, if it is sound. FileExistsError if something is there by now, which stays."""
    draft = path.with_name(path.name + DRAFT)
    try:
        copy(source, draft)
        with closing(connect(draft)) as new:
            refuse_unsound(new)
        os.link(draft, path)  # not a rename
    finally:
        draft.unlink(missing_ok=True)


def beside(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in BESIDE]


def read(path: Path) -> sqlite3.Connection:
    return connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


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
