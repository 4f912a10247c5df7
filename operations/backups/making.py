"""Make a backup of the shop while it runs."""

import shutil
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from operations.backups import files, folder, manifest
from operations.backups.engine import Engine, Facts, Say
from operations.backups.manifest import Manifest
from operations.backups.pictures import Pictures
from operations.backups.postgresql import PostgreSQL
from operations.backups.refused import Refused
from operations.backups.sqlite import SQLite
from operations.files import LITTLE_BYTES
from operations.words import counted

TRIES = 3  # copies of the database, if pictures vanish meanwhile


def present_engine() -> Engine:
    """Return the database that the settings name."""
    return SQLite(Path(connection.settings_dict["NAME"])) if connection.vendor == "sqlite" else PostgreSQL()


def make(target: Path, say: Say) -> Manifest:
    """Make a backup there: pictures, database, the pictures that are new since, and the key."""
    engine = present_engine()
    folder.refuse(target, {engine.file})
    engine.refuse_nothing()
    refuse_full_disk(target.parent, engine)
    with folder.new(target) as partial:
        pictures = Pictures(manifest.uploads(), partial / manifest.MEDIA)
        say(f"Pictures: {pictures.copy()}.")
        made_at = timezone.now()
        facts = copy_database(engine, partial / engine.file, pictures, say)
        copy_key(partial)
        made = Manifest(
            engine=engine.name,
            made_at=made_at.isoformat(timespec="seconds"),
            migrations=facts.migrations,
            key_digest=manifest.key_digest(),
            database=engine.file,
            server=facts.server,
            program=facts.program,
            files={name: files.entry_of(partial / name) for name in files.within(partial)},
        )
        made.write(partial)
    return made


def refuse_full_disk(parent: Path, engine: Engine) -> None:
    """Refuse before anything is written if there is no room: the shop can be on the same disk."""
    needed = engine.size_bytes() + files.size_below(manifest.uploads())
    free = shutil.disk_usage(parent).free
    if free < needed + LITTLE_BYTES:
        raise Refused(
            f"There is no room: {needed / 1e6:.0f} MB are needed in {parent}, and {free / 1e6:.0f} are left."
        )


def copy_database(engine: Engine, target: Path, pictures: Pictures, say: Say) -> Facts:
    """Copy the database, so that all pictures that the copy names are in the backup.

    One that came and went between two looks is in the copy alone: then there is another. One that the shop itself
    still names was lost before, and the backup is not worse than the shop.
    """
    for _ in range(TRIES):
        say(f"Database: {manifest.ENGINES[engine.name]} ...")
        facts = engine.copy(target, say)
        pictures.copy()
        missing = pictures.missing(facts.pictures)
        if missing <= (engine.facts().pictures if missing else set()):
            pictures.forget_deleted(facts.pictures)
            if missing:
                tell_lost(missing, say)
            return facts
        say("Pictures were replaced meanwhile. Once more:")
    raise Refused("Pictures come and go faster than they can be copied. Try again in a quiet moment.")


def tell_lost(names: set[str], say: Say) -> None:
    one, more = min(names), len(names) - 1
    has = f"have no file: {one} and {more} more" if more else f"has no file: {one}"
    say(f"{counted(len(names), 'picture')} that the shop names {has}.")


def copy_key(partial: Path) -> None:
    """Copy the data folder's key, unless the shop has it from the environment."""
    path = settings.DATA_DIR / manifest.KEY
    if path.exists() and path.read_text(errors="replace") == settings.SECRET_KEY:
        files.copy(path, partial / manifest.KEY)
