"""`python3 run.py person export NAME FILE.zip` and `person delete NAME`: what the shop knows of one person."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import leaving
from archive import reading, store
from archive.store import Owner
from home.models import Order
from keeping import export
from keeping.export import Person
from keeping.leaving import forget_visitor

EXIT_USAGE = 2


class Command(BaseCommand):
    help = "Pack everything that the shop knows of a person into a file, or delete it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True, metavar="export|delete")
        packing = deeds.add_parser("export", help="write a zip with readable JSON and the picture")
        deleting = deeds.add_parser("delete", help="delete the account, or what leads to the visitor")
        for deed in (packing, deleting):
            deed.add_argument("name", nargs="?", help="the user name")
            deed.add_argument(
                "--order", metavar="ID", help="instead: a visitor without an account, by an order of theirs"
            )
        packing.add_argument("file", help="where to write; it must not exist yet")
        deleting.add_argument("--words", action="store_true", help="erase what they wrote in chats, too")
        deleting.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        person = found(options["name"], options["order"])
        if options["deed"] == "export":
            self.stdout.write(pack(person, Path(options["file"])))
        elif options["yes"] or confirmed(person):
            self.stdout.write(delete(person, options["words"]))
        else:
            self.stdout.write("Nothing was deleted.")


def found(name: str | None, order_id: str | None) -> Person:
    if (name is None) == (order_id is None):
        raise usage_error("Say who: a user name, or --order with the id of an order.")
    if name is not None:
        user = User.objects.filter(username=name).first() if name.isprintable() else None
        if user is None:
            raise usage_error(f"There is no account called “{name}”.")
        return Person(user)
    return visitor_of(order_id or "")


def visitor_of(order_id: str) -> Person:
    order = reading.order_at(order_id, Order.objects.select_related("user"))
    if order is None:
        raise usage_error(
            "There is no order with this id. It has 20 letters and digits, and ends the order’s address."
        )
    if order.user is not None:
        raise usage_error(f"This order belongs to the account “{order.user}”: give that name instead.")
    if not order.guest:
        raise usage_error("This order belongs to nobody: nothing leads from it to a person.")
    return Person(guest=order.guest)


def usage_error(words: str) -> CommandError:
    return CommandError(words, returncode=EXIT_USAGE)


def pack(person: Person, path: Path) -> str:
    """Write the file, which only its owner can read. What could not be finished is removed."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"{path} can’t be written: {error.strerror}.") from None
    try:
        with open(descriptor, "wb") as file:
            export.write(person, file, timezone.now())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return f"{path} has everything that the shop knows of {name_of(person)}."


def delete(person: Person, takes_words: bool) -> str:
    name = name_of(person)
    if person.user is None:
        forget_visitor(person.guest, takes_words)
    elif leaving.is_last_superuser(person.user):
        raise CommandError(f"{name} is the only superuser. Make somebody else one first, in the admin.")
    else:
        leaving.leave(person.user, takes_words)
    words = "Their messages are erased." if takes_words else "Their messages stay under “deleted account”."
    return f"Forgot {name}. Their orders stay in the books and belong to nobody. {words}"


def name_of(person: Person) -> str:
    if person.user:
        return person.user.get_username()
    placed = Order.objects.filter(user=None, guest=person.guest).count() + store.number_of(Owner(guest=person.guest))
    return f"the visitor who placed this order ({placed} order{'s' * (placed != 1)} in all)"


def confirmed(person: Person) -> bool:
    try:
        return input(f"Forget {name_of(person)} for good? Type yes: ").strip().lower() == "yes"
    except EOFError:
        raise usage_error("Nobody is there to ask: add --yes.") from None
