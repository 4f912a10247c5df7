"""Read plain JSON values from people and programs, or refuse them with a sentence about the field that is wrong.

A spec and a plan differ in how strict they are and how they write a path, and a reader is told so by its `Dialect`.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_VALUES = 1_000_000  # of a list
MAX_SECONDS = 1e9
NAME_LENGTH = 100
SHOWN_LENGTH = 60  # characters of a value in a sentence
HOURS_A_DAY = 24
SWITCHES = {"yes": True, "on": True, "true": True, "no": False, "false": False}


class SpecError(Exception):
    """An invalid field: its path, such as stations[1].service.mean, and a whole sentence about it."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True)
class Dialect:
    noun: str  # what is read, for sentences
    row: str  # the path of an entry of a list
    from_text: bool = False  # numbers and switches can be text, as a form sends them, and an empty text is left out


SPEC = Dialect("spec", "{}[{}]")
PLAN = Dialect("plan", "{}.{}", from_text=True)


@dataclass(frozen=True)
class Limits:
    least: float = -math.inf
    above: float = -math.inf
    most: float = math.inf
    below: float = math.inf

    def allow(self, number: float) -> bool:
        """Return True within the limits; False for NaN and for an infinity."""
        return math.isfinite(number) and self.above < number < self.below and self.least <= number <= self.most

    def __str__(self) -> str:
        """Write " from 1 to 10", with the space before it; empty without limits."""
        if self.least > -math.inf and self.most < math.inf:
            return f" from {self.least:.10g} to {self.most:.10g}"
        words = {"of at least": self.least, "above": self.above, "at most": self.most, "below": self.below}
        named = [f"{word} {value:.10g}" for word, value in words.items() if math.isfinite(value)]
        return f" {' and '.join(named)}" if named else ""


class Fields:
    """An object of what was asked for. Each method reads one field of it, or raises SpecError.

    With a `default` a field can be left out. A sentence calls the field by its `label`, else by its path.
    """

    def __init__(self, values: Any, path: str = "", dialect: Dialect = SPEC) -> None:
        if not isinstance(values, Mapping):
            raise SpecError(path, f"{path or f'The {dialect.noun}'} must be an object.")
        self.values, self.path, self.dialect, self.known = values, path, dialect, set[str]()

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def wrong(self, name: str, problem: str, label: str = "") -> SpecError:
        """Return the error for the caller to raise."""
        return SpecError(self.at(name), f"{label or self.at(name)} {problem}")

    def get(self, name: str) -> Any:
        """Return the value as it is; None if it was left out."""
        self.known.add(name)
        value = self.values.get(name)
        return None if self.dialect.from_text and isinstance(value, str) and not value.strip() else value

    def needed(self, name: str, label: str = "") -> Any:
        value = self.get(name)
        if value is None:
            raise self.wrong(name, "is missing.", label)
        return value

    def object(self, name: str) -> "Fields":
        return Fields(self.needed(name), self.at(name), self.dialect)

    def optional_object(self, name: str) -> "Fields":
        value = self.get(name)
        return Fields({} if value is None else value, self.at(name), self.dialect)

    def objects(self, name: str, least: int, most: int, label: str = "") -> list["Fields"]:
        rows = [] if not least and self.get(name) is None else self._list(name, least, most, label)
        paths = (self.dialect.row.format(self.at(name), number) for number in range(len(rows)))
        return [Fields(row, path, self.dialect) for row, path in zip(rows, paths, strict=True)]

    def pairs(self, name: str, names: tuple[str, str], most: int) -> list["Fields"]:
        """Read a list of pairs, each as an object with these two names."""
        rows = []
        for number, row in enumerate(self._list(name, 0, most)):
            path = self.dialect.row.format(name, number)
            if not isinstance(row, list | tuple) or len(row) != 2:
                raise self.wrong(path, f"must be a pair: {names[0]} and {names[1]}.")
            rows.append(Fields(dict(zip(names, row, strict=True)), self.at(path), self.dialect))
        return rows

    def number(self, name: str, label: str = "", default: float | None = None, **limits: float) -> float:
        value = self.get(name) if default is not None else self.needed(name, label)
        if value is None and default is not None:
            return default
        return self._number(value, name, label, Limits(**limits))

    def optional(self, name: str, most: float = MAX_SECONDS) -> float | None:
        """Read a number above 0, or None."""
        return None if self.get(name) is None else self.number(name, above=0, most=most)

    def numbers(self, name: str, most_values: int = MAX_VALUES, **limits: float) -> tuple[float, ...]:
        rows, bounds = self._list(name, 1, most_values), Limits(**limits)
        return tuple(self._number(value, f"{name}[{place}]", "", bounds) for place, value in enumerate(rows))

    def length(self, name: str, least: int, most: int) -> int:
        """Return the number of entries of a list."""
        return len(self._list(name, least, most))

    def wholes(self, name: str, least: int, most: int, most_values: int = MAX_VALUES) -> tuple[int, ...]:
        rows = self._list(name, 1, most_values)
        if all(type(value) is int and least <= value <= most for value in rows):
            return tuple(rows)
        fields = [f"{name}[{place}]" for place in range(len(rows))]
        each = Fields(dict(zip(fields, rows, strict=True)), self.path, self.dialect)
        return tuple(each.whole(field, least, most) for field in fields)

    def whole(self, name: str, least: int, most: int, default: int | None = None, label: str = "") -> int:
        value = self.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value  # to the last digit, which a float would lose
        number = self.number(name, label, default, least=least, most=most)
        if number != int(number):
            raise self.wrong(name, f"must be a whole number, not “{shown(value)}”.", label)
        return int(number)

    def flag(self, name: str, default: bool = False, label: str = "") -> bool:
        value = self.get(name)
        if self.dialect.from_text and isinstance(value, str):
            value = SWITCHES.get(value, value)
        if not (value is None or isinstance(value, bool)):
            words = "yes or no" if self.dialect.from_text else "true or false"
            raise self.wrong(name, f"must be {words}, not “{shown(value)}”.", label)
        return default if value is None else value

    def text(self, name: str, most: int, default: str | None = None, label: str = "") -> str:
        value = self.get(name) if default is not None else self.needed(name, label)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or not 1 <= len(value.strip()) <= most or not value.isprintable():
            raise self.wrong(name, f"must be a line of at most {most} letters.", label)
        return value.strip()

    def choice(self, name: str, choices: Iterable[str], default: str | None = None, label: str = "") -> str:
        value = self.get(name) if default is not None else self.needed(name, label)
        if value is None and default is not None:
            return default
        if value not in tuple(choices):
            raise self.wrong(name, f"must be one of {', '.join(choices)}, not “{shown(value)}”.", label)
        return str(value)

    def hour(self, name: str, default: float, label: str = "") -> float:
        """Read an hour of the day: "19:30", "19" or 19.5."""
        value = self.get(name)
        if value is None:
            return default
        found = re.fullmatch(r"\s*(\d{1,2}):([0-5]\d)\s*", value) if isinstance(value, str) else None
        hour = int(found[1]) + int(found[2]) / 60 if found else _as_number(value, from_text=True)
        if not 0 <= hour <= HOURS_A_DAY:
            raise self.wrong(name, f"must be a time of the day such as 18:30, not “{shown(value)}”.", label)
        return hour

    def refuse_others(self) -> None:
        """Raise SpecError for the first field that nothing has read."""
        for name in self.values:
            if name not in self.known:
                raise self.wrong(shown(name), f"is not a field of a {self.dialect.noun}.")

    def _list(self, name: str, least: int, most: int, label: str = "") -> Sequence[Any]:
        rows = self.needed(name, label)
        if self.dialect.from_text and isinstance(rows, Mapping):
            rows = [rows[key] for key in sorted(rows, key=str)]
        if not isinstance(rows, list | tuple):
            raise self.wrong(name, "must be a list.", label)
        if not least <= len(rows) <= most:
            number = f"{least} to {most}" if least else f"at most {most}"
            raise self.wrong(name, f"must have {number} entries, not {len(rows)}.", label)
        return rows

    def _number(self, value: Any, name: str, label: str, limits: Limits) -> float:
        number = _as_number(value, self.dialect.from_text)
        if not limits.allow(number):
            raise self.wrong(name, f"must be a number{limits}, not “{shown(value)}”.", label)
        return number


def _as_number(value: Any, from_text: bool) -> float:
    """Convert to a float; NaN if it is not a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str) if from_text else (int, float)):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def shown(value: Any) -> str:
    """Show the given value on one line, short enough for a sentence."""
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN_LENGTH else text[:SHOWN_LENGTH] + "…"
