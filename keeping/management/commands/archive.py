"""`python3 run.py archive`: move the orders of past months into the archive now, and say what is there."""

from argparse import ArgumentParser
from datetime import UTC, date
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count
from django.db.models.functions import TruncMonth
from django.utils import timezone

from archive import months, store
from keeping import archiving
from telemetry.counts import counts

EXIT_USAGE = 2


class Command(BaseCommand):
    help = (
        "Move ended orders of past months into the archive, while the shop runs, and say how many it has of which "
        "month. A task does so every day (ARCHIVE_MONTHS)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--until", metavar="YYYY-MM", help="the last month that is moved, such as 2026-08")
        parser.add_argument("--dry-run", action="store_true", help="say how many would be moved, and stop")

    def handle(self, *args: Any, **options: Any) -> None:
        before = chosen(options["until"])
        if before is None:
            self.stdout.write("ARCHIVE_MONTHS is 0: nothing moves by itself. Say how far: --until YYYY-MM.")
        elif options["dry_run"]:
            self.tell("would be moved", would_be_moved(before))
        else:
            self.stdout.write(f"{plural(move(before))} moved into the archive.")
        self.tell("in the archive", store.sizes())

    def tell(self, where: str, sizes: list[tuple[date, int]]) -> None:
        self.stdout.write(f"{plural(sum(number for _, number in sizes))} {where}{':' if sizes else '.'}")
        for month, number in sizes:
            self.stdout.write(f"  {months.named(month)}  {number:,}")


def chosen(until: str | None) -> date | None:
    """Return from which month on orders stay; None if that is for ever. CommandError if it is not a past month."""
    now = timezone.now()
    if until is None:
        return months.due_before(now, settings.ARCHIVE_MONTHS) if settings.ARCHIVE_MONTHS else None
    try:
        last = months.parsed(until)
    except ValueError:
        raise usage_error(f"--until must be a month such as 2026-08, not “{until}”.") from None
    if last >= months.month_of(now):
        raise usage_error(f"--until must be a month that is over; {until} is not.")
    return months.later(last, 1)


def usage_error(words: str) -> CommandError:
    return CommandError(words, returncode=EXIT_USAGE)


def would_be_moved(before: date) -> list[tuple[date, int]]:
    found = archiving.movable(months.beginning(before)).annotate(month=TruncMonth("created_at", tzinfo=UTC))
    counted = found.order_by("month").values_list("month").annotate(Count("pk"))
    return [(month.date(), number) for month, number in counted]


def move(before: date) -> int:
    """Move a few at a time: between two pieces the kitchen goes on."""
    archiving.mend()
    number = sum(moved.number for moved in archiving.move(before))
    archiving.note_done(before)
    counts.add("shop_archived_total", amount=number)
    return number


def plural(number: int) -> str:
    return f"{number:,} order" if number == 1 else f"{number:,} orders"
