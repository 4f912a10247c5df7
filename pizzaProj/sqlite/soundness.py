"""Look for damage in SQLite's file: cut in half, overwritten, never a database, or not ours to write."""

import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from broken import MEND_FILE, sentence_of
from pizzaProj import waits

INTERRUPTED = "interrupted"
STEPS = 10_000  # of SQLite's machine between two looks at the clock


def damage(config: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the file of these settings, in a sentence; None: nothing, or it is not SQLite's.

    A large file is not read to its end: what is not looked at in time is taken to be sound.
    """
    deadline = time.monotonic() + waits.READ_THROUGH_SECONDS

    def read_through(file: sqlite3.Connection) -> bool:
        file.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
        file.execute("BEGIN IMMEDIATE").execute("ROLLBACK")
        return bool(file.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))

    return _what_is_wrong(config, read_through)


def damage_at_first_sight(config: Mapping[str, Any]) -> str | None:
    """Return the same, without a look at what is stored and without a lock: for a process beside a running shop."""
    return _what_is_wrong(config, lambda file: bool(file.execute("SELECT count(*) FROM sqlite_master").fetchone()))


def refuse_damaged_file(config: Mapping[str, Any]) -> None:
    """End this process with a sentence if there is no use in going on."""
    sentence = damage_at_first_sight(config)
    if sentence is not None:
        raise SystemExit(sentence)


def _what_is_wrong(config: Mapping[str, Any], is_sound: Callable[[sqlite3.Connection], bool]) -> str | None:
    path = Path(config["NAME"])
    if not config["ENGINE"].endswith("sqlite") or not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path, timeout=waits.READ_THROUGH_SECONDS)) as file:
            return None if is_sound(file) else f"{path}: The database file is damaged. {MEND_FILE}"
    except sqlite3.Error as error:
        return None if str(error) == INTERRUPTED else f"{path}: {sentence_of(error) or error}"
