"""The files into which children write. Each has a limit, and one older file beside it that keeps what was before.

A child goes on writing to what it has opened, so a file that grows too large is copied and emptied; the child's next
line is then the first, as the file is opened for appending. What it writes between the two is lost.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from pizzaProj.limits import LOG_BYTES

ONLY_OWNER = 0o600


def open_log(path: Path) -> IO[bytes]:
    """Open a log for appending, readable only by its owner. A large one is first renamed to `.1`."""
    path.parent.mkdir(exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(older(path))
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, ONLY_OWNER), "ab")


def older(path: Path) -> Path:
    return path.with_name(path.name + ".1")


def cut(path: Path) -> bool:
    """Empty a log that is too large, and return whether it was. Its end is kept in the older file."""
    try:
        if path.stat().st_size <= LOG_BYTES:
            return False
        with suppress(OSError):  # on a full disk the copy fails, and emptying is all the more needed
            keep_end(path)
        os.truncate(path, 0)
    except OSError:
        return False  # there is no file, or none that can be emptied: the child can write all the same
    return True


def keep_end(path: Path) -> None:
    older(path).unlink(missing_ok=True)
    with open(path, "rb") as log, open(os.open(older(path), os.O_WRONLY | os.O_CREAT, ONLY_OWNER), "wb") as copy:
        log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_BYTES))
        copy.write(log.read(LOG_BYTES))
