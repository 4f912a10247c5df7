"""Where the pizzas of an order are, in the words that people read."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from kitchen import stages

STATES = ("held", "waiting", "working")  # what is said of an order, the last first


class Piece(Protocol):
    """One pizza of an order."""

    stage: str

    @property
    def state(self) -> str: ...

    @property
    def is_cooking(self) -> bool: ...


def whereabouts(pizzas: Sequence[Piece]) -> str:
    """Return where pizzas are that go their ways apart: "2 of 3 in the oven".

    If something is being done, it is said of that, and of the most advanced. Needs one that is not done yet.
    """
    there = [pizza for pizza in pizzas if pizza.stage != stages.CANCELLED.code]
    groups = Counter((STATES.index(pizza.state), pizza.stage) for pizza in there if pizza.is_cooking)
    state, code = max(groups, key=lambda group: (group[0], stages.number(group[1])))
    stage = stages.BY_CODE[code]
    words = ("On hold", stage.waiting, stage.working)[state]
    number = groups[state, code]
    return words if number == len(there) else f"{number} of {len(there)} {lower(words)}"


def lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
