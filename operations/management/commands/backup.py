"""`python3 run.py backup DIR`: copy the shop to a new folder while it runs."""

import os
from argparse import ArgumentParser
from pathlib import Path
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from operations.backups import folder as folders
from operations.backups import making, manifest, stopping
from operations.backups.manifest import Manifest
from operations.backups.refused import in_sentences
from operations.words import counted, restoring

GENTLE = 10  # the steps by which others go first
NOT_IN_IT = "logs, what waits in Valkey or Redis (the shop makes it anew), and the settings of the environment"


class Command(BaseCommand):
    help = "Copy the shop (database, pictures, key) to a new folder while it runs. `restore` brings it back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", help="a new folder, such as /backups/2026-11-29")

    def run_from_argv(self, argv: list[str]) -> None:
        os.nice(GENTLE)  # the shop on the same machine goes first
        super().run_from_argv(argv)

    def handle(self, *args: Any, folder: str, **options: Any) -> None:
        begun = monotonic()
        with in_sentences("There is no backup."), stopping.by_any_signal():
            target = folders.named(folder)
            self.say(f"Backing up the shop in {settings.DATA_DIR} to {target} ...")
            made = making.make(target, self.say)
        self.tell(target, made, monotonic() - begun)

    def tell(self, target: Path, made: Manifest, seconds: float) -> None:
        size = f"{made.size_bytes / 1e6:.1f} MB in {counted(len(made.files), 'file')}"
        key = "the secret key" if manifest.KEY in made.files else "no SECRET_KEY (keep that of the environment)"
        self.say(f"Done in {seconds:.1f} s: {size}, in {target}")
        self.say(
            f"In it: the {manifest.ENGINES[made.engine]} database, {counted(len(made.pictures), 'picture')}, {key}."
        )
        self.say(f"Not in it: {NOT_IN_IT}.")
        self.say("It holds secrets and people's data: let nobody else read it, and keep it on another machine.")
        if target.is_relative_to(settings.DATA_DIR):
            self.say("It lies in the shop's own folder, and is lost with that: copy it.")
        self.say(restoring(target))

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
