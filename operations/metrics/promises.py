"""What the ledger of promises says: how many were made, kept and broken, and the share of the newest."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from kitchen.promises import days, ledger
from operations.metrics.families import counter, gauge

SIMULATED = ("simulated",)
KEPT, BROKEN, NOT_JUDGED = "kept", "broken", "not_judged"


def read() -> Iterator[Metric]:
    sums = {word(simulated): found for simulated, found in days.in_all().items()}
    given = {(simulated,): float(found.given) for simulated, found in sums.items() if found.given}
    yield counter("shop_promises_made_total", "Promises in the ledger.", SIMULATED, given)
    outcomes = {
        (outcome, simulated): float(number)
        for simulated, found in sums.items()
        for outcome, number in ((KEPT, found.kept), (BROKEN, found.broken), (NOT_JUDGED, found.not_judged))
        if number
    }
    help = "Promises whose order came, or never will: cancelled, or the clock was turned, is not judged."
    yield counter("shop_promises_ended_total", help, ("outcome", "simulated"), outcomes)
    shares = {(word(simulated),): share for simulated in (False, True) if (share := share_kept(simulated)) is not None}
    help = f"The share of the newest {ledger.SHOWN} promises that were kept; nine of ten are meant to be."
    yield gauge("shop_promises_kept_ratio", help, SIMULATED, shares)


def share_kept(simulated: bool) -> float | None:
    newest = list(ledger.judged(simulated).order_by("-pk").values_list("kept", flat=True)[: ledger.SHOWN])
    return sum(map(bool, newest)) / len(newest) if newest else None


def word(simulated: object) -> str:
    return str(simulated).lower()
