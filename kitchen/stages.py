"""The stages of an order, as data. Everything else about stages is derived from this table.

A new stage is an entry here, its station (kitchen.Station), and one migration: `makemigrations home` writes the
conditions of the order's constraint and indexes, and the station is made in it. Imports nothing of the project.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    code: str
    label: str  # the status that sockets and lists show
    progress: int  # per cent
    station: str = ""  # the station that does the work; empty: none, the order has left the kitchen
    working: str = ""  # what the customer reads while the work is done, or when it is over
    waiting: str = ""  # and while the order stands in the station's line
    started: str = ""  # what the timeline says when the work began


STAGES = (
    Stage(
        "received",
        "Order received",
        20,
        station="Make line",
        working="Being made",
        waiting="Waiting for the make line",
        started="We started making your order",
    ),
    Stage(
        "baking",
        "Baking",
        40,
        station="Oven",
        working="In the oven",
        waiting="Waiting for the oven",
        started="Your pizza went into the oven",
    ),
    Stage(
        "baked",
        "Baked",
        60,
        station="Cutting bench",
        working="Being cut and boxed",
        waiting="Waiting to be cut and boxed",
        started="Out of the oven, being cut and boxed",
    ),
    Stage(
        "out_for_delivery",
        "Out for delivery",
        80,
        station="Drivers",
        working="On its way",
        waiting="Waiting for a driver",
        started="On its way to you",
    ),
    Stage("delivered", "Delivered", 100, working="Delivered. Enjoy your meal!"),
)
CANCELLED = Stage("cancelled", "Cancelled", 100, working="Cancelled")

BY_CODE = {stage.code: stage for stage in (*STAGES, CANCELLED)}
FIRST, LAST = STAGES[0].code, STAGES[-1].code
WORKED = tuple(stage.code for stage in STAGES if stage.station)  # the stages that have a station, in order
ENDED = (LAST, CANCELLED.code)


def after(code: str) -> str:
    """Return the stage that follows; ValueError after the last."""
    if code in ENDED:
        raise ValueError(f"Nothing comes after {BY_CODE[code].label.lower()}.")
    return STAGES[STAGES.index(BY_CODE[code]) + 1].code


def before(code: str) -> tuple[str, ...]:
    """Return the stage that came before, none for the first and for a cancelled order."""
    number = STAGES.index(BY_CODE[code]) if code != CANCELLED.code else 0
    return (STAGES[number - 1].code,) if number else ()


def remaining(code: str) -> tuple[str, ...]:
    """Return the stages that still need work, this one first."""
    return WORKED[WORKED.index(code) :] if code in WORKED else ()


def literal(codes: tuple[str, ...]) -> str:
    """Return a list of codes for SQL: the databases use a partial index only if its condition is there literally."""
    return "({})".format(", ".join(f"'{code}'" for code in codes))


def choices() -> list[tuple[str, str]]:
    """Return codes and labels for a model's field. As a callable it keeps them out of migrations."""
    return [(stage.code, stage.label) for stage in BY_CODE.values()]


def worked_choices() -> list[tuple[str, str]]:
    """Return the same for the stages that have a station."""
    return [(code, BY_CODE[code].label) for code in WORKED]


def _check() -> None:
    progress = [stage.progress for stage in STAGES]
    assert progress == sorted(set(progress)) and progress[-1] == 100, "progress must rise to 100"
    assert len(BY_CODE) == len(STAGES) + 1, "a stage's code must be unique"
    words = [(stage.working, stage.waiting, stage.started) for stage in STAGES if stage.station]
    assert all(map(all, words)), "a stage with a station needs its three sentences"
    assert all(code.isidentifier() for code in BY_CODE), "codes stand in SQL as they are"
    assert not STAGES[-1].station and all(stage.station for stage in STAGES[:-1]), "only the last has no station"


_check()
