"""The stages of an order and its two ways out, as data. Everything else about stages is derived from these tables.

A new stage is an entry here and in the routes that pass it, its station (kitchen.Station), and one migration:
`makemigrations home` writes the conditions of the constraints and indexes, and the station is made in it. Imports
nothing of the project.
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
    together: str = ""  # and of a pizza that has come here and waits for the order's others, if not `waiting`
    done: str = ""  # what the log says when a person has ended the work
    is_taken: bool = False  # if people end the work here, it begins when one of them takes the order along


READY = "ready"  # where orders that are collected wait for their customer

STAGES = (
    Stage(
        "received",
        "Order received",
        20,
        station="Make line",
        working="Being made",
        waiting="Waiting for the make line",
        started="We started making your order",
        done="Made",
    ),
    Stage(
        "baking",
        "Baking",
        40,
        station="Oven",
        working="In the oven",
        waiting="Waiting for the oven",
        started="Your pizza went into the oven",
        done="Baked",
    ),
    Stage(
        "baked",
        "Baked",
        60,
        station="Cutting bench",
        working="Being cut and boxed",
        waiting="Waiting to be cut and boxed",
        started="Out of the oven, being cut and boxed",
        together="Out of the oven",
        done="Cut and boxed",
    ),
    Stage(
        "out_for_delivery",
        "Out for delivery",
        80,
        station="Drivers",
        working="On its way",
        waiting="Waiting for a driver",
        started="On its way to you",
        done="At the door",
        is_taken=True,
    ),
    Stage(
        READY,
        "Ready to collect",
        80,
        station="Counter",
        working="Ready to collect",
        waiting="Ready to collect",
        started="Ready to collect",
        done="Handed over",
    ),
    Stage("delivered", "Delivered", 100, working="Delivered. Enjoy your meal!"),
)
CANCELLED = Stage("cancelled", "Cancelled", 100, working="Cancelled")

BY_CODE = {stage.code: stage for stage in (*STAGES, CANCELLED)}
FIRST, LAST = STAGES[0].code, STAGES[-1].code
WORKED = tuple(stage.code for stage in STAGES if stage.station)  # the stages that have a station, in order
ENDED = (LAST, CANCELLED.code)


@dataclass(frozen=True)
class Route:
    """A way out of the kitchen."""

    code: str
    label: str
    stages: tuple[str, ...]
    fulfilled: str  # the stage that a promise is about
    what: str  # what is promised for that moment
    purpose: str  # what such an order is
    last_label: str  # the last stage, as this route calls it
    last_words: str


DELIVERY, CARRY_OUT = "delivery", "carry_out"
ROUTES = {
    route.code: route
    for route in (
        Route(
            DELIVERY,
            "Delivery",
            tuple(stage.code for stage in STAGES if stage.code != READY),
            fulfilled=LAST,
            what="at the door",
            purpose="to be delivered",
            last_label=BY_CODE[LAST].label,
            last_words=BY_CODE[LAST].working,
        ),
        Route(
            CARRY_OUT,
            "Collect",
            tuple(stage.code for stage in STAGES if stage.code != "out_for_delivery"),
            fulfilled=READY,
            what="ready to collect",
            purpose="to be collected",
            last_label="Collected",
            last_words="Collected. Enjoy your meal!",
        ),
    )
}


def after(code: str, way: str = DELIVERY) -> str:
    """Return the stage that follows on a route; ValueError after the last, and for a stage of another route."""
    if code in ENDED:
        raise ValueError(f"Nothing comes after {BY_CODE[code].label.lower()}.")
    route = ROUTES[way].stages
    return route[route.index(code) + 1]


def before(code: str, way: str = DELIVERY) -> tuple[str, ...]:
    """Return the stage that came before, none for the first and for a cancelled order."""
    route = ROUTES[way].stages
    number = route.index(code) if code != CANCELLED.code else 0
    return (route[number - 1],) if number else ()


def remaining(code: str, way: str = DELIVERY) -> tuple[str, ...]:
    """Return the stages of a route that still need work, this one first."""
    route = ROUTES[way].stages
    return tuple(stage for stage in route[route.index(code) :] if stage in WORKED) if code in WORKED else ()


def number(code: str) -> int:
    """Return how far along a stage is: the least advanced pizza has the lowest number."""
    return len(STAGES) if code == CANCELLED.code else STAGES.index(BY_CODE[code])


def label(code: str, way: str = DELIVERY) -> str:
    """Return a stage's name, as this route calls it."""
    return ROUTES[way].last_label if code == LAST else BY_CODE[code].label


def literal(codes: tuple[str, ...]) -> str:
    """Return a list of codes for SQL: the databases use a partial index only if its condition is there literally."""
    return "({})".format(", ".join(f"'{code}'" for code in codes))


def choices() -> list[tuple[str, str]]:
    """Return codes and labels for a model's field. As a callable it keeps them out of migrations."""
    return [(stage.code, stage.label) for stage in BY_CODE.values()]


def ways() -> list[tuple[str, str]]:
    """Return codes and labels of the routes, likewise."""
    return [(route.code, route.label) for route in ROUTES.values()]


def worked_choices() -> list[tuple[str, str]]:
    """Return the same for the stages that have a station."""
    return [(code, BY_CODE[code].label) for code in WORKED]


def _check() -> None:
    for route in ROUTES.values():
        progress = [BY_CODE[code].progress for code in route.stages]
        assert progress == sorted(set(progress)) and progress[-1] == 100, "progress must rise to 100"
        assert route.stages[0] == FIRST and route.stages[-1] == LAST, "routes begin and end alike"
        assert route.fulfilled in route.stages, "a promise is about a stage of its route"
    assert len(BY_CODE) == len(STAGES) + 1, "a stage's code must be unique"
    words = [(stage.working, stage.waiting, stage.started) for stage in STAGES if stage.station]
    assert all(map(all, words)), "a stage with a station needs its three sentences"
    assert all(code.isidentifier() for code in BY_CODE), "codes stand in SQL as they are"
    assert not STAGES[-1].station and all(stage.station for stage in STAGES[:-1]), "only the last has no station"


_check()
