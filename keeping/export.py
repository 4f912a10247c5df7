"""Pack what the shop knows of one person: a zip with readable JSON and their picture."""

import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import IO, Any

from django.apps import apps
from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, Q

from accounts.models import Profile
from archive import told
from keeping.table import TABLE, Section

ABOUT = (
    "Everything this shop keeps about you. Passwords and the keys of tokens are not in it: the shop knows only their "
    "digests. Of other people it holds user names alone."
)
JSON, PICTURE = "data.json", "picture.webp"
READ_ROWS = 200  # at a time


class TooMuch(Exception):
    """There is more than asked for."""


@dataclass(frozen=True)
class Person:
    """An account, or a visitor, known by the word in their session."""

    user: User | None = None
    guest: str = ""


def write(person: Person, file: IO[bytes], now: datetime, most_bytes: int | None = None) -> None:
    """Write the zip. TooMuch if its JSON would be longer, and then the file is of no use."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        with packed.open(JSON, "w", force_zip64=True) as told:
            for piece in bounded(pieces(person, now), most_bytes):
                told.write(piece)
        picture = picture_of(person)
        if picture is not None:
            packed.writestr(PICTURE, picture)


def bounded(texts: Iterable[str], most_bytes: int | None) -> Iterator[bytes]:
    size_bytes = 0
    for text in texts:
        piece = text.encode()
        size_bytes += len(piece)
        if most_bytes is not None and size_bytes > most_bytes:
            raise TooMuch
        yield piece


def pieces(person: Person, now: datetime) -> Iterator[str]:
    """Yield the JSON, each row on a line of its own, as they are read: there can be more than fits into memory."""
    yield f'{{\n"about": {as_json(ABOUT)},\n"made_at": {as_json(now)}'
    for label, kept in TABLE.items():
        for section in kept.sections:
            number = 0
            for number, row in enumerate(rows(apps.get_model(label), section, person), 1):
                yield (f",\n{as_json(section.name)}: [\n" if number == 1 else ",\n") + as_json(row)
            if number:
                yield "\n]"
    yield "\n}\n"


def as_json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def rows(model: type[Model], section: Section, person: Person) -> Iterator[dict[str, Any]]:
    """Yield the rows of a section, the oldest first; behind them those that are in the archive."""
    wanted = condition(section, person)
    if wanted is None:
        return
    columns = [column.partition("=") for column in section.columns.split()]
    names = [name for name, _, _ in columns]
    found = model._default_manager.filter(wanted).order_by("pk")
    for values in found.values_list(*(way or name for name, _, way in columns)).iterator(READ_ROWS):
        yield dict(zip(names, values, strict=True))
    # Behind them: an order that moves into the archive at this moment is told twice rather than not at all.
    for row in told.rows(model, section.user[0], person.user.pk if person.user else None, person.guest):
        yield {name: told.value(row, way or name) for name, _, way in columns}


def condition(section: Section, person: Person) -> Q | None:
    """Return which rows are this person's; None: a visitor has none. What an account owns is no visitor's."""
    if person.user is not None:
        return reduce(or_, (Q(**{way: person.user.pk}) for way in section.user))
    if not section.guest or not person.guest:
        return None
    return Q(**{section.guest: person.guest, f"{section.user[0]}__isnull": True})


def picture_of(person: Person) -> bytes | None:
    profile = Profile.objects.filter(user=person.user).first() if person.user else None
    if profile is None or not profile.picture:
        return None
    try:
        with profile.picture.open() as file:
            return bytes(file.read())
    except OSError:  # the file is gone: what the row says is in the JSON
        return None
