"""How orders are found in the admin: by filters and words that an index serves, however many orders there are."""

from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts.finding import words_of
from home.models import Order, is_one_of
from kitchen import stages

NEWEST_READ = 2_000  # orders, of which all that is searched is read
MOST_CUSTOMERS = 100  # whose names begin with a word
LAST_LETTER = chr(0x10FFFF)


class StageFilter(admin.SimpleListFilter):
    """Filter by stage. Open and cancelled orders are found by their indexes; the others are nearly all there are."""

    title = "stage"
    parameter_name = "stage__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return stages.choices()

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        stage = self.value()
        if stage is None:
            return queryset
        if stage == stages.CANCELLED.code:
            return queryset.filter(is_one_of((stage,)))
        return (queryset.open() if stage in stages.WORKED else queryset).filter(stage=stage)


class WayFilter(admin.SimpleListFilter):
    """Filter by the way out, of which one can be rare."""

    title = "way"
    parameter_name = "way__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return stages.ways()

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        way = self.value()
        return queryset.filter(is_one_of((way,), "way")) if way in stages.ROUTES else queryset


class HeldFilter(admin.SimpleListFilter):
    """Find what is on hold. That is among the open orders: what leaves the kitchen is held no longer."""

    title = "held"
    parameter_name = "held__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", "Yes"), ("0", "No")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() not in ("0", "1"):
            return queryset
        return queryset.open().filter(held=True) if self.value() == "1" else queryset.filter(held=False)


def found(orders: QuerySet[Order], words: str) -> QuerySet[Order]:
    """Return the orders that have each of these words: as the beginning of the id or the customer's name.

    The newest orders are also found by any part of the name, or of the summary.
    """
    for word in words_of(words):
        orders = orders.filter(pk__in=with_word(word))
    return orders


def with_word(word: str) -> QuerySet[Any]:
    """Return the keys of the orders with a word. Each of the three is a look into an index, or at a few rows."""
    rows = Order.objects.order_by()
    spellings = {word, word.lower(), word.upper(), word.title()}
    customers = User.objects.filter(reduce(or_, (beginning_with("username", one) for one in spellings)))
    newest = Order.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return (
        rows.filter(beginning_with("order_id", word.removeprefix("#").lower()))
        .values("pk")
        .union(
            rows.filter(user__in=list(customers.order_by("username")[:MOST_CUSTOMERS])).values("pk"),
            rows.filter(
                Q(summary__icontains=word) | Q(user__username__icontains=word), pk__gt=newest - NEWEST_READ
            ).values("pk"),
        )
    )


def beginning_with(column: str, word: str) -> Q:
    """Return a condition that is a range of the column's index. SQLite's LIKE, which knows no case, uses none."""
    if connection.vendor == "postgresql":
        return Q(**{f"{column}__startswith": word})
    return Q(**{f"{column}__gte": word, f"{column}__lt": word + LAST_LETTER})
