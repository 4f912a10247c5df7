"""Is there room for data, and can data and pictures be written?"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from operations.findings import Check, Finding

LITTLE_BYTES, LOW_BYTES = 20_000_000, 500_000_000


def find_full_disk() -> Iterator[Finding]:
    free = shutil.disk_usage(settings.DATA_DIR).free
    if free < LITTLE_BYTES:
        yield Finding("The disk is full.", f"Make room on the disk of {settings.DATA_DIR}.")
    elif free < LOW_BYTES:
        remedy = f"Make room on the disk of {settings.DATA_DIR}: {free // 1_000_000} MB are left."
        yield Finding("The disk is almost full.", remedy, is_bad=False)


def find_read_only_data() -> Iterator[Finding]:
    """Find a data folder, or SQLite's file in it, that can't be written to: the disk can become so in use."""
    database = settings.DATABASES["default"]
    paths = [settings.DATA_DIR, *([Path(database["NAME"])] if "sqlite" in database["ENGINE"] else [])]
    for path in paths:
        if path.exists() and not os.access(path, os.W_OK):
            yield Finding("The shop's data can't be written.", f"Let this account write to {path}.")


def find_no_place_for_pictures() -> Iterator[Finding]:
    """Find a folder of uploads that can't be written to, or not be made. Everything else works without it."""
    folder = nearest_folder(Path(settings.MEDIA_ROOT))
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        remedy = f"Let this account write to {settings.MEDIA_ROOT} (MEDIA_ROOT)."
        yield Finding("Pictures can't be saved.", remedy, is_bad=False)


def nearest_folder(path: Path) -> Path:
    """Return the path, or the nearest above it that exists: a folder of uploads is made with the first of them."""
    return next((one for one in (path, *path.parents) if one.exists()), path)


CHECKS = (
    Check("disk", find_full_disk, "There is room on the disk."),
    Check("data", find_read_only_data, "The shop's data can be written."),
    Check("pictures", find_no_place_for_pictures, "Pictures can be saved."),
)
