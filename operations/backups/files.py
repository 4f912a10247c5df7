"""Copy files so that they survive a power cut, and know them again by their digests."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

CHUNK_BYTES = 1024 * 1024
OF_THE_DISK = "lost+found"
SECRET, SECRET_FOLDER, PUBLIC = 0o600, 0o700, 0o644  # modes; the proxy, which is another account, reads pictures


class Entry(NamedTuple):
    """What a file of a backup must be like."""

    size_bytes: int
    sha256: str


def create(path: Path, mode: int = SECRET) -> IO[bytes]:
    """Open a new file, in place of an old one."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    os.fchmod(descriptor, mode)  # whatever the umask is
    return os.fdopen(descriptor, "wb")


def write(path: Path, content: bytes, mode: int = SECRET) -> None:
    with create(path, mode) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def copy(source: Path, target: Path, mode: int = SECRET) -> Entry:
    """Copy a file down to the disk, and return what was copied."""
    with open(source, "rb") as old, create(target, mode) as new:
        digest, size_bytes = hashlib.sha256(), 0
        while chunk := old.read(CHUNK_BYTES):
            new.write(chunk)
            digest.update(chunk)
            size_bytes += len(chunk)
        new.flush()
        os.fsync(new.fileno())
    return Entry(size_bytes, digest.hexdigest())


def entry_of(path: Path) -> Entry:
    with open(path, "rb") as file:
        return Entry(os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest())


def within(folder: Path) -> Iterator[str]:
    """Yield the regular files below a folder, by their paths in it. One that vanishes meanwhile is none."""
    for place, _, names in os.walk(folder, onerror=tell, followlinks=True):
        for name in names:
            path = Path(place, name)
            if path.is_file():
                yield path.relative_to(folder).as_posix()


def tell(error: OSError) -> None:
    """Raise what os.walk would pass over: what can't be read must not be left out."""
    if not (isinstance(error, FileNotFoundError) or Path(error.filename).name == OF_THE_DISK):
        raise error


def size_below(folder: Path) -> int:
    size_bytes = 0
    for name in within(folder):
        with suppress(FileNotFoundError):
            size_bytes += (folder / name).stat().st_size
    return size_bytes


def sync_folder(path: Path) -> None:
    """Write down to the disk which files are in a folder."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Do so for a folder and all below it; the files themselves as well, whoever wrote them."""
    for name in within(folder):
        with open(folder / name, "rb") as file:
            os.fsync(file.fileno())
    for place, *_ in os.walk(folder):
        sync_folder(Path(place))


def make_folders(folder: Path, mode: int = 0o777) -> list[Path]:
    """Make a folder and those above it that are missing; return those that were made, the lowest first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode)
    return missing


def remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
