"""Open a shop of the lab in a folder of its own, let it suffer, and put what was seen into a table."""

import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.chaos.crowd import BUSY, Answer
from benchmarks.chaos.embedded import Embedded
from benchmarks.chaos.faults import Fault
from benchmarks.chaos.frozen import ANSWER_SECONDS, FINE, WELL_SECONDS, Frozen, Plan, Result, Round
from benchmarks.chaos.server import Server
from benchmarks.chaos.shops import Shop
from benchmarks.processes import Died, free_port

SPEED = 3000.0
TOPOLOGIES: dict[str, type[Shop]] = {"embedded": Embedded, "server": Server}
COLUMNS = ("fault", "requests", "201, 200", "503", "other", "none", "slowest, s", "well again after, s")


def run(
    topology: str,
    find: Callable[[Shop], list[Fault]],
    plan: Plan,
    say: Callable[[str], None],
    port: int | None = None,
    speed: float | None = None,
    only: str = "",
) -> Result:
    """Run the faults whose name contains `only`. The folder is kept if something went wrong."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="pizza-lab-"))
    shop = TOPOLOGIES[topology](folder, port or free_port(), speed or SPEED)
    try:
        pizzas = shop.open()
        faults = chosen(find(shop), only)
        for note in shop.notes:
            say(note)
        length = "" if all(fault.is_a_moment for fault in faults) else f" of {plan.seconds:g} s each"
        say(f"{len(faults)} faults{length}, {plan.per_second:g} orders a second.")
        result = Frozen(shop, plan, say).run(pizzas, faults)
        is_kept = bool(result.faults)
    except Died:
        is_kept = True
        raise
    except BaseException:  # Ctrl-C, or no fault of that name
        is_kept = False
        raise
    finally:
        shop.close()
        if is_kept:
            print(f"Logs and data are kept in {' and '.join(map(str, shop.folders))}", file=sys.stderr)
        else:
            shop.clear_away()
    return result


def chosen(faults: list[Fault], only: str) -> list[Fault]:
    """Return the fault of this name, or all with this word in their name."""
    found = [fault for fault in faults if fault.name == only] or [fault for fault in faults if only in fault.name]
    if not found:
        raise ValueError(f"No fault is called “{only}”. There are: {', '.join(fault.name for fault in faults)}.")
    return found


def summary(result: Result) -> str:
    again = ", ".join(f"{name} {count} times" for name, count in result.restarts.items())
    bar = max((one.bar_seconds for one in result.rounds), default=WELL_SECONDS)
    return (
        f"{result.orders} orders accepted: {result.audit.sentence} "
        f"Bars: an answer within {ANSWER_SECONDS:g} s, well within {bar:g} s. "
        + (f"Started again: {again}." if again else "Nothing had to be started again.")
    )


def rows(result: Result) -> list[tuple[str, ...]]:
    """Return a line for each fault. In brackets: what came while the only door stood still, which is not judged."""
    return [row(one) for one in result.rounds]


def row(one: Round) -> tuple[str, ...]:
    cells = counted(one.judged)
    if one.fault.is_the_door:
        cells = [f"{cell} ({other})" for cell, other in zip(cells, counted(one.meanwhile), strict=True)]
    return (one.fault.name, *cells, f"{one.well_seconds:.1f}")


def counted(answers: list[Answer]) -> list[str]:
    fine = sum(answer.status in FINE[answer.what] for answer in answers)
    busy = sum(answer.status == BUSY for answer in answers)
    none = sum(answer.status == 0 for answer in answers)
    slowest = max((answer.seconds for answer in answers), default=0.0)
    counts = (len(answers), fine, busy, len(answers) - fine - busy - none, none)
    return [*map(str, counts), f"{slowest:.1f}"]
