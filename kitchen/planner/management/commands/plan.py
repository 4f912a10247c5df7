"""The planner in a shell, without a worker: what would one more oven change?"""

import json
import math
import re
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kitchen.planner import planner, studies
from kitchen.planner.limits import EXIT_USAGE, bar, refuse_hours, seconds
from kitchen.planner.requests import DEMANDS, HOURS, MEASURED, Present, read_plan
from kitchen.planner.scenarios import CREW, NOW, TAKEN, THINGS, Plan, StationPlan
from simulation.distributions.text import own_names
from simulation.fields import SpecError

SCENARIO_HELP = (
    "what is different, such as 'oven=7 drivers=9', 'oven.mean=400', 'oven.law=conveyor oven.headway=60',"
    " 'drivers.law=triangular drivers.low=600 drivers.mode=900 drivers.high=2400', 'oven@19:00=1' (one place from"
    " 19:00 on), 'demand=1.2' (times as many orders), 'carry_out=0.4' (the share that is collected), 'name=...';"
    " once for each scenario"
)

STATION_KEYS = {  # in a scenario: 'oven=7', 'oven.mean=400'
    "": "places",
    "mean": "mean_seconds",
    "spread": "spread_seconds",
    "headway": "headway_seconds",
    "law": "law",
}


class Command(BaseCommand):
    help = "Simulate the shop as it is beside other scenarios, and say what would help and how certain that is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--scenario", action="append", default=[], metavar="CHANGES", help=SCENARIO_HELP)
        parser.add_argument("--one-more", action="store_true", help="also try one more place at each station")
        parser.add_argument(
            "--demand",
            metavar="|".join(DEMANDS[:4]),
            help="the day's profile; or orders by the hour such as '11:6,12:12', or a past day such as 2026-10-30",
        )
        parser.add_argument("--per-hour", metavar="N", help="orders an hour, on average")
        parser.add_argument("--carry-out", metavar="SHARE", help="the share of orders that are collected (default: 0)")
        parser.add_argument("--open", metavar="HH:MM", help="when the shop opens")
        parser.add_argument("--close", metavar="HH:MM", help="when it closes")
        parser.add_argument(
            "--within", metavar="MINUTES", help="the promise, to the door or the counter (default: 45)"
        )
        parser.add_argument("--now", action="store_true", help="look ahead from the live kitchen")
        parser.add_argument("--crew", action="store_true", help="search for the least costly places")
        parser.add_argument("--keep", metavar="SHARE", help="the share of promises to keep (default: 0.95)")
        parser.add_argument(
            "--cost", metavar="COSTS", help="cost of a place, such as 'oven=6 drivers=15' (default: 1)"
        )
        parser.add_argument("--half-width", metavar="MINUTES", help="how precise the answer has to be (default: 0.25)")
        parser.add_argument("--most", metavar="N", help="the most days to simulate (default: 2000)")
        parser.add_argument("--seed", metavar="N", help="another number simulates other days (default: 1)")
        parser.add_argument("--yes", action="store_true", help="run it however long it takes")
        parser.add_argument("--seconds", type=seconds, metavar="N", help="answer in this time, with what was done")
        parser.add_argument("--json", action="store_true", help="print only the answer, as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            present = studies.present(timezone.now())
        except DatabaseError as error:
            raise CommandError("The shop's database is not ready. Run it once: python3 run.py") from error
        try:
            plan = read_plan(asked(options, present), present)
        except SpecError as error:
            raise wrong(str(error)) from None
        # The stream itself: Django's wrapper would end each piece of a line with a line break.
        console = Console(file=cast(IO[str], self.stdout._out), highlight=False)
        answer = found(plan, options["seconds"], options["yes"])
        if options["json"]:
            console.print(json.dumps(answer, allow_nan=False), soft_wrap=True, markup=False)
        else:
            show(console, answer)


def found(plan: Plan, seconds: float | None, yes: bool) -> dict[str, Any]:
    """Return the answer, or what is known of it after `seconds`."""
    with bar() as tell:
        watch = Watch(tell, seconds, yes)
        answer = planner.run(plan, watch.progress, watch.is_over)
    if watch.stopped:
        answer["notes"].append(f"Stopped after {seconds:g} seconds, as requested.")
        answer["sentence"] = answer["sentence"] or "There was no time for an answer."
    return answer


class Watch:
    """Check the clock after each piece of a study."""

    def __init__(self, tell: Callable[[float], None], seconds: float | None, yes: bool) -> None:
        self.tell, self.seconds = tell, seconds
        self.begun = time.monotonic()
        self.stopped = False
        self.may_take_long = yes or seconds is not None

    def progress(self, share: float) -> None:
        self.tell(share)
        if not self.may_take_long:
            refuse_hours((time.monotonic() - self.begun) / max(share, 1e-9))
            self.may_take_long = True

    def is_over(self) -> bool:
        self.stopped = self.seconds is not None and time.monotonic() - self.begun > self.seconds
        return self.stopped


def wrong(sentence: str) -> CommandError:
    return CommandError(sentence, returncode=EXIT_USAGE)


# What was asked for


def asked(options: dict[str, Any], present: Present) -> dict[str, Any]:
    """Return the options as a plan's request (kitchen.planner.requests)."""
    if options["crew"] and options["now"]:
        raise wrong("--crew is about whole days, --now about this one: choose one of them.")
    values: dict[str, Any] = {
        "question": CREW if options["crew"] else NOW if options["now"] else None,
        "demand": demand(options),
        "scenarios": [scenario(text, present.stations) for text in options["scenario"]],
        "one_more": options["one_more"],
        "costs": {station.stage: cost for station, cost in costs(options["cost"] or "", present.stations)},
        "open": options["open"],
        "close": options["close"],
        "promise_minutes": options["within"],
        "keep": options["keep"],
        "half_width_minutes": options["half_width"],
        "most_replications": options["most"],
        "seed": options["seed"],
    }
    return {name: value for name, value in values.items() if value not in (None, [], {}, False)}


def demand(options: dict[str, Any]) -> dict[str, Any]:
    text, values = options["demand"], dict[str, Any]()
    if text and ":" in text:
        values = {"profile": HOURS, "by_hour": text}
    elif text and re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        values = {"profile": MEASURED, "day": text}
    elif text:
        values = {"profile": text}
    if options["per_hour"] is not None:
        values["per_hour"] = options["per_hour"]
    if options["carry_out"] is not None:
        values["carry_out"] = options["carry_out"]
    return values


def costs(text: str, stations: Iterable[StationPlan]) -> Iterable[tuple[StationPlan, str]]:
    for word in words(text):
        name, equals, cost = word.partition("=")
        if not equals:
            raise wrong(f"--cost must look like oven=6, not “{word}”.")
        yield station_called(name, stations), cost


def words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,;]+", text) if word]


def scenario(text: str, stations: tuple[StationPlan, ...]) -> dict[str, Any]:
    """Parse 'oven=7 drivers.mean=900 oven@19:00=1 demand=1.2 name=...': a name extends to the end."""
    values: dict[str, Any] = {"stations": {}, "changes": []}
    before, named, name = text.partition("name=")
    if named:
        values["name"] = name
    for word in words(before):
        what, equals, value = word.partition("=")
        called, dot, part = what.partition(".")
        called, at, hour = called.partition("@")
        if not equals:
            raise wrong(f"--scenario is made of words such as oven=7, not “{word}”.")
        if what == "demand":
            values.setdefault("demand", {})["times"] = value
        elif what == "carry_out":
            values.setdefault("demand", {})["carry_out"] = value
        elif what == "within":
            values["promise_minutes"] = value
        elif at:
            stage = station_called(called, stations).stage
            values["changes"].append({"stage": stage, "at": hour, "places": value})
        else:
            key = STATION_KEYS.get(part)
            if (key is None and part not in own_names()) or (dot and not part):
                raise wrong(f"A station has a mean, a spread, a distribution and its parameters, not “{part}”.")
            station = values["stations"].setdefault(station_called(called, stations).stage, {})
            station.update({key: value} if key else {"parameters": f"{station.get('parameters', '')} {part} {value}"})
    return values


def station_called(name: str, stations: Iterable[StationPlan]) -> StationPlan:
    """Find a station by its stage, or by the beginning of its name: make, oven, cut, drivers, driver."""
    wanted = name.lower().replace("-", " ").replace("_", " ").strip()
    found = [row for row in stations if name == row.stage or (wanted and row.name.lower().startswith(wanted))]
    if len(found) != 1:
        names = ", ".join(row.name for row in stations)
        raise wrong(f"{'No' if not found else 'More than one'} station is called “{name}”. There are: {names}.")
    return found[0]


# On the screen


def show(console: Console, answer: dict[str, Any]) -> None:
    is_crew = answer["question"] == CREW
    say(console, answer["sentence"], "")
    for table in [crew_table(answer)] if is_crew else scenario_tables(answer):
        console.print(table)
    say(console, *(f"• {note}" for note in answer["notes"]))
    if is_crew:
        count = "1 crew" if answer["tried"] == 1 else f"{answer['tried']} crews"
        say(console, f"{count} tried on {answer['replications']} days. {answer['method']}")
        return
    say(console, f"{answer['replications']} simulated days, seed {answer['seed']}. ± is a 95 % interval.")
    if not answer["precise"]:
        say(console, f"That is not yet as precise as requested, ± {answer['half_width_minutes']:g}: see --most.")


def say(console: Console, *lines: str) -> None:
    console.print(*lines, sep="\n", end="\n" if lines else "", soft_wrap=True, markup=False)


def scenario_tables(answer: dict[str, Any]) -> Iterator[Table]:
    yield scenario_table(answer)
    if any(row["by_way"] for row in answer["scenarios"]):
        yield way_table(answer)
    yield load_table(answer)


def scenario_table(answer: dict[str, Any]) -> Table:
    table = Table("", from_order(answer), "Saves, min", "5 to 95 %, min", "Kept")
    for row in answer["scenarios"]:
        low, high = number(row["p05_minutes"]), number(row["p95_minutes"])
        spread = f"{low} to {high}" if row["p05_minutes"] is not None else low
        mean, saves = plus_minus(row["mean_minutes"]), plus_minus(row["saves_minutes"])
        table.add_row(escape(row["name"]), mean, saves, spread, share(row))
    return table


def from_order(answer: dict[str, Any]) -> str:
    return f"Order to {' or '.join(answer['ends'])}, min"


def way_table(answer: dict[str, Any]) -> Table:
    """Tabulate each way out on its own, of the scenarios that have both."""
    table = Table("By way", *(f"{words.capitalize()}, {what}" for words in TAKEN.values() for what in ("min", "kept")))
    for row in answer["scenarios"]:
        if ways := row["by_way"]:
            cells = (cell for way in TAKEN for cell in (plus_minus(ways[way]["mean_minutes"]), share(ways[way])))
            table.add_row(escape(row["name"]), *cells)
    return table


def load_table(answer: dict[str, Any]) -> Table:
    """Tabulate the utilisation of each station, and how long orders, or pizzas, stand in its line."""
    stations = answer["scenarios"][0]["stations"]
    names = [f"{station['name']}, {THINGS[station['unit']]}s" for station in stations]
    table = Table("Load, wait", *map(escape, names))
    for row in answer["scenarios"]:
        cells = [f"{cell['places']}: {percent(cell['load'])}, {wait(cell)} min" for cell in row["stations"]]
        table.add_row(escape(row["name"]), *cells)
    return table


def wait(station: dict[str, Any]) -> str:
    return number(station["wait_minutes"]["value"] if station["wait_minutes"] else None)


def crew_table(answer: dict[str, Any]) -> Table:
    names = [station["name"] for station in answer["stations"]]
    table = Table("", *map(escape, names), "Cost", "Kept", from_order(answer))
    for place, row in enumerate(answer["crews"]):
        which = "Does" if row["does"] else "Runner-up" if place <= 1 and answer["crews"][0]["does"] else "Fails"
        table.add_row(
            which, *map(str, row["places"].values()), f"{row['cost']:g}", share(row), plus_minus(row["mean_minutes"])
        )
    return table


def plus_minus(estimate: dict[str, float | None] | None) -> str:
    if not estimate or estimate["value"] is None:
        return "–"
    wide = estimate["half_width"]
    return f"{estimate['value']:.2f} ± {math.inf if wide is None else wide:.2f}"


def share(row: dict[str, Any]) -> str:
    kept = row["kept"]
    return "–" if kept is None else f"{percent(kept['value'])} ± {100 * (kept['half_width'] or 0):.1f}"


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
