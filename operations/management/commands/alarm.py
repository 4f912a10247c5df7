"""`python3 run.py alarm`: say who is told of alarms, and which are on. With --test, send one and say what happened."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from operations.alarms.ledger import AWAY, Ledger
from operations.alarms.recipients import Alarm, attempt, recipients, shop_name
from operations.alarms.words import TEST

CONSOLE = "django.core.mail.backends.console.EmailBackend"
PRINTED = "Mail is printed to the log and reaches nobody: set EMAIL_URL."
NOBODY = "Nobody is told of alarms: set ALARM_URL or ALARM_EMAIL, where web, worker and beat run, too."


class Command(BaseCommand):
    help = "Say who is told of alarms, and which are on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--test", action="store_true", help="send a test alarm and say what happened")

    def handle(self, *args: Any, test: bool, **options: Any) -> None:
        if not recipients():
            raise CommandError(NOBODY)
        if settings.ALARM_EMAIL and settings.EMAIL_BACKEND == CONSOLE:
            self.stdout.write(PRINTED)
        if test:
            self.send()
        else:
            self.tell()

    def send(self) -> None:
        alarm = Alarm(TEST, f"This is a test alarm of the shop {shop_name()}. Nothing is wrong.")
        failures = {one.name: attempt(one, alarm) for one in recipients()}
        for name, why in failures.items():
            self.stdout.write(f"Not taken by {name}: {why}." if why else f"Taken by {name}.")
        if any(failures.values()):
            raise CommandError("The test alarm did not get through.")

    def tell(self) -> None:
        for one in recipients():
            self.stdout.write(f"Alarms go to {one.name}.")
        try:
            on = ", ".join(sorted(Ledger().on()))
        except AWAY:
            raise CommandError("Valkey does not answer, so which alarms are on can't be said.") from None
        self.stdout.write(f"On: {on}." if on else "No alarm is on.")
