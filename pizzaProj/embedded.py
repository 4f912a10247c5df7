"""Prepare the data folder, so that the shop runs with nothing installed but Python."""

import hashlib
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

MAX_SOCKET_PATH = 100  # the kernel's limit is 104 (macOS) or 108 (Linux) bytes


def data_folder(path: str, base: Path) -> Path:
    """Return the folder for database, pictures, socket and logs, creating it if needed."""
    folder = (base / path).expanduser().resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
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
    if not path.exists():
        draft = folder / f"secret_key.{os.getpid()}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
        # A hard link appears with its whole content or not at all. If two processes start at once, one of them wins.
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text()
