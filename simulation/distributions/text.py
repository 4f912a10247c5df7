"""A distribution's own parameters as people write them: `low 60, mode 90, high 240` or `values 60 90 130`."""

import re
from collections.abc import Mapping
from typing import Any

from simulation.distributions.table import DISTRIBUTIONS, Parameter

EXAMPLE = "low 60, mode 90, high 240"


def parse(text: str) -> dict[str, Any]:
    """Parse the text; ValueError with a sentence if it is malformed. Does not check that the parameters exist."""
    found: dict[str, list[float]] = {}
    name = ""
    for word in re.findall(r"[^\s,;:=/]+", text):
        if re.fullmatch(r"[A-Za-z_]+", word):
            name = word.lower()
            if found.setdefault(name, []):
                raise ValueError(f"Say once what {name} is.")
        else:
            try:
                found[name].append(float(word))
            except (ValueError, KeyError):
                raise ValueError(f"Parameters must look like {EXAMPLE}.") from None
    if not all(found.values()):
        raise ValueError(f"Parameters must look like {EXAMPLE}.")
    return {name: numbers if name in _lists() or len(numbers) > 1 else numbers[0] for name, numbers in found.items()}


def written(parameters: Mapping[str, Any]) -> str:
    """Write what `parse` reads, in the table's order: a database can store another order."""
    forms = (form for entry in DISTRIBUTIONS.values() for form in entry.forms if form.own_names == set(parameters))
    names = next(([item.name for item in form.own] for form in forms), list(parameters))
    return ", ".join(f"{name} {_numbers(parameters[name])}" for name in names)


def _numbers(value: Any) -> str:
    numbers = value if isinstance(value, list | tuple) else [value]
    return " ".join(f"{number:.10g}" if isinstance(number, int | float) else str(number) for number in numbers)


def _lists() -> set[str]:
    """Return the names of the parameters that are lists of numbers."""
    return {item.name for item in _own_parameters() if item.kind == "numbers"}


def own_names() -> set[str]:
    return {item.name for item in _own_parameters()}


def _own_parameters() -> list[Parameter]:
    """Return each parameter once, in the order of the table."""
    found = [item for entry in DISTRIBUTIONS.values() for form in entry.forms for item in form.own]
    return list(dict.fromkeys(found))


def overview() -> str:
    """List the parameters that each distribution takes besides mean and spread, for the help beside a form."""
    own = [entry for entry in DISTRIBUTIONS.values() if any(form.own for form in entry.forms)]
    takes = " ".join(f"{entry.label}: {entry.takes}." for entry in own)
    words = "; ".join(f"{item.name}: {item.help}" for item in _own_parameters())
    return f"{takes} Here {words}."
