"""`python3 run.py --data D restore DIR`: bring a backup back into an empty folder."""

import os
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from operations.backups import folder as folders
from operations.backups import manifest, restoring, stopping
from operations.backups.manifest import Manifest
from operations.backups.refused import in_sentences
from operations.words import command

LOGGED_OUT = "everybody has to log in again, and links in mails are no longer valid"


class Command(BaseCommand):
    help = "Bring back what `backup` has copied, into an empty data folder (and an empty PostgreSQL database)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", help="the folder of the backup")

    def handle(self, *args: Any, folder: str, **options: Any) -> None:
        begun = monotonic()
        with in_sentences("Nothing was restored."), stopping.by_any_signal():
            source = folders.named(folder)
            self.say(f"Restoring {source} into {settings.DATA_DIR} ...")
            found, engine = restoring.restore(source, self.say)
        with in_sentences("The shop is back all the same."), stopping.by_any_signal():
            engine.settle()
        for sentence in about(found, monotonic() - begun):
            self.say(sentence)

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def about(found: Manifest, seconds: float) -> Iterator[str]:
    made_at = f"{datetime.fromisoformat(found.made_at):%Y-%m-%d %H:%M} UTC"
    yield f"Done in {seconds:.1f} s: the shop of {made_at} is back, {found.size_bytes / 1e6:.1f} MB."
    yield "What has happened since then is not in it. Orders that were under way go on when the shop opens."
    yield from about_the_key(found)
    if os.environ.get("DATABASE_URL"):
        yield f"Bring its tables up to date before it opens: {command('migrate')}"
    else:
        yield f"Open it: {command('').rstrip()}"


def about_the_key(found: Manifest) -> Iterator[str]:
    """Say what happens if the next start has another key than the shop had."""
    if os.environ.get("SECRET_KEY"):
        if manifest.has_other_key(found):
            yield f"SECRET_KEY is another than the shop had: {LOGGED_OUT}."
    elif manifest.KEY not in found.files:
        yield f"The shop had its SECRET_KEY from the environment. Set it before the start, or {LOGGED_OUT}."
