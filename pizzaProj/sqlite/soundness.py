"""Look for damage in SQLite's file: cut in half, overwritten, never a database, or not ours to write."""

import sqlite3
import time
from collections.abc import Mapping
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
    path = Path(config["NAME"])
    if not config["ENGINE"].endswith("sqlite") or not path.exists():
        return None
    deadline = time.monotonic() + waits.READ_THROUGH_SECONDS
    try:
        with closing(sqlite3.connect(path, timeout=waits.READ_THROUGH_SECONDS)) as file:
            file.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
            file.execute("BEGIN IMMEDIATE").execute("ROLLBACK")
            (found,) = file.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        if str(error) == INTERRUPTED:
            return None
        return f"{path}: {sentence_of(error) or error}"
    return None if found == "ok" else f"{path}: The database file is damaged. {MEND_FILE}"
