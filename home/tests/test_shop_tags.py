"""The progress bars of the pages follow the table of stages."""

from dataclasses import replace

import pytest

from home.templatetags.shop_tags import (
    bar_percent,
    pizzas_apart,
    progress_steps,
    stage_words,
    steps_of,
    words_of_pizza,
)
from kitchen import stages


@pytest.fixture
def longer(monkeypatch):
    """Add a quality check between baking and baked."""
    received, baking, baked, out, ready, delivered = stages.STAGES
    check = replace(baking, code="checked", progress=52)
    table = (
        received,
        baking,
        check,
        replace(baked, progress=68),
        replace(out, progress=84),
        replace(ready, progress=84),
        delivered,
    )
    monkeypatch.setattr(stages, "STAGES", table)
    monkeypatch.setattr(stages, "BY_CODE", {stage.code: stage for stage in (*table, stages.CANCELLED)})


def payload(stage, state="working", *pizzas, done=0):
    """Return what a frame says; `pizzas` are (stage, state)."""
    items = [{"number": n, "name": "Margherita", "stage": at, "state": is_} for n, (at, is_) in enumerate(pizzas, 1)]
    return {"stage": stage, "state": state, "items": items, "items_done": done}


def test_the_page_names_the_steps():
    assert progress_steps() == "received=20 baking=40 baked=60 out_for_delivery=80 ready=80 delivered=100"


def test_each_way_has_its_steps():
    assert [step["label"] for step in steps_of("delivery")][3:] == ["Out for delivery", "Delivered"]
    assert [step["label"] for step in steps_of("carry_out")][3:] == ["Ready to collect", "Collected"]
    assert [step["progress"] for step in steps_of("carry_out")] == [20, 40, 60, 80, 100]


@pytest.mark.parametrize(
    ("stage", "percent"), [("received", 0), ("baking", 20), ("baked", 40), ("out_for_delivery", 60)]
)
def test_a_bar_begins_where_the_stage_before_ended(stage, percent):
    assert bar_percent(payload(stage)) == bar_percent(payload(stage, "waiting")) == percent


def test_a_bar_is_full_at_the_door_and_empty_when_cancelled():
    assert bar_percent(payload("delivered", "delivered")) == 100
    assert bar_percent(payload("cancelled", "cancelled")) == 0
    assert bar_percent("") == 0  # the template of a new row


def test_what_is_ready_to_collect_has_its_whole_stage():
    assert bar_percent(payload("ready")) == 80


def test_while_pizzas_are_apart_each_has_its_share_of_the_bar():
    two = [("received", "working"), ("baking", "waiting")]
    assert bar_percent(payload("received", "working", *two)) == 10
    assert bar_percent(payload("baking", "working", ("baking", "working"), ("baked", "done"), done=1)) == 30
    struck = [*two, ("cancelled", "cancelled")]
    assert bar_percent(payload("received", "working", *struck)) == 10
    assert len(pizzas_apart(payload("received", "working", *struck))) == 2


@pytest.mark.parametrize(
    "shown",
    [
        payload("baking", "working", ("baking", "working")),
        payload("baked", "working", *[("baked", "working")] * 2, done=2),
        payload("delivered", "delivered", *[("delivered", "delivered")] * 2, done=2),
        payload("cancelled", "cancelled", *[("cancelled", "cancelled")] * 2),
        payload("out_for_delivery", "working"),  # from before there were items
    ],
)
def test_one_pizza_is_never_apart_nor_several_that_go_on_together(shown):
    assert pizzas_apart(shown) == []


def test_with_another_stage_the_steps_are_others(longer):
    steps = "received=20 baking=40 checked=52 baked=68 out_for_delivery=84 ready=84 delivered=100"
    assert progress_steps() == steps
    # as a class of the style sheet, which has one for every 5 per cent
    codes = ("received", "baking", "checked", "baked", "out_for_delivery")
    assert [bar_percent(payload(code)) for code in codes] == [0, 20, 40, 50, 65]


def test_a_pizza_has_words_wherever_it_is():
    for stage in stages.WORKED:
        for state in ("waiting", "working", "held", "done"):
            assert words_of_pizza({"stage": stage, "state": state})
    assert stage_words()["baking"] == {
        "working": "In the oven",
        "waiting": "Waiting for the oven",
        "held": "On hold",
        "done": "Baking",
        "delivered": "In the oven",
        "cancelled": "In the oven",
    }
    assert words_of_pizza({"stage": "cancelled", "state": "cancelled"}) == "Cancelled"
