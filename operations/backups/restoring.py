"""Bring a backup back into an empty folder, and an empty database: all of it or nothing."""

from contextlib import ExitStack
from pathlib import Path

from django.conf import settings

from archive.databases import sqlite
from operations.backups import files, manifest
from operations.backups.engine import Engine, Say
from operations.backups.making import present_engine
from operations.backups.manifest import Manifest
from operations.backups.refused import Refused
from pizzaProj import embedded

DRAFT = ".restoring"
# What reading the settings, or a start that came to nothing, leaves in a data folder
NOTHING_LOST = (manifest.KEY, embedded.LOCK)
LOGS = "logs/"


def restore(source: Path, say: Say) -> tuple[Manifest, Engine]:
    """Restore the backup. The database comes last: until it is there, nothing looks like a shop, and then all is."""
    found = manifest.read(source)
    engine = present_engine()
    manifest.refuse_another_engine(found, engine.name)
    manifest.refuse_newer(found)
    with alone(), ExitStack() as undo:
        refuse_occupied(found)
        engine.refuse_occupied()
        say("Checking the backup ...")
        manifest.refuse_changed(source, found)
        say(f"Pictures: {len(found.pictures)} ...")
        restore_pictures(source, found, undo)
        restore_key(source, found, undo)
        say(f"Database: {manifest.ENGINES[found.engine]} ...")
        engine.restore(source / found.database, found.server, found.program, say)
        undo.pop_all()
    return found, engine


def alone() -> ExitStack:
    """Keep a shop from being opened in the folder meanwhile. Refused if one is open."""
    stack = ExitStack()
    try:
        stack.enter_context(embedded.alone(settings.DATA_DIR))
    except embedded.Taken as taken:
        raise Refused(f"The shop runs in this folder {taken}. Close it, and choose an empty folder.") from None
    return stack


def refuse_occupied(found: Manifest) -> None:
    """Refuse to mix a backup with what is there, even with a single picture that is not in it."""
    for folder in (settings.DATA_DIR, manifest.uploads()):
        for name in files.within(folder):
            is_ours = is_picture_of(found, folder / name) or is_archive_of(found, folder / name)
            if not (is_nothing(folder, name) or is_ours):
                raise Refused(f"{folder} is not empty: there is {name}. Choose another folder, or move that away.")


def is_nothing(folder: Path, name: str) -> bool:
    is_left_over = folder == settings.DATA_DIR and (name in NOTHING_LOST or name.startswith(LOGS))
    return is_left_over or name.endswith(DRAFT)


def is_picture_of(found: Manifest, path: Path) -> bool:
    """Return whether this very picture is in the backup: one that was killed meanwhile has restored some."""
    uploads = manifest.uploads()
    entry = found.pictures.get(path.relative_to(uploads).as_posix()) if path.is_relative_to(uploads) else None
    return entry is not None and entry == files.entry_of(path)


def is_archive_of(found: Manifest, path: Path) -> bool:
    """Return whether this very archive is in the backup, likewise."""
    entry = found.files.get(manifest.ARCHIVE)
    return entry is not None and path == sqlite.path() and entry == files.entry_of(path)


def restore_pictures(source: Path, found: Manifest, undo: ExitStack) -> None:
    for name, entry in found.pictures.items():
        path = manifest.uploads() / name
        if path.exists():
            continue
        undo.callback(files.remove_empty, files.make_folders(path.parent))
        draft = path.with_name(path.name + DRAFT)
        undo.callback(draft.unlink, missing_ok=True)
        refuse_another(name, entry, files.copy(source / manifest.MEDIA / name, draft, files.PUBLIC))
        undo.callback(path.unlink, missing_ok=True)
        draft.rename(path)


def restore_key(source: Path, found: Manifest, undo: ExitStack) -> None:
    entry = found.files.get(manifest.KEY)
    if entry is None:
        return
    path = settings.DATA_DIR / manifest.KEY
    before = path.read_bytes() if path.exists() else None
    undo.callback(put_back, path, before)
    refuse_another(manifest.KEY, entry, files.copy(source / manifest.KEY, path))


def put_back(path: Path, before: bytes | None) -> None:
    if before is None:
        path.unlink(missing_ok=True)
    else:
        files.write(path, before)


def refuse_another(name: str, wanted: files.Entry, copied: files.Entry) -> None:
    if copied != wanted:
        raise Refused(f"The backup has changed while it was read: {name}.")
