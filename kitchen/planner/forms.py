"""The planner's form: its fields with their values, and the plan's request from what was sent.

A field's name is its path in the request (kitchen.planner.requests), so an error is shown beside its field.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kitchen.planner.requests import HOURS, MEASURED, Present
from kitchen.planner.scenarios import BELT, FIELD_NAMES, StationPlan
from simulation import distributions
from simulation.distributions.text import EXAMPLE, written
from simulation.fields import SpecError

OWN_HELP = f"For distributions that take some, such as {EXAMPLE}"
LEAST_SLIDER = 12  # the least maximum of a slider of places
DEEPEST = 6  # scenarios.0.stations.baking.places has four parts before the last
OUR_OWN = ("csrfmiddlewaretoken", "page_of")  # hidden in every form of ours
PERCENT = "_percent"  # forms have per cent, plans have shares: keep_percent is the plan's keep
SHARES = ("keep", "carry_out")
QUESTIONS = (
    ("compare", "Compare"),
    ("crew", "Smallest crew"),
    ("now", "From now"),
)
DEMAND_WORDS = (
    ("friday", "A Friday evening, 16 to 23"),
    ("day", "A whole day, 11 to 23"),
    ("lunch", "Lunch, 11 to 15"),
    ("flat", "The same all day"),
    ("hours", "Hour by hour"),
    ("measured", "A past day, as it was"),
)


@dataclass(frozen=True)
class Field:
    name: str
    label: str
    value: Any = ""
    kind: str = "number"  # number, text, date or select
    low: float | None = None
    high: float | None = None
    step: str = "1"
    slider: float | None = None  # the maximum of a slider beside it
    choices: Sequence[tuple[str, str]] = ()
    help: str = ""
    when: str = ""  # shown only then: "question=crew"
    error: str = ""

    @property
    def id(self) -> str:
        return self.name.replace(".", "-")


@dataclass(frozen=True)
class ScenarioFields:
    number: int
    places: list[Field]
    name: Field
    more: list[Field]
    error: str = ""
    is_open: bool = field(default=False)  # a field of the folded part has a value


class Values:
    """The values of the form: those of the request, otherwise the shop as it is."""

    def __init__(self, asked: Any, problem: SpecError | None) -> None:
        self.flat = dict(_flattened(asked if isinstance(asked, Mapping) else {}))
        self.problem = problem
        demand = asked.get("demand") if isinstance(asked, Mapping) else None
        hours = demand.get("by_hour") if isinstance(demand, Mapping) else None
        if isinstance(hours, Mapping | list):  # from a program: here it is a line of text
            pairs = hours.items() if isinstance(hours, Mapping) else enumerate(hours)
            self.flat["demand.by_hour"] = ", ".join(f"{hour}: {rate}" for hour, rate in pairs if rate)
        for name in [name for name in self.flat if is_share(name)]:
            self.flat[name + PERCENT] = percent(self.flat[name])

    def field(self, name: str, label: str, default: Any = "", **options: Any) -> Field:
        value = self.flat.get(name, default)
        text = f"{value:g}" if isinstance(value, float) else value
        return Field(name, label, text, error=self.error(name), **options)

    def error(self, *names: str) -> str:
        if self.problem is None:
            return ""
        about = self.problem.field + (PERCENT if is_share(self.problem.field) else "")
        return str(self.problem) if about in names else ""

    def has(self, names: Iterable[str]) -> bool:
        return any(name in self.flat for name in names)


def is_share(name: str) -> bool:
    return name.rpartition(".")[2] in SHARES


def percent(share: Any) -> Any:
    try:
        return f"{100 * float(share):g}"
    except (TypeError, ValueError):
        return share


def _flattened(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    pairs = values.items() if isinstance(values, Mapping) else enumerate(values)
    for name, value in pairs:
        here = f"{path}.{name}" if path else str(name)
        if name == "parameters" and isinstance(value, Mapping):  # from a program: here it is a line of text
            yield here, written(value)
        elif isinstance(value, Mapping | list):
            yield from _flattened(value, here)
        else:
            yield here, value


def context(asked: Any, problem: SpecError | None, present: Present) -> dict[str, Any]:
    """Return the template's context. An error is shown beside its field, or above the form."""
    values = Values(asked, problem)
    count = len(asked.get("scenarios") or []) if isinstance(asked, Mapping) else 0
    scenarios = [scenario_fields(values, number, present.stations) for number in range(max(1, count))]
    form: dict[str, Any] = {
        "questions": [(code, words, code == (values.flat.get("question") or "compare")) for code, words in QUESTIONS],
        "day": day_fields(values, present),
        "scenarios": scenarios,
        "blank": scenario_fields(Values({}, None), 0, present.stations, "N"),
        "crew": crew_fields(values, present.stations),
        "precision": precision_fields(values),
        "one_more": bool(values.flat.get("one_more", not asked)),
    }
    shown = [*form["day"], *form["crew"], *form["precision"]]
    shown += [item for row in scenarios for item in (row.name, *row.places, *row.more)]
    placed = any(item.error for item in shown) or any(row.error for row in scenarios)
    return {**form, "problem": "" if placed or problem is None else str(problem), "refused": problem is not None}


def day_fields(values: Values, present: Present) -> list[Field]:
    add = values.field
    return [
        add("demand.profile", "The day", "friday", kind="select", choices=DEMAND_WORDS),
        add(
            "demand.per_hour",
            "Orders an hour, on average",
            float(present.per_hour),
            low=0,
            high=10000,
            step="any",
            slider=max(60.0, 2 * present.per_hour),
            when="demand.profile=friday,day,lunch,flat",
        ),
        add(
            "demand.by_hour",
            "Orders in each hour",
            kind="text",
            help="Such as 11: 6, 12: 12.5, 18: 30",
            when="demand.profile=hours",
        ),
        add("demand.day", "Which day", kind="date", when="demand.profile=measured"),
        add(
            f"demand.carry_out{PERCENT}",
            "Collected, per cent of orders",
            "0",
            low=0,
            high=100,
            step="any",
            slider=100,
            help="Their time ends at the counter",
            when="demand.profile=friday,day,lunch,flat,hours",
        ),
        add(
            "open", "Opens", kind="text", help="Such as 16:00; empty: as in the profile", when="question=compare,crew"
        ),
        add("close", "Closes", kind="text", help="Such as 23:00; empty: as in the profile"),
        add(
            "promise_minutes",
            "Promise, minutes to the door or the counter",
            "45",
            low=0.1,
            high=1440,
            step="any",
            slider=120,
        ),
    ]


def scenario_fields(
    values: Values, number: int, stations: Sequence[StationPlan], mark: str | None = None
) -> ScenarioFields:
    path = f"scenarios.{number if mark is None else mark}"
    add = values.field
    choices = [*distributions.choices(), (BELT, "A belt (conveyor)")]
    places, more = [], []
    for row in stations:
        at = f"{path}.stations.{row.stage}"
        most = max(LEAST_SLIDER, 2 * row.capacity)
        places.append(
            add(f"{at}.places", row.name, row.capacity, low=1, high=1000, slider=most, help=f"now {places_words(row)}")
        )
        each = " a pizza" if row.is_per_pizza else ""
        more += [
            add(f"{at}.mean_seconds", f"{row.name}: mean seconds{each}", row.mean_seconds, low=0.1, step="any"),
            *belt_fields(values, at, row),
            add(f"{at}.spread_seconds", f"{row.name}: spread, seconds", row.spread_seconds, low=0, step="any"),
            add(f"{at}.law", f"{row.name}: distribution", row.distribution, kind="select", choices=choices),
            add(
                f"{at}.parameters", f"{row.name}: own parameters", written(row.parameters), kind="text", help=OWN_HELP
            ),
        ]
    change = f"{path}.changes.0"
    more += [
        add(f"{path}.demand.times", "Demand, multiplied by", "1", low=0, high=100, step="any"),
        add(
            f"{path}.demand.carry_out{PERCENT}",
            "Collected, per cent of orders",
            low=0,
            high=100,
            step="any",
            help="Empty: as in the day above",
        ),
        add(f"{change}.at", "Places change at", kind="text", help="Such as 19:00, when an oven breaks"),
        add(f"{change}.stage", "of", kind="select", choices=[("", "–"), *((row.stage, row.name) for row in stations)]),
        add(f"{change}.places", "Places from then on", low=0, high=1000),
    ]
    about = (path, f"{path}.changes", f"{path}.demand", f"{path}.demand.per_hour")
    return ScenarioFields(
        number,
        places,
        add(f"{path}.name", "Name", kind="text", help="Empty: a description of the changes"),
        more,
        values.error(*about),
        values.has(item.name for item in more),
    )


def places_words(station: StationPlan) -> str:
    """Say what fits at once: 6 pizzas, 1 order."""
    return f"{station.capacity} {station.things(station.capacity)}"


def belt_fields(values: Values, at: str, station: StationPlan) -> list[Field]:
    """Return the fields of a station that is a belt in the shop."""
    if station.headway_seconds is None:
        return []
    label = f"{station.name}: seconds between two loadings"
    return [values.field(f"{at}.headway_seconds", label, station.headway_seconds, low=0, step="any")]


def crew_fields(values: Values, stations: Sequence[StationPlan]) -> list[Field]:
    keep = values.field(
        f"keep{PERCENT}", "Promises to keep, per cent", "95", low=1, high=99.9, step="any", when="question=crew"
    )
    costs = [
        values.field(
            f"costs.{row.stage}", f"Cost of a place: {row.name}", "1", low=0.01, step="any", when="question=crew"
        )
        for row in stations
    ]
    return [keep, *costs]


def precision_fields(values: Values) -> list[Field]:
    return [
        values.field("half_width_minutes", "Precision, ± minutes", "0.25", low=0.01, step="any"),
        values.field("most_replications", "Simulated days, at most", "2000", low=100, high=20000, step="1"),
        values.field("seed", "Seed", "1", low=0, step="1", help="Another number simulates other days"),
    ]


def request_of(sent: Iterable[tuple[str, str]], stations: Sequence[StationPlan]) -> dict[str, Any]:
    """Make a plan's request from a form. Empty fields and those that are as in the shop are left out."""
    values: dict[str, Any] = {}
    for name, text in sent:
        *path, last = name.split(".")
        if name in OUR_OWN or not text.strip() or len(path) > DEEPEST:
            continue
        place = values
        for step in path:
            inner = place.setdefault(step, {})
            if not isinstance(inner, dict):  # "demand" and "demand.profile" at once: not from our form
                inner = place[step] = {}
            place = inner
        is_percent = last.endswith(PERCENT)
        place[last.removesuffix(PERCENT)] = _share(text.strip()) if is_percent else text.strip()
    demand = values.get("demand")
    if isinstance(demand, dict):
        for profile, name in ((HOURS, "by_hour"), (MEASURED, "day")):  # left from another choice
            if demand.get("profile") != profile:
                demand.pop(name, None)
        if demand.get("profile") == MEASURED:  # which has a share of its own
            demand.pop("carry_out", None)
    scenarios = [_different(row, stations) for row in _in_order(values.pop("scenarios", {}))]
    if values.get("question") != "crew":
        values["scenarios"] = [row for row in scenarios if row]
        values.pop("costs", None)
        values.pop("keep", None)
    else:
        values.pop("one_more", None)
    return values


def _share(percent: str) -> Any:
    try:
        return round(float(percent) / 100, 6)
    except ValueError:
        return percent


def _in_order(rows: Any) -> list[Any]:
    """Make a list from {"0": ..., "2": ...}."""
    if not isinstance(rows, dict):
        return []
    return [rows[key] for key in sorted(rows, key=lambda key: (len(key), key))]


def _different(row: Any, stations: Sequence[StationPlan]) -> Any:
    """Return a scenario without the fields that are as in the shop."""
    if not isinstance(row, dict):
        return row
    asked = row.get("stations")
    different: dict[str, Any] = {}
    for station in stations:
        values = asked.get(station.stage) if isinstance(asked, dict) else None
        if isinstance(values, dict):
            known = {name: getattr(station, str(FIELD_NAMES.get(name, name)), None) for name in values}
            changed = {name: text for name, text in values.items() if not _same(text, known[name])}
            if changed:
                different[station.stage] = changed
    changes = [change for change in _in_order(row.get("changes")) if change]
    demand = row.get("demand")
    if isinstance(demand, dict) and _same(demand.get("times"), 1):
        demand = {name: text for name, text in demand.items() if name != "times"}
    kept = {name: value for name, value in row.items() if name not in ("stations", "changes", "demand")}
    parts = {"stations": different, "changes": changes, "demand": demand}
    return kept | {name: part for name, part in parts.items() if part}


def _same(text: Any, value: Any) -> bool:
    if isinstance(value, int | float):
        try:
            return f"{float(text):g}" == f"{value:g}"
        except (TypeError, ValueError):
            return False
    return bool(text == (written(value) if isinstance(value, dict) else value))
