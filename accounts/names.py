"""Show names of people; find those that are taken, or so similar to a taken one that people would confuse the two."""

import unicodedata
from functools import reduce
from operator import or_

from django.contrib.auth.models import User
from django.db.models import Q

# Letters that look the same, one below the other. Case matters: "В" passes for "B", but "в" does not for "b".
ALIKE = [
    ("ABCEHIJKMOPQSTWXYacdehijlopqswxy", "АВСЕНІЈКМОРԚЅТԜХУасԁеһіјӏорԛѕԝху"),  # Cyrillic
    ("ABEHIKMNOPTXYZaikopuvx", "ΑΒΕΗΙΚΜΝΟΡΤΧΥΖαικορυνχ"),  # Greek
]
FROM_LATIN = [str.maketrans(latin, other) for latin, other in ALIKE]
TO_LATIN = {code: latin for table in FROM_LATIN for latin, code in table.items()}


def display_name(user: User) -> str:
    """Return the name that colleagues read: the full one, where the owner has entered it, else the user name."""
    return user.get_full_name() or user.get_username()


def is_taken(name: str) -> bool:
    """Return whether somebody has this user name, ignoring case and the script of its letters.

    SQLite ignores the case of ASCII letters only, so the usual spellings of other letters are tried.
    """
    alike = looks(name)
    by_case = reduce(or_, (Q(username__iexact=look) for look in alike))
    # Not `exists`: to find any one of several, PostgreSQL would rather read all names than look for each.
    return User.objects.filter(by_case | Q(username__in=set().union(*map(spellings, alike)))).count() > 0


def looks(name: str) -> set[str]:
    """Return the name as it is, in Latin letters where they look the same, and in those of each other script."""
    latin = name.translate(TO_LATIN)
    return {name, latin, *(latin.translate(table) for table in FROM_LATIN)}


def spellings(name: str) -> set[str]:
    cases = (name, name.lower(), name.upper(), name.title(), name.capitalize(), name.casefold())
    return {unicodedata.normalize("NFKC", case) for case in cases}
