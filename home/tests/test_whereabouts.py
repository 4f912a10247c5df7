"""Where the pizzas of an order are, in one phrase."""

import pytest

from home.models import OrderItem
from home.whereabouts import whereabouts
from kitchen.tests.clock import NOON

STATES = {
    "waiting": {},
    "working": {"started_at": NOON, "due_at": NOON},
    "held": {"held": True},
    "done": {"is_done": True},
    "struck": {"is_done": True, "stage": "cancelled"},
}


def pizza(place):
    stage, state = place.split()
    return OrderItem(**{"stage": stage, **STATES[state]})


@pytest.mark.parametrize(
    ("places", "words"),
    [
        (["received waiting"] * 3, "Waiting for the make line"),
        (["received working", "received waiting", "received waiting"], "1 of 3 being made"),
        (["received working"] * 3, "Being made"),
        (["baking working", "baking working", "received working"], "2 of 3 in the oven"),
        (["baked done", "baking working", "received waiting"], "1 of 3 in the oven"),
        (["baked done", "baking waiting", "baking waiting"], "2 of 3 waiting for the oven"),
        (["baked done", "baking held"], "1 of 2 on hold"),
        (["baking held", "received waiting"], "1 of 2 waiting for the make line"),
        (["baking held", "received held", "received working"], "1 of 3 being made"),
        (["baking working", "cancelled struck"], "In the oven"),
        (["baking working", "baking working", "cancelled struck"], "In the oven"),
    ],
)
def test_it_says_where_most_is_going_on(places, words):
    assert whereabouts([pizza(place) for place in places]) == words
