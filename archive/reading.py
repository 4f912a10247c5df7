"""Find orders wherever they are: in the shop's tables, else in the archive."""

from collections.abc import Collection
from datetime import date, datetime, time

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet
from django.utils import timezone

from accounts import rights
from archive import store
from archive.document import orders_of
from archive.store import Owner, Place
from home.admin.finding import beginning_with
from home.live import is_order_id
from home.models import Order

MOST_FOUND = 100
LEAST_LETTERS = 4  # of an id, as its number has: with fewer it could be any order
MOST_CUSTOMERS = 20  # whose names begin with a word


def order_at(order_id: str, orders: QuerySet[Order]) -> Order | None:
    """Return the order with this id: of `orders`, or archived. None if there is none.

    Who asks has looked into the tables first: an order is put away before it is removed there.
    """
    found = orders.filter(order_id=order_id).first() if is_order_id(order_id) else None
    return found or next(iter(archived([order_id])), None)


def archived(order_ids: Collection[str]) -> list[Order]:
    return orders_of(store.by_address([order_id for order_id in order_ids if is_order_id(order_id)]))


def owner_of(user: User | AnonymousUser, guest: str) -> Owner | None:
    """Return whose orders this person sees in a list; None: everybody's."""
    if rights.has(user, rights.SEE_ORDERS):
        return None
    return Owner(user.pk) if user.is_authenticated else Owner(guest=guest)


def page(
    owner: Owner | None, before: Place | None, most: int, only_real: bool = False
) -> tuple[list[Order], Place | None]:
    """Return a page of orders, the newest first, and from where the next one goes on; None if it is the last."""
    found = store.page(owner, before, most + 1, only_real)
    after = (found[most - 1].month, found[most - 1].id) if len(found) > most else None
    return orders_of(found[:most]), after


def search(words: str) -> list[Order]:
    """Return the newest orders of anybody whose id, or whose customer's name, begins with this."""
    word = words.strip()
    begun = word.removeprefix("#").lower()
    by_id = store.beginning_with(begun, MOST_FOUND) if len(begun) >= LEAST_LETTERS else []
    found = {row.id: row for row in by_id}
    for user_pk in customers(word):
        found |= {row.id: row for row in store.page(Owner(user_pk), None, MOST_FOUND)}
    newest = sorted(found.values(), key=lambda row: (row.month, row.id), reverse=True)
    return orders_of(newest[:MOST_FOUND])


def customers(word: str) -> list[int]:
    named = User.objects.filter(beginning_with("username", word)).order_by("username")
    return list(named.values_list("pk", flat=True)[:MOST_CUSTOMERS])


def placed_on(day: date) -> list[tuple[datetime, int, str]]:
    """Return (when it was placed, pizzas, way) of the orders of a day of the shop."""
    since = timezone.make_aware(datetime.combine(day, time.min))
    until = timezone.make_aware(datetime.combine(day, time.max))
    return store.placed(since, until)
