"""How accounts are found, however many there are: by beginnings, which indexes serve, and the newest by any part."""

from collections.abc import Callable, Iterator
from functools import reduce
from operator import or_

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils.text import smart_split, unescape_string_literal

from accounts.names import spellings

NEWEST_READ = 2_000  # accounts, of which any part is searched
MOST_FOUND = 500  # accounts in each way: whoever wants another one types more of the name
NAMES = ("username", "email", "first_name", "last_name")
INDEXED = NAMES[:2]  # accounts.migrations.0004


def named(text: str) -> list[int]:
    """Return the keys of the accounts whose user name is, or begins with, this text, and of newest ones with it."""
    ways = [User.objects.filter(cased("username", lookup, text)) for lookup in ("iexact", "istartswith")]
    return keys(*ways, newest().filter(cased("username", "icontains", text)))


def with_word(word: str) -> list[int]:
    """Return the keys of the accounts whose user name or e-mail address begins with a word.

    Those of the staff, and the newest, are also found by any part of these, or of the first or last name.
    """
    begins = [User.objects.filter(cased(column, "istartswith", word)) for column in INDEXED]
    has_it = reduce(or_, (cased(column, "icontains", word) for column in NAMES))
    return keys(*begins, User.objects.filter(has_it, is_staff=True), newest().filter(has_it))


def with_all(text: str, find: Callable[[str], list[int]]) -> set[int] | None:
    """Return the keys that are found for each of the words of a text; None if it has none."""
    found: set[int] | None = None
    for word in dict.fromkeys(words_of(text)):
        found = set(find(word)) if found is None else found & set(find(word))
        if not found:
            break
    return found


def words_of(text: str) -> Iterator[str]:
    """Divide what is searched at its spaces, but not within quotes, as Django's admin does."""
    for bit in smart_split(text):
        is_quoted = bit.startswith(('"', "'")) and bit[0] == bit[-1]
        yield unescape_string_literal(bit) if is_quoted else bit


def cased(column: str, lookup: str, text: str) -> Q:
    """Match a column in any case. Not each database knows that of letters outside ASCII: usual spellings are tried."""
    words = {text} if text.isascii() else {text, *spellings(text)}
    return reduce(or_, (Q(**{f"{column}__{lookup}": word}) for word in sorted(words)))


def newest() -> QuerySet[User]:
    last = User.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return User.objects.filter(pk__gt=last - NEWEST_READ)


def keys(*found: QuerySet[User]) -> list[int]:
    """Return some keys of each. No order: it would be found by reading another index to its end."""
    return sorted({pk for accounts in found for pk in accounts.order_by().values_list("pk", flat=True)[:MOST_FOUND]})
