"""The folder of a backup: it appears under its name when it is whole, and not before."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from operations.backups import manifest
from operations.backups.files import SECRET_FOLDER, sync_folder, sync_tree
from operations.backups.refused import Refused

PARTIAL = ".partial"
OURS = {manifest.NAME, manifest.ARCHIVE, manifest.KEY, manifest.MEDIA}


def named(text: str) -> Path:
    """Return the folder that a person has named, wherever that leads."""
    if not text:
        raise Refused("DIR is empty. Name a folder.")  # an unset variable is not meant for the folder one is in
    try:
        return Path(text).expanduser().resolve()
    except RuntimeError as error:  # no such home, or links in a circle
        raise Refused(f"{text} can't be the folder: {error}") from None


def refuse(target: Path, databases: set[str]) -> None:
    """Refuse a place where no backup can or should be made."""
    if target.is_relative_to(manifest.uploads().resolve()):
        raise Refused(f"{target} is in the folder of pictures, which everybody can read. Choose another one.")
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise Refused(f"{target} is there already and is not empty. Choose a name that is new.")
    if target.is_dir() and os.path.ismount(target):
        raise Refused(f"{target} is a disk of its own. Choose a new folder on it, such as {target / 'monday'}.")
    if not target.parent.is_dir():
        raise Refused(f"There is no folder {target.parent}. Make it first, or look whether its disk is there.")
    partial = partial_of(target)
    if partial.exists() and not (partial.is_dir() and {path.name for path in partial.iterdir()} <= OURS | databases):
        raise Refused(f"{partial} is in the way. Move it away, or choose another name.")


def partial_of(target: Path) -> Path:
    return target.with_name(target.name + PARTIAL)


@contextmanager
def new(target: Path) -> Iterator[Path]:
    """Yield a folder to fill, beside the target. At the end it takes the target's name; after an error it is gone."""
    partial = partial_of(target)
    remove_remains(partial)
    partial.mkdir(mode=SECRET_FOLDER)
    with locked(partial):
        try:
            yield partial
            sync_tree(partial)
            partial.rename(target)  # also in place of an empty folder
            sync_folder(target.parent)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def remove_remains(partial: Path) -> None:
    """Remove what a backup left behind that was killed. One that is being made is left alone."""
    if partial.exists():
        with locked(partial):
            shutil.rmtree(partial)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the kernel frees with the process. Refused if another process has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Refused(f"Another backup is being made in {folder}.") from None
    finally:
        os.close(descriptor)
