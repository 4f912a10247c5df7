"""The lines of the tables: what was measured, beside what, and what it should be."""

from dataclasses import dataclass, field
from math import ceil, isfinite
from statistics import median
from typing import Any


@dataclass
class Row:
    """A value a round for us, and one for whoever stands beside us.

    The bar is about the ratio of the two, or about our own value where nobody stands beside it.
    """

    name: str
    unit: str
    beside: str = ""
    at_least: float | None = None
    at_most: float | None = None
    ours: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Return the median of the rounds' ratios: what slowed the machine slowed both sides of a round."""
        if not self.others:
            return None
        return median(ours / other for ours, other in zip(self.ours, self.others, strict=True))

    @property
    def judged(self) -> float:
        ratio = self.ratio
        return median(self.ours) if ratio is None else ratio

    @property
    def is_met(self) -> bool | None:
        """Return whether it is as it should be; None if nothing is asked of it."""
        if self.at_least is not None:
            return self.judged >= self.at_least
        return None if self.at_most is None else self.judged <= self.at_most

    @property
    def verdict(self) -> str:
        if self.is_met is None:
            return ""
        bar = f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"
        return f"{'met' if self.is_met else 'NOT MET'} ({bar})"

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": known(self.ours),
            "beside": self.beside,
            "others": known(self.others),
            "ratio": None if self.ratio is None else known([self.ratio])[0],
            "bar": self.verdict,
            "note": self.note,
        }


def known(values: list[float]) -> list[float | None]:
    """Return the values with None for what never came: JSON knows no infinity."""
    return [value if isfinite(value) else None for value in values]


@dataclass
class Figures:
    """What one engine did on one database, a value a round."""

    engine: str
    database: str
    per_second: list[float] = field(default_factory=list)  # changes
    cpu_ms: list[float] = field(default_factory=list)  # a change, of all parts together; empty if it can't be read

    def as_json(self) -> dict[str, Any]:
        return {
            "engine": self.engine,
            "database": self.database,
            "changes_per_second": self.per_second,
            "cpu_ms_per_change": self.cpu_ms,
        }


def of_speed(ours: Figures, other: Figures, at_least: float | None = None) -> Row:
    """Return the row that compares how many changes a second two engines made."""
    return Row(
        f"{ours.database}: {ours.engine}",
        "changes/s",
        beside=other.engine,
        at_least=at_least,
        ours=ours.per_second,
        others=other.per_second,
    )


def of_cpu(ours: Figures, other: Figures) -> Row:
    """Return the row that compares the processor time that a change took."""
    return Row(
        f"{ours.database}: {ours.engine}",
        "CPU ms a change",
        beside=other.engine,
        ours=ours.cpu_ms,
        others=other.cpu_ms,
    )


def percentile(ordered: list[float], per_cent: float) -> float:
    """Return the smallest value that this share of values does not exceed."""
    return ordered[max(0, ceil(len(ordered) * per_cent / 100) - 1)]
