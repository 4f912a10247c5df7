"""Reading a request for a study: whatever is wrong is said in a sentence, with the field that it is about."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

HOURS_A_DAY = 24
MOST_SHOWN = 60  # letters of what was given, in a sentence


class PlanError(Exception):
    """What was asked for can't be simulated. `field` is its path, such as scenarios.0.stations.baking.places."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class Asked:
    """An object of a request. Every reader says in a sentence what is wrong, and where."""

    def __init__(self, values: Any, path: str = "") -> None:
        if not isinstance(values, Mapping):
            raise PlanError(path, f"{path or 'The plan'} must be an object.")
        self.values, self.path, self.read = values, path, set[str]()

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def get(self, name: str) -> Any:
        """None if it is not there or was left empty."""
        self.read.add(name)
        value = self.values.get(name)
        return None if isinstance(value, str) and not value.strip() else value

    def number(self, name: str, default: float, least: float, most: float, label: str, above: bool = False) -> float:
        value = self.get(name)
        if value is None:
            return default
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not (least < number <= most if above else least <= number <= most):
            low, high = f"{least:.10g}", f"{most:.10g}"
            bounds = f"above {low} and at most {high}" if above else f"from {low} to {high}"
            raise PlanError(self.at(name), f"{label} must be a number {bounds}, not “{shown(value)}”.")
        return number

    def whole(self, name: str, default: int, least: int, most: int, label: str) -> int:
        number = self.number(name, default, least, most, label)
        if number != int(number):
            raise PlanError(self.at(name), f"{label} must be a whole number, not “{shown(self.values[name])}”.")
        return int(number)

    def choice(self, name: str, default: str, choices: Iterable[str], label: str) -> str:
        value = self.get(name)
        if value is None:
            return default
        if value not in tuple(choices):
            raise PlanError(self.at(name), f"{label} must be one of {', '.join(choices)}, not “{shown(value)}”.")
        return str(value)

    def yes(self, name: str, default: bool, label: str) -> bool:
        value = self.get(name)
        words = {True: True, False: False, "yes": True, "no": False, "on": True, "true": True, "false": False}
        if value is None:
            return default
        if not isinstance(value, (bool, str)) or value not in words:
            raise PlanError(self.at(name), f"{label} must be yes or no, not “{shown(value)}”.")
        return words[value]

    def text(self, name: str, default: str, most: int, label: str) -> str:
        value = self.get(name)
        if value is None:
            return default
        if not isinstance(value, str) or len(value.strip()) > most or not value.isprintable():
            raise PlanError(self.at(name), f"{label} must be a line of at most {most} letters.")
        return value.strip()

    def hour(self, name: str, default: float, label: str) -> float:
        """ "19:30", "19" or 19.5."""
        value = self.get(name)
        if value is None:
            return default
        found = re.fullmatch(r"\s*(\d{1,2}):([0-5]\d)\s*", value) if isinstance(value, str) else None
        if found:
            value = int(found[1]) + int(found[2]) / 60
        try:
            hour = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            hour = math.nan
        if not 0 <= hour <= HOURS_A_DAY:
            given = shown(self.values[name])
            raise PlanError(self.at(name), f"{label} must be a time of the day such as 18:30, not “{given}”.")
        return hour

    def part(self, name: str) -> "Asked":
        value = self.get(name)
        return Asked({} if value is None else value, self.at(name))

    def parts(self, name: str, most: int, label: str) -> list["Asked"]:
        value = self.get(name)
        if value is None:
            return []
        rows = [value[key] for key in sorted(value, key=str)] if isinstance(value, Mapping) else value
        if not isinstance(rows, list):
            raise PlanError(self.at(name), f"{label} must be a list.")
        if len(rows) > most:
            raise PlanError(self.at(name), f"{label}: at most {most} at once.")
        return [Asked(row, f"{self.at(name)}.{number}") for number, row in enumerate(rows)]

    def nothing_else(self) -> None:
        for name in self.values:
            if name not in self.read:
                raise PlanError(self.at(str(name)), f"There is no “{shown(self.at(str(name)))}” in a plan.")


def shown(value: Any) -> str:
    """What was given, short enough for a sentence."""
    text = str(value)
    return text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "…"
