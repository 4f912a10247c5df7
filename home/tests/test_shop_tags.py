"""The progress bars of the pages follow the table of stages."""

from dataclasses import replace

import pytest

from home.templatetags.shop_tags import bar_percent, progress_steps
from kitchen import stages


@pytest.fixture
def longer(monkeypatch):
    """Add a quality check between baking and baked."""
    received, baking, baked, out, delivered = stages.STAGES
    check = replace(baking, code="checked", progress=52)
    table = (received, baking, check, replace(baked, progress=68), replace(out, progress=84), delivered)
    monkeypatch.setattr(stages, "STAGES", table)


def payload(progress, state="working"):
    return {"progress": progress, "state": state}


def test_the_page_names_the_steps():
    assert progress_steps() == "20 40 60 80 100"


@pytest.mark.parametrize(("progress", "percent"), [(20, 0), (40, 20), (60, 40), (80, 60)])
def test_a_bar_begins_where_the_stage_before_ended(progress, percent):
    assert bar_percent(payload(progress)) == bar_percent(payload(progress, "waiting")) == percent


def test_a_bar_is_full_at_the_door_and_empty_when_cancelled():
    assert bar_percent(payload(100, "delivered")) == 100
    assert bar_percent(payload(100, "cancelled")) == 0
    assert bar_percent("") == 0  # the template of a new row


def test_with_another_stage_the_steps_are_others(longer):
    assert progress_steps() == "20 40 52 68 84 100"
    # as a class of the style sheet, which has one for every 5 per cent
    assert [bar_percent(payload(step)) for step in (20, 40, 52, 68, 84)] == [0, 20, 40, 50, 65]
