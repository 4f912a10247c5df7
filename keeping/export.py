"""Pack what the shop knows of one person: a zip with readable JSON and their picture."""

import json
import zipfile
from collections.abc import Iterator
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
from keeping.table import TABLE, Section

ABOUT = (
    "Everything this shop keeps about you. Passwords and the keys of tokens are not in it: the shop knows only their "
    "digests. Of other people it holds user names alone."
)
JSON, PICTURE = "data.json", "picture.webp"


class TooMuch(Exception):
    """There are more rows than asked for."""


@dataclass(frozen=True)
class Person:
    """An account, or a visitor, known by the word in their session."""

    user: User | None = None
    guest: str = ""


def write(person: Person, file: IO[bytes], now: datetime, most_rows: int | None = None) -> None:
    """Write the zip. TooMuch if there are more rows, and then the file is of no use."""
    data = {"about": ABOUT, "made_at": now, **sections(person, most_rows)}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(JSON, json.dumps(data, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False))
        picture = picture_of(person)
        if picture is not None:
            packed.writestr(PICTURE, picture)


def sections(person: Person, most_rows: int | None = None) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    left = most_rows
    for label, kept in TABLE.items():
        for section in kept.sections:
            found[section.name] = list(rows(apps.get_model(label), section, person, left))
            left = None if left is None else left - len(found[section.name])
    return {name: there for name, there in found.items() if there}


def rows(model: type[Model], section: Section, person: Person, most: int | None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a section, the oldest first."""
    wanted = condition(section, person)
    if wanted is None:
        return
    columns = [column.partition("=") for column in section.columns.split()]
    names = [name for name, _, _ in columns]
    found = (
        model._default_manager.filter(wanted).order_by("pk").values_list(*(way or name for name, _, way in columns))
    )
    for number, values in enumerate(found.iterator()):
        if most is not None and number >= most:
            raise TooMuch
        yield dict(zip(names, values, strict=True))


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
