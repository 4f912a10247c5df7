"""Reading plain JSON values, field by field: what is wrong is said in one sentence that begins with where."""

from collections.abc import Mapping, Sequence
from typing import Any

MAX_VALUES = 1_000_000  # of a list
MAX_SECONDS = 1e9
NAME_LENGTH = 100


class SpecError(Exception):
    """`field` is where, such as stations[1].service.mean; the text is a whole sentence and begins with it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field or 'The spec'} {problem}")
        self.field = field


class Fields:
    """An object of the spec. Every reader says what is wrong, and where."""

    def __init__(self, values: Any, path: str) -> None:
        if not isinstance(values, Mapping):
            raise SpecError(path, "must be an object.")
        self.values, self.path, self.known = values, path, set[str]()

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def get(self, name: str) -> Any:
        self.known.add(name)
        return self.values.get(name)

    def needed(self, name: str) -> Any:
        value = self.get(name)
        if value is None:
            raise SpecError(self.at(name), "is missing.")
        return value

    def object(self, name: str) -> "Fields":
        return Fields(self.needed(name), self.at(name))

    def objects(self, name: str, least: int, most: int) -> list["Fields"]:
        rows = self._list(name, least, most)
        return [Fields(row, f"{self.at(name)}[{number}]") for number, row in enumerate(rows)]

    def _list(self, name: str, least: int, most: int) -> Sequence[Any]:
        rows = self.needed(name)
        if not isinstance(rows, list | tuple):
            raise SpecError(self.at(name), "must be a list.")
        if not least <= len(rows) <= most:
            raise SpecError(self.at(name), f"must have {least} to {most} entries, not {len(rows)}.")
        return rows

    def number(self, name: str, default: float | None = None, **limits: float) -> float:
        value = self.get(name) if default is not None else self.needed(name)
        return default if value is None and default is not None else _number(value, self.at(name), **limits)

    def optional(self, name: str, most: float = MAX_SECONDS) -> float | None:
        """A number above 0, or None."""
        return None if self.get(name) is None else self.number(name, above=0, most=most)

    def numbers(self, name: str, **limits: float) -> tuple[float, ...]:
        rows = self._list(name, 1, MAX_VALUES)
        return tuple(_number(value, f"{self.at(name)}[{place}]", **limits) for place, value in enumerate(rows))

    def whole(self, name: str, least: int, most: int, default: int | None = None) -> int:
        value = self.get(name) if default is not None else self.needed(name)
        if value is None and default is not None:
            return default
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise SpecError(self.at(name), "must be a whole number.")
        if not least <= value <= most:
            raise SpecError(self.at(name), f"must be from {least} to {most}.")
        return value

    def flag(self, name: str) -> bool:
        value = self.get(name)
        if not (value is None or isinstance(value, bool)):
            raise SpecError(self.at(name), "must be true or false.")
        return bool(value)

    def text(self, name: str, most: int) -> str:
        value = self.needed(name)
        if not isinstance(value, str) or not 1 <= len(value) <= most:
            raise SpecError(self.at(name), f"must be a text of 1 to {most} characters.")
        return value

    def choice(self, name: str, choices: Sequence[str] | Mapping[str, Any]) -> str:
        value = self.needed(name)
        if not isinstance(value, str) or value not in choices:
            raise SpecError(self.at(name), f"must be one of: {', '.join(choices)}.")
        return value

    def refuse_others(self) -> None:
        for name in self.values:
            if name not in self.known:
                raise SpecError(self.at(_shortened(name)), "is not known.")


def _shortened(name: object) -> str:
    return " ".join(str(name).split())[:NAME_LENGTH]


def _number(
    value: Any,
    field: str,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise SpecError(field, "must be a number.")
    if not -1e300 < value < 1e300:  # nan is neither
        raise SpecError(field, "must be a finite number.")
    if above is not None and value <= above:
        raise SpecError(field, f"must be above {above:g}.")
    if least is not None and value < least:
        raise SpecError(field, f"must not be below {least:g}.")
    if below is not None and value >= below:
        raise SpecError(field, f"must be below {below:g}.")
    if most is not None and value > most:
        raise SpecError(field, f"must be at most {most:g}.")
    return float(value)
