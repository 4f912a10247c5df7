"""Collect the embedded shop's static files in its data folder: once for each version of them, under hashed names."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.management.commands import collectstatic
from django.core.management import call_command
from whitenoise.compress import brotli_installed

from pizzaProj import storage

FOLDER = "static"
DIGEST_LENGTH = 16


def environment() -> dict[str, str]:
    """Collect if there is something new, and return what tells a web where it is.

    In development files are served in place. So they are where an operator has collected them.
    """
    if settings.DEBUG or settings.STATIC_HASHED:
        return {}
    return {"STATIC_HASHED": "true", "STATIC_ROOT": str(collect(settings.DATA_DIR / FOLDER))}


def collect(folder: Path) -> Path:
    """Return the folder with the present files. It appears with all of them, and those of other versions go."""
    found = folder / digest()
    if not found.is_dir():
        folder.mkdir(exist_ok=True)
        draft = folder / "draft"
        shutil.rmtree(draft, ignore_errors=True)  # left behind by one that was killed
        command = collectstatic.Command()
        command.storage = storage.HashedStaticFilesStorage(location=draft)
        call_command(command, interactive=False, verbosity=0)
        draft.rename(found)
    for other in folder.iterdir():
        if other != found:
            shutil.rmtree(other, ignore_errors=True)
    return found


def digest() -> str:
    """Return a word for what is collected, and for how."""
    whole = hashlib.sha256(Path(storage.__file__).read_bytes() + bytes([brotli_installed]))
    for name, content in sources():
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()[:DIGEST_LENGTH]


def sources() -> Iterator[tuple[str, bytes]]:
    ignored = apps.get_app_config("staticfiles").ignore_patterns  # type: ignore[attr-defined]
    for finder in finders.get_finders():
        for path, place in finder.list(ignored):
            yield f"{getattr(place, 'prefix', '')}/{path}", Path(place.path(path)).read_bytes()
