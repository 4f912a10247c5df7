"""The sums of each day of the ledger, so that nobody adds up all that there ever was.

Rows of the ledger are only added, so a sum of all up to a mark stays right. The newest rows are added up when somebody
asks: two tasks that add outcomes can commit in either order, and the mark stays well behind both. Where the sums are
missing, as after an upgrade, they are made a piece at a time; until then more is added up at each question.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, Count, DateField, F, Max, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Abs, Coalesce, TruncDate

from kitchen.models import LedgerDay, Outcome, Promise, Shop

RECENT = 1000  # rows that are left for later: two transactions can commit in either order
LEAST, MOST = 500, 1000  # rows that are added to the sums at a time

Key = tuple[date, bool]  # a day, and whether it is about simulated orders
COUNTED = ("given", "kept", "broken", "not_judged", "width_seconds", "error_seconds")


@dataclass
class Sums:
    """What happened to promises on a day, or on several."""

    given: int = 0
    kept: int = 0
    broken: int = 0
    not_judged: int = 0
    width_seconds: float = 0.0
    error_seconds: float = 0.0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))

    @property
    def judged(self) -> int:
        return self.kept + self.broken


Days = dict[Key, Sums]


def since(first: date) -> Days:
    """Return what came on the days from this one on. Promises that were given are left out."""
    rows, (_, outcomes) = read(
        LedgerDay.objects.filter(day__gte=first).order_by().values_list("day", "simulated", *COUNTED)
    )
    found = together({(day, simulated): Sums(*sums) for day, simulated, *sums in rows}, came(outcomes))
    return {key: replace(sums, given=0) for key, sums in found.items() if key[0] >= first}


def in_all() -> dict[bool, Sums]:
    """Return the sums of all days, of real and of simulated orders."""
    sums_of = {f"all_{name}": Sum(name) for name in COUNTED}
    nobodys_day = Value(None, DateField())
    kinds = LedgerDay.objects.order_by().values("simulated").annotate(none=nobodys_day, **sums_of)
    rows, (promises, outcomes) = read(kinds.values_list("none", "simulated", *sums_of))
    found = defaultdict(Sums, {simulated: Sums(*sums) for _, simulated, *sums in rows})
    for (_, simulated), sums in together(given(promises), came(outcomes)).items():
        found[simulated] += sums
    return found


def read(rows: Any) -> tuple[list[tuple[Any, ...]], tuple[int, int]]:
    """Return rows of sums, and up to where promises and outcomes are in them. Both change at once: one statement.

    The shop's row is told by its lack of a kind.
    """
    marks = Shop.objects.order_by().values_list(
        Value(None, DateField()),
        Value(None, BooleanField()),
        "promises_summed",
        "outcomes_summed",
        *[Value(0)] * (len(COUNTED) - 2),
    )
    found = list(rows.union(marks, all=True))
    summed = [row for row in found if row[1] is not None]
    return summed, next(((row[2], row[3]) for row in found if row[1] is None), (0, 0))


def add_up() -> bool:
    """Add some rows to the sums, if there are enough; return whether there were. Safe to run twice at once."""
    seen = marks_of(Shop.objects.get())
    promises, outcomes = next_mark(Promise, seen[0]), next_mark(Outcome, seen[1])
    if (promises, outcomes) == seen:
        return False
    with transaction.atomic():  # behind the kitchen's lock, only for as long as it takes
        shop = Shop.objects.select_for_update(no_key=True).get()
        if marks_of(shop) != seen:
            return False  # somebody else was first
        store(together(given(shop.promises_summed, promises), came(shop.outcomes_summed, outcomes)))
        Shop.objects.update(promises_summed=promises, outcomes_summed=outcomes)
    return True


def marks_of(shop: Shop) -> tuple[int, int]:
    return shop.promises_summed, shop.outcomes_summed


def next_mark(model: type[Promise] | type[Outcome], mark: int) -> int:
    """Return up to where the rows of a table are to be summed now."""
    ready = model.objects.filter(pk__gt=mark, pk__lte=newest(model) - RECENT).order_by("pk")
    pks = list(ready.values_list("pk", flat=True)[:MOST])
    return pks[-1] if len(pks) >= LEAST else mark


def newest(model: type[Promise] | type[Outcome]) -> int:
    return int(model.objects.aggregate(newest=Max("pk"))["newest"] or 0)


def store(days: Days) -> None:
    for (day, simulated), sums in days.items():
        row, _ = LedgerDay.objects.get_or_create(day=day, simulated=simulated)
        more = dict(zip(COUNTED, astuple(sums), strict=True))
        LedgerDay.objects.filter(pk=row.pk).update(**{name: F(name) + value for name, value in more.items()})


# Adding up


def given(after: int, until: int | None = None) -> Days:
    rows = Promise.objects.filter(between(after, until)).annotate(day=TruncDate("at"))
    counted = rows.order_by().values_list("day", "simulated").annotate(Count("pk"))
    return {(day, simulated): Sums(given=number) for day, simulated, number in counted}


def came(after: int, until: int | None = None) -> Days:
    # Subqueries: with a join PostgreSQL would read all promises that there ever were, to look a thousand up in them.
    promises = Promise.objects.filter(pk=OuterRef("promise_id"))
    # Coalesce: otherwise SQLite would walk an index of all outcomes that there are, so as not to sort a thousand.
    rows = Outcome.objects.filter(between(after, until)).annotate(
        day=TruncDate("at"),
        of=Coalesce("simulated", Value(False)),
        wide=Subquery(promises.values(wide=F("high_seconds") - F("low_seconds"))),
        middle=Subquery(promises.values("median_seconds")),
    )
    is_judged = Q(kept__isnull=False, retimed=False)
    counted = (
        rows.order_by()
        .values_list("day", "of")
        .annotate(
            kept_ones=Count("pk", filter=is_judged & Q(kept=True)),
            broken=Count("pk", filter=is_judged & Q(kept=False)),
            others=Count("pk", filter=Q(kept=None) | Q(retimed=True)),
            width=Sum("wide", filter=is_judged, default=0.0),
            error=Sum(Abs(F("seconds") - F("middle")), filter=is_judged, default=0.0),
        )
    )
    return {(day, simulated): Sums(0, *sums) for day, simulated, *sums in counted}


def between(after: int, until: int | None) -> Q:
    return Q(pk__gt=after) if until is None else Q(pk__gt=after, pk__lte=until)


def together(*parts: Days) -> Days:
    return added((key, sums) for part in parts for key, sums in part.items())


def added(rows: Iterable[tuple[Key, Sums]]) -> Days:
    found: dict[Key, Sums] = defaultdict(Sums)
    for key, sums in rows:
        found[key] += sums
    return dict(found)
