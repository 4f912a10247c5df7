"""What a backup is: when, of what and by which version it was made, and each of its files with its digest."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from django.utils.crypto import salted_hmac

from operations.backups.files import Entry, entry_of, write
from operations.backups.refused import Refused
from pizzaProj.version import VERSION

FORMAT = 1
NAME, KEY, MEDIA = "manifest.json", "secret_key", "media"
ARCHIVE = "archive.sqlite3"  # of a shop on SQLite, if it has one; on PostgreSQL it is in the database
ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
NO_BACKUP = "{} is no backup of a shop"


@dataclass
class Manifest:
    engine: str  # Django's name of it
    made_at: str
    migrations: list[str]  # that its database has
    key_digest: str  # of SECRET_KEY, which tells nothing of the key
    database: str  # the file of the database
    shop: str = VERSION
    server: int = 0  # the main version of PostgreSQL that it comes from,
    program: int = 0  # and of the pg_dump that wrote it
    format: int = FORMAT
    files: dict[str, Entry] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        return sum(entry.size_bytes for entry in self.files.values())

    @property
    def pictures(self) -> dict[str, Entry]:
        """Return the pictures by their paths in the folder of uploads."""
        beginning = f"{MEDIA}/"
        return {
            name.removeprefix(beginning): entry for name, entry in self.files.items() if name.startswith(beginning)
        }

    def write(self, folder: Path) -> None:
        known = asdict(self) | {"files": {name: entry._asdict() for name, entry in sorted(self.files.items())}}
        write(folder / NAME, json.dumps(known, indent=1).encode())


def key_digest() -> str:
    return salted_hmac("operations.backups", "the key of a shop", algorithm="sha256").hexdigest()


# Reading


def read(folder: Path) -> Manifest:
    """Read a backup's manifest. Refused unless it is one that this version can read."""
    no_backup = NO_BACKUP.format(folder)
    try:
        known = json.loads((folder / NAME).read_bytes())
        if known["format"] > FORMAT:
            raise Refused(f"{folder} was made by version {known['shop']}, which is newer than this one, {VERSION}.")
        manifest = Manifest(**known | {"files": {name: Entry(**entry) for name, entry in known["files"].items()}})
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(f"{no_backup}: it has no {NAME}.") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Refused(f"{no_backup}: its {NAME} is damaged.") from None
    refuse_strange_names(manifest, no_backup)
    return manifest


def refuse_strange_names(manifest: Manifest, no_backup: str) -> None:
    """Refuse names that would lead out of the folder."""
    for name in manifest.files:
        path = PurePosixPath(name)
        is_ours = name in (manifest.database, ARCHIVE, KEY) or path.parts[:1] == (MEDIA,)
        if path.is_absolute() or ".." in path.parts or str(path) != name or not is_ours:
            raise Refused(f"{no_backup}: its {NAME} names a file that belongs to none.")
    if manifest.database not in manifest.files:
        raise Refused(f"{no_backup}: its {NAME} names no database.")


def refuse_another_engine(manifest: Manifest, engine: str) -> None:
    if manifest.engine != engine:
        theirs, ours = ENGINES.get(manifest.engine, "another database"), ENGINES[engine]
        wanted = "Set DATABASE_URL to one." if theirs == "PostgreSQL" else "Unset DATABASE_URL."
        raise Refused(f"The backup is of {theirs}, and this shop is set to {ours}. {wanted}")


def refuse_newer(manifest: Manifest) -> None:
    """Refuse a database with migrations that this version does not know."""
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    unknown = sorted(set(manifest.migrations) - known)
    if unknown:
        raise Refused(
            f"The backup was made by version {manifest.shop}, and this one, {VERSION}, does not know what was changed "
            f"in its database ({unknown[0]}). Install {manifest.shop} or a newer one."
        )


def refuse_changed(folder: Path, manifest: Manifest) -> None:
    """Read every file, and refuse the backup if one is missing, or is not what was written."""
    for name, entry in manifest.files.items():
        try:
            found = entry_of(folder / name)
        except FileNotFoundError:
            raise Refused(f"The backup is damaged: {name} is missing.") from None
        if found.size_bytes < entry.size_bytes:
            raise Refused(f"The backup is damaged: {name} is cut, {found.size_bytes} bytes of {entry.size_bytes}.")
        if found != entry:
            raise Refused(f"The backup is damaged: {name} has changed since it was made.")


def has_other_key(manifest: Manifest) -> bool:
    return manifest.key_digest != key_digest()


def uploads() -> Path:
    return Path(settings.MEDIA_ROOT)
