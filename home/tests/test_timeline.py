"""What happened to an order of several pizzas, in the words of its timeline."""

from datetime import timedelta

import pytest

from home import timeline
from home.models import Order, OrderEvent, OrderItem
from kitchen.tests.clock import NOON

BEGUN = "We started making your order"
NAMES = ["Margherita", "Diavola", "Margherita"]


class Story:
    """An order with events and items, as timeline reads them."""

    def __init__(self, names, *told):
        self.parts = [
            OrderItem(number=number, name=name, stage="baked", is_done=True) for number, name in enumerate(names, 1)
        ]
        self.told = [self.event(seq, *one) for seq, one in enumerate(told, 1)]
        self.events = self

    def event(self, seq, event, stage, item=None, by_person=False, reason="", at=None):
        moment = NOON + timedelta(seconds=seq if at is None else at)
        said = {"event": event, "stage": stage, "item": item, "by_person": by_person, "reason": reason}
        return OrderEvent(order=Order(), seq=seq, at=moment, **said)

    def all(self):
        return self.told


def sentences(*args):
    return [sentence for _, sentence in timeline.timeline(Story(*args))]


def test_a_single_pizza_reads_as_an_order_always_did():
    assert sentences(
        ["Margherita"],
        ("joined", "received", 1),
        ("started", "received", 1),
        ("started", "baking", 1),
        ("joined", "baked", 1, False, "", 9),
        ("started", "baked", None, False, "", 9),
        ("started", "out_for_delivery"),
        ("delivered", "delivered"),
    ) == [
        "Waiting for the make line",
        "We started making your order",
        "Your pizza went into the oven",
        "Out of the oven, being cut and boxed",
        "On its way to you",
        "Delivered. Enjoy your meal!",
    ]


def test_a_single_pizza_that_waits_for_the_bench_is_out_of_the_oven_first():
    assert sentences(["Margherita"], ("joined", "baked", 1), ("started", "baked")) == [
        "Out of the oven",
        "Out of the oven, being cut and boxed",
    ]


def test_several_are_named_and_what_happens_to_them_one_after_the_other_is_one_line():
    assert sentences(
        NAMES,
        ("started", "received", 1),
        ("started", "received", 2),
        ("joined", "received", 3),
        ("started", "baking", 1),
        ("started", "received", 3),
        ("started", "baking", 2),
        ("joined", "baking", 3),
        ("joined", "baked", 1),
        ("started", "baking", 3),
        ("joined", "baked", 2),
        ("joined", "baked", 3),
        ("started", "baked"),
    ) == [
        "Margherita and Diavola: being made",
        "Margherita: in the oven",
        "Margherita: being made",
        "Diavola: in the oven",
        "Margherita: out of the oven",
        "Margherita: in the oven",
        "Diavola and Margherita: out of the oven",
        "Out of the oven, being cut and boxed",
    ]


def test_a_line_has_the_moment_of_its_first_event():
    (line,) = timeline.timeline(Story(NAMES, ("started", "baking", 1), ("started", "baking", 3)))
    assert line == (NOON + timedelta(seconds=1), "2 × Margherita: in the oven")


def test_before_anything_is_made_they_all_wait():
    waits = [("joined", "received", number) for number in (1, 2, 3)]
    assert sentences(NAMES, *waits) == ["Waiting for the make line"]
    assert sentences(NAMES, *waits, ("started", "received", 1))[1:] == ["Margherita: being made"]


def test_all_of_them_are_called_all():
    assert sentences(NAMES[:2], *(("started", "received", n) for n in (1, 2))) == ["Both pizzas: being made"]
    assert sentences(NAMES, *(("started", "received", number) for number in (1, 2, 3))) == ["All 3 pizzas: being made"]


def test_many_pizzas_are_counted_and_the_lines_stay_few():
    events = [("started", "received", number) for number in range(1, 13)]
    events += [("started", "baking", 1), ("joined", "baked", 1), ("started", "baking", 2), ("joined", "baked", 2)]
    names = ["Margherita", "Diavola", "Funghi", "Napoli"] * 3
    assert sentences(names, *events, ("started", "baking", 3), ("started", "baking", 4)) == [
        "All 12 pizzas: being made",
        "4 of 12 pizzas: in the oven",
        "Margherita and Diavola: out of the oven",
    ]


def test_a_pizza_that_is_made_again_is_said_kindly():
    dropped = ("remade", "received", 2, True, "it was dropped")
    assert sentences(NAMES, dropped) == ["We are making your Diavola again: it was dropped"]
    assert sentences(["Diavola"], ("remade", "received", 1, True)) == ["We are making your Diavola again"]
    again = [("remade", "received", number, True, "it was burnt") for number in (1, 2, 3)]
    assert sentences(NAMES, *again) == ["We are making your 2 × Margherita and Diavola again: it was burnt"]


def test_what_people_do_names_the_pizza_unless_it_is_about_all_of_them():
    assert sentences(NAMES, ("held", "baking", 2, True)) == ["Diavola: put on hold by staff"]
    assert sentences(NAMES, ("held", "baking", 2, True, "wait")) == ["Diavola: put on hold by staff (wait)"]
    every = [("held", "baking", number, True, "wait") for number in (1, 2, 3)]
    assert sentences(NAMES, *every) == ["Put on hold by staff: wait"]
    assert sentences(["Diavola"], ("held", "baking", 1, True, "wait")) == ["Put on hold by staff: wait"]
    assert sentences(NAMES, *(("held", "baking", number, True) for number in (1, 2, 3))) == ["Put on hold by staff"]
    assert sentences(NAMES, ("cancelled", "cancelled", None, True, "No dough")) == ["Cancelled by staff: No dough"]


@pytest.mark.parametrize(
    ("names", "begun", "begun_in_conversation"),
    [(["Margherita"], [BEGUN], [BEGUN]), (NAMES[:2], ["Margherita: being made"], [])],
)
def test_pizzas_that_a_change_has_removed_are_left_out(names, begun, begun_in_conversation):
    story = Story(
        names,
        ("joined", "received", 7),
        ("started", "received", 1),
        ("started", "received", 8),
        ("cancelled", "cancelled", 8, True, "no salami"),
        ("changed", "received"),
    )
    changed = "Changed at your request"
    assert [sentence for _, sentence in timeline.timeline(story)] == [*begun, changed]
    told = timeline.worth_telling(story.told, story.parts)
    assert [sentence for _, sentence in told] == [*begun_in_conversation, changed]


def test_the_same_that_happens_to_a_pizza_twice_is_two_lines():
    twice = [("started", "received", 1), ("remade", "received", 1, True), ("started", "received", 1)]
    assert sentences(NAMES, *twice) == [
        "Margherita: being made",
        "We are making your Margherita again",
        "Margherita: being made",
    ]


def test_events_from_before_there_were_items_read_as_they_did():
    assert sentences([], ("started", "received"), ("joined", "baking")) == [
        "We started making your order",
        "Waiting for the oven",
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ["Margherita"],
            ["We started making your order", "Your pizza went into the oven", "We are making your Margherita again"],
        ),
        (NAMES, ["We started making your order", "We are making your Margherita again"]),
    ],
)
def test_a_conversation_is_told_what_people_do_and_not_how_each_pizza_fares(names, expected):
    story = Story(names, ("started", "received", 1), ("started", "baking", 1), ("remade", "received", 1, True))
    assert [sentence for _, sentence in timeline.worth_telling(story.told, story.parts)] == expected
