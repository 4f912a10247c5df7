"""`python3 run.py remove_orders`: remove old, simulated or test orders, with all that hangs on them."""

from argparse import ArgumentParser
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet
from django.utils import timezone

from archive import store
from archive.databases.statements import placeholders
from home.models import Order
from keeping import archived, batches, orders
from pizzaProj.days import MOST_DAYS
from telemetry.counts import counts

EXIT_USAGE = 2
BOOK = "What was promised, and how it turned out, stays in the public book."


class Command(BaseCommand):
    help = (
        "Remove ended orders with their pizzas, history and conversations while the shop runs. Says first what it "
        "would remove, and asks. Open orders are never removed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        age = parser.add_mutually_exclusive_group()
        age.add_argument("--before", metavar="DATE", help="placed before this day, such as 2026-01-31")
        age.add_argument("--older-than", metavar="DAYS", help="placed more than so many days ago")
        parser.add_argument("--simulated", action="store_true", help="only simulated ones: of rush and of the board")
        parser.add_argument(
            "--of", metavar="NAME", help="only those of this account, such as one for trying things out"
        )
        parser.add_argument("--order", metavar="ID", action="append", help="only this one; can be repeated")
        parser.add_argument("--dry-run", action="store_true", help="say what would be removed, and stop")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        found, put_away = chosen(options, now), Archived.chosen(options, now)
        number = found.count() + put_away.number
        open_ones = "Open orders, and those whose promise is not judged yet, stay."
        if not number:
            self.stdout.write(f"There is no such order to remove. {open_ones}")
            return
        self.stdout.write(f"{plural(number, 'order')} would be removed, with all that hangs on them. {open_ones}")
        if options["dry_run"]:
            return
        if not options["yes"] and not confirmed():
            self.stdout.write("Nothing was removed.")
            return
        self.stdout.write(sentence(remove(found), put_away.remove()))


def chosen(options: dict[str, Any], now: datetime) -> QuerySet[Order]:
    """Return the removable orders that meet all conditions. CommandError if there is none, or a wrong one."""
    if not any(options[name] for name in ("before", "older_than", "simulated", "of", "order")):
        raise usage_error("Say which orders: --before, --older-than, --simulated, --of or --order.")
    rows = orders.removable()
    if options["before"]:
        rows = rows.filter(created_at__lt=day(options["before"]))
    if options["older_than"]:
        rows = rows.filter(created_at__lt=now - timedelta(days=days(options["older_than"])))
    if options["simulated"]:
        rows = rows.filter(simulated=True)
    if options["of"]:
        rows = rows.filter(user=account(options["of"]))
    return rows.filter(order_id__in=options["order"]) if options["order"] else rows


@dataclass(frozen=True)
class Archived:
    """The archived orders that meet the same conditions."""

    condition: str
    values: list[Any]
    before: datetime | None  # they are all from before this moment, and nothing else is asked of them

    @classmethod
    def chosen(cls, options: dict[str, Any], now: datetime) -> "Archived":
        moment = day(options["before"]) if options["before"] else None
        if options["older_than"]:
            moment = now - timedelta(days=days(options["older_than"]))
        parts: list[tuple[str, list[Any]]] = [("created_at < %s", [moment])] if moment else []
        if options["simulated"]:
            parts.append(("simulated", []))
        if options["of"]:
            parts.append(("user_id = %s", [account(options["of"]).pk]))
        if options["order"]:
            parts.append((f"order_id IN ({placeholders(options['order'])})", options["order"]))
        values = [value for _, each in parts for value in each]
        return cls(" AND ".join(sql for sql, _ in parts), values, moment if len(parts) == 1 else None)

    @property
    def number(self) -> int:
        return len(store.ids(self.condition, self.values))

    def remove(self) -> int:
        """Remove them, whole months at once where nothing but their age is asked."""
        steps = (
            archived.those(self.condition, self.values) if self.before is None else archived.all_orders(self.before)
        )
        number = sum(steps)
        counts.add("shop_removed_total", "orders", amount=number)
        return number


def day(text: str) -> datetime:
    """Return the beginning of a day in the shop's time zone."""
    try:
        return timezone.make_aware(datetime.strptime(text, "%Y-%m-%d"))  # noqa: DTZ007  made aware at once
    except (ValueError, OverflowError):
        raise usage_error(f"--before must be a day such as 2026-01-31, not “{text}”.") from None


def days(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= len(str(MOST_DAYS)) and int(text) <= MOST_DAYS:
        return int(text)
    raise usage_error(f"--older-than must be a whole number of days from 0 to {MOST_DAYS}, not “{text}”.")


def account(name: str) -> User:
    found = User.objects.filter(username=name).first() if name.isprintable() else None
    if found is None:
        raise usage_error(f"There is no account called “{name}”.")
    return found


def usage_error(words: str) -> CommandError:
    return CommandError(words, returncode=EXIT_USAGE)


def confirmed() -> bool:
    try:
        return input("Remove them for good? Type yes: ").strip().lower() == "yes"
    except EOFError:
        raise usage_error("Nobody is there to ask: add --yes or --dry-run.") from None


def remove(found: QuerySet[Order]) -> Counter[str]:
    """Remove a few at a time: between two pieces the kitchen goes on."""
    removed: Counter[str] = Counter()
    for window in batches.keys(found):
        for pks in batches.pieces(window, batches.WHOLE_ORDERS):
            removed += orders.remove(pks)
    counts.add("shop_removed_total", "orders", amount=removed["orders"])
    return removed


def sentence(removed: Counter[str], put_away: int = 0) -> str:
    others = [plural(removed[f"{name}s"], name) for name in ("pizza", "event", "conversation", "message")]
    old = f"Removed {plural(put_away, 'order')} from the archive. " if put_away else ""
    return f"Removed {plural(removed['orders'], 'order')} with {', '.join(others[:-1])} and {others[-1]}. {old}{BOOK}"


def plural(number: int, name: str) -> str:
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"
