"""`python3 run.py mend`: put back deleted or nonsensical stations and jobs. It changes nothing where all is well."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from operations.lookout import database, findings
from operations.mending import mend


class Command(BaseCommand):
    help = "Put back stations, periodic jobs and settings of the shop that are missing or make no sense."

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_missing_tables()
        for sentence in mend():
            self.stdout.write(sentence)
        left = findings(database.look_now())
        for finding in left:
            self.stdout.write(f"{finding.sentence} {finding.remedy}".rstrip())
        if not left:
            self.stdout.write("All is well.")


def refuse_missing_tables() -> None:
    """Refuse where there is nothing to mend yet: the database is away, or its tables have not been made."""
    found = database.look_now()
    for finding in (*found["database"], *found.get("migrations", ())):
        raise CommandError(f"{finding.sentence} {finding.remedy}".rstrip())
