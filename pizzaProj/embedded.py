"""Prepare the data folder, so that the shop runs with nothing installed but Python."""

import fcntl
import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from django.core.exceptions import ImproperlyConfigured

from broken import in_a_sentence

MAX_SOCKET_PATH = 100  # the kernel's limit is 104 (macOS) or 108 (Linux) bytes
LEAST_KEY = 50  # characters, as many as Django asks for
LOCK = "stack.lock"
makes_key = True  # manage.py turns it off for the command restore, which brings a key into an empty folder


class Taken(Exception):
    """The shop of this folder is open. The text says in which process."""


@contextmanager
def wanted() -> Iterator[None]:
    """Say what is wrong with a path, as of any other setting."""
    with in_a_sentence(ImproperlyConfigured):
        yield


def data_folder(path: str, base: Path) -> Path:
    """Return the folder for database, pictures, socket and logs, creating it if needed."""
    try:
        with wanted():
            folder = (base / Path(path).expanduser()).resolve()
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.listdir(folder)  # it can be somebody else's
    except FileExistsError:
        raise ImproperlyConfigured(f"{folder} is a file. Choose a folder with --data.") from None
    except RuntimeError as error:  # no such home, or links in a circle
        raise ImproperlyConfigured(f"{path} can't be the data folder: {error}") from None
    return folder


def socket_path(folder: Path) -> Path:
    """Return the path of Valkey's socket: in the data folder, or in a short private one if that path is too long."""
    path = folder / "valkey.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"pizza-{os.getuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    if short.stat().st_uid != os.getuid():
        raise PermissionError(f"{short} belongs to someone else; choose a shorter data folder.")
    return short / "valkey.sock"


def secret_key(folder: Path) -> str:
    """Return the data folder's secret key, created once and readable only by its owner."""
    path = folder / "secret_key"
    with wanted():
        if not path.exists():
            if not makes_key:
                return secrets.token_urlsafe(50)
            make_secret_key(path)
        key = path.read_text(errors="replace")
    if len(key.strip()) < LEAST_KEY:
        what = "too short" if key.strip() else "empty"
        raise ImproperlyConfigured(
            f"{path} is {what}. Bring back a copy of it; or delete it and a new one is made: "
            "then everybody has to log in again."
        )
    return key


def make_secret_key(path: Path) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
            file.flush()
            os.fsync(file.fileno())  # a power cut must not leave an empty one
        # A hard link appears with its whole content or not at all. If two processes start at once, one of them wins.
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def alone(folder: Path) -> Iterator[IO[str]]:
    """Hold the lock of a data folder. However this process ends, the kernel frees it. Raise Taken if another has it.

    The file says who has it, and where the shop answers (address_of_shop).
    """
    with open(folder / LOCK, "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Taken(f"(pid {lock.readline().strip()})") from None
        yield lock


def address_of_shop(folder: Path) -> str | None:
    """Return where the shop of a data folder answers, or answered last; None if it was never opened."""
    with suppress(OSError, ValueError):
        lines = (folder / LOCK).read_text().splitlines()
        return lines[1] if len(lines) > 1 else None
    return None
