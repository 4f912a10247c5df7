"""Is a name somebody's, or so like it that people would take the one for the other?"""

import unicodedata
from functools import reduce
from operator import or_

from django.contrib.auth.models import User
from django.db.models import Q

# Letters that look the same, each below its like. Small and capital ones apart: "В" passes for "B", "в" not for "b".
ALIKE = [
    ("ABCEHIJKMOPQSTWXYacdehijlopqswxy", "АВСЕНІЈКМОРԚЅТԜХУасԁеһіјӏорԛѕԝху"),  # Cyrillic
    ("ABEHIKMNOPTXYZaikopuvx", "ΑΒΕΗΙΚΜΝΟΡΤΧΥΖαικορυνχ"),  # Greek
]
FROM_LATIN = [str.maketrans(latin, other) for latin, other in ALIKE]
TO_LATIN = {code: latin for table in FROM_LATIN for latin, code in table.items()}


def is_taken(name: str) -> bool:
    """Has somebody this user name, whatever its case and the script of its letters?

    SQLite knows the case of ASCII letters only, so the usual spellings of the others are tried.
    """
    alike = looks(name)
    by_case = reduce(or_, (Q(username__iexact=look) for look in alike))
    return User.objects.filter(by_case | Q(username__in=set().union(*map(spellings, alike)))).exists()


def looks(name: str) -> set[str]:
    """The name, and what it passes for: all in Latin letters where there are such, or in those of another script."""
    latin = name.translate(TO_LATIN)
    return {name, latin, *(latin.translate(table) for table in FROM_LATIN)}


def spellings(name: str) -> set[str]:
    cases = (name, name.lower(), name.upper(), name.title(), name.capitalize(), name.casefold())
    return {unicodedata.normalize("NFKC", case) for case in cases}
