"""What became of an action on many rows, in a sentence or two."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

MOST_NAMES = 5
MOST_REASONS = 12
OTHER = "other reasons"


@dataclass
class Outcome:
    done: int = 0
    refused: dict[str, list[Any]] = field(default_factory=dict)  # {reason: [how many, names of the first]}

    def refuse(self, name: str, reason: str) -> None:
        reason = reason.rstrip(".")
        if reason not in self.refused and len(self.refused) >= MOST_REASONS:
            reason = OTHER
        row = self.refused.setdefault(reason, [0, []])
        row[0] += 1
        if len(row[1]) < MOST_NAMES:
            row[1].append(name)

    @property
    def refusals(self) -> str:
        """Return "3 refused: has moved on: it is in the oven already (#AB12, #CD34 and 1 more)."."""
        return " ".join(self._refusals())

    def _refusals(self) -> Iterable[str]:
        for reason, (count, names) in sorted(self.refused.items(), key=lambda row: (-row[1][0], row[0])):
            more = f" and {count - len(names):,} more" if count > len(names) else ""
            yield f"{count:,} refused: {reason} ({', '.join(names)}{more})."
