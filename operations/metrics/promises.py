"""What the ledger of promises says: how many were made, kept and broken, and the share of the newest."""

from collections import Counter
from collections.abc import Iterator

from django.db.models import Count, Max, Model
from prometheus_client.core import Metric

from kitchen.models import Outcome, Promise
from kitchen.promises import ledger
from operations.metrics.families import counter, gauge

SIMULATED = ("simulated",)
RECENT = 1000  # rows that are counted each time: two tasks that add outcomes can commit in either order
KEPT, BROKEN, NOT_JUDGED = "kept", "broken", "not_judged"

Key = tuple[object, ...]


class Tally:
    """Count the rows of a table to which rows are only added, by some of their columns, each row about once."""

    def __init__(self, model: type[Model], *columns: str) -> None:
        self.model, self.columns = model, columns
        self.forget()

    def forget(self) -> None:
        self.mark = 0  # the rows up to this one are counted
        self.counted = Counter[Key]()

    def now(self) -> Counter[Key]:
        newest = self.model._default_manager.aggregate(newest=Max("pk"))["newest"] or 0
        if newest < self.mark:  # another database, such as one that was restored
            self.forget()
        mark = newest - RECENT
        if mark > self.mark:
            self.counted, self.mark = self.counted + self.between(self.mark, mark), mark
        return self.counted + self.between(self.mark, newest)

    def between(self, after: int, last: int) -> Counter[Key]:
        rows = self.model._default_manager.filter(pk__gt=after, pk__lte=last).order_by()
        found = rows.values_list(*self.columns).annotate(number=Count("pk"))
        return Counter({row[:-1]: row[-1] for row in found})


made = Tally(Promise, "simulated")
ended = Tally(Outcome, "kept", "retimed", "simulated")


def read() -> Iterator[Metric]:
    numbers = {(word(simulated),): float(number) for (simulated,), number in made.now().items()}
    yield counter("shop_promises_made_total", "Promises in the ledger.", SIMULATED, numbers)
    outcomes = Counter[tuple[str, ...]]()
    for (kept, retimed, simulated), number in ended.now().items():
        outcomes[outcome(kept, retimed), word(simulated)] += number
    help = "Promises whose order came, or never will: cancelled, or the clock was turned, is not judged."
    yield counter("shop_promises_ended_total", help, ("outcome", "simulated"), outcomes)
    shares = {(word(simulated),): share for simulated in (False, True) if (share := share_kept(simulated)) is not None}
    help = f"The share of the newest {ledger.SHOWN} promises that were kept; nine of ten are meant to be."
    yield gauge("shop_promises_kept_ratio", help, SIMULATED, shares)


def outcome(kept: object, retimed: object) -> str:
    if kept is None or retimed:
        return NOT_JUDGED
    return KEPT if kept else BROKEN


def share_kept(simulated: bool) -> float | None:
    newest = list(ledger.judged(simulated).order_by("-pk").values_list("kept", flat=True)[: ledger.SHOWN])
    return sum(map(bool, newest)) / len(newest) if newest else None


def word(simulated: object) -> str:
    return str(simulated).lower()
