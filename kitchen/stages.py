"""The stages of an order, as data. Everything else about stages is derived from this table.

Imports nothing of ours: both clocks (the live kitchen and the simulator) read it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    code: str
    label: str  # the status that sockets and lists show
    progress: int  # per cent
    station: str  # who does the work; empty: nobody, the order has left the kitchen
    working: str  # what the customer reads while the work is done
    waiting: str = ""  # and while the order stands in the station's line


STAGES = (
    Stage("received", "Order received", 20, "Make line", "Being made", "Waiting for the make line"),
    Stage("baking", "Baking", 40, "Oven", "In the oven", "Waiting for the oven"),
    Stage("baked", "Baked", 60, "Cutting bench", "Being cut and boxed", "Waiting to be cut and boxed"),
    Stage("out_for_delivery", "Out for delivery", 80, "Drivers", "On its way", "Waiting for a driver"),
    Stage("delivered", "Delivered", 100, "", "Delivered. Enjoy your meal!"),
)
CANCELLED = Stage("cancelled", "Cancelled", 100, "", "Cancelled")

BY_CODE = {stage.code: stage for stage in (*STAGES, CANCELLED)}
CHOICES = [(stage.code, stage.label) for stage in BY_CODE.values()]
FIRST, LAST = STAGES[0].code, STAGES[-1].code
WORKED = tuple(stage.code for stage in STAGES if stage.station)  # the stages that have a station, in order
ENDED = (LAST, CANCELLED.code)


def after(code: str) -> str:
    """The stage that follows; ValueError after the last."""
    if code in ENDED:
        raise ValueError(f"Nothing comes after {BY_CODE[code].label.lower()}.")
    return STAGES[STAGES.index(BY_CODE[code]) + 1].code


def before(code: str) -> tuple[str, ...]:
    """The stage that came before, none for the first and for a cancelled order."""
    place = STAGES.index(BY_CODE[code]) if code != CANCELLED.code else 0
    return (STAGES[place - 1].code,) if place else ()


def remaining(code: str) -> tuple[str, ...]:
    """The stages that still need work, this one first."""
    return WORKED[WORKED.index(code) :] if code in WORKED else ()


def literal(codes: tuple[str, ...]) -> str:
    """A list of codes for SQL: the databases use a partial index only where its condition stands there literally."""
    return "({})".format(", ".join(f"'{code}'" for code in codes))


def _check() -> None:
    progress = [stage.progress for stage in STAGES]
    assert progress == sorted(set(progress)) and progress[-1] == 100, "progress must rise to 100"
    assert len(BY_CODE) == len(STAGES) + 1, "a stage's code must be its own"
    assert all(code.isidentifier() for code in BY_CODE), "codes stand in SQL as they are"
    assert not STAGES[-1].station and all(stage.station for stage in STAGES[:-1]), "only the last has no station"


_check()
