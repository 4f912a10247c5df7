"""What the sweeps find and put right: counted, and told to whoever wants to raise an alarm (operations.alarms).

Whoever finds something logs it itself, in its own words, and notes it here after the commit.
"""

from django.dispatch import Signal

from telemetry.counts import counts

FOUND = "shop_sweep_found_total"

found = Signal()  # what, count: sent after it was put right; a receiver must not wait


def note(what: str, count: int) -> None:
    """Count what a sweep has found. Nothing happens if that is nothing."""
    if count > 0:
        counts.add(FOUND, what, amount=count)
        found.send_robust(None, what=what, count=count)
