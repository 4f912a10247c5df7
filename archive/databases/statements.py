"""What the archive's statements are made of, whichever database it is in."""

from collections.abc import Sequence
from typing import Any, Protocol

Row = tuple[Any, ...]


class Do(Protocol):
    """Run a statement that writes, and return how many rows it was about."""

    def __call__(self, sql: str, values: Sequence[Any] = ()) -> int: ...


def placeholders(values: Sequence[Any]) -> str:
    return ", ".join(["%s"] * len(values))
