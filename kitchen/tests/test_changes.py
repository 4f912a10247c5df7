"""Each change of an order is a line of the log, with the click that asked for it, once it is committed."""

import logging

import pytest
from django.db import transaction

from home.models import Order
from kitchen import flow, tasks
from kitchen.tests.clock import NOON, at
from kitchen.transitions import order_of
from telemetry import trace

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ALICES, CHARLIES, BOBS = "a" * 16, "c" * 16, "b" * 16  # clicks
TASK = ("the-id-of-a-task", "kitchen.finish_item")


@pytest.fixture
def lines():
    """The fields of what is logged, with what happened in front."""
    found = []

    class Lines(logging.Handler):
        def emit(self, record):
            found.append((record.msg, record.fields))

    logger, handler = logging.getLogger("kitchen.changes"), Lines()
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)


@pytest.fixture
def in_whose_course(monkeypatch):
    """The click in whose course each chain was sent, with the number of its order."""
    sent = []
    monkeypatch.setattr(tasks, "enqueue", lambda work: sent.append((order_of(work).pk, trace.present().request)))
    return sent


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    return lambda: django_capture_on_commit_callbacks(execute=True)


def line(event, order, stage, seq, request, epoch=1, item=1, **more):
    rest = {"by": None, "late_seconds": None, "cause": None, "task": None, "task_name": None, **more}
    return event, {
        "order": order.pk,
        "item": item,
        "stage": stage,
        "seq": seq,
        "epoch": epoch,
        "request": request,
    } | rest


def ordered(place, click, when):
    with trace.in_course_of(click):
        return place(when)


def test_a_link_is_logged_with_the_clicks_of_those_it_moves(
    small_kitchen, place, sent, lines, in_whose_course, committed
):
    """Charlie's pizza waits for Alice's: what Alice's link does for it still belongs to Charlie's click."""
    with committed():
        alices, charlies = ordered(place, ALICES, NOON), ordered(place, CHARLIES, NOON)
    trace.begin_task(ALICES, *TASK)
    try:
        with committed():
            flow.finish_item(alices.pk, 1, 1, "received", clock=lambda: at(10.25))
    finally:
        trace.end_task()

    link = {"task": TASK[0], "task_name": TASK[1]}
    assert lines == [
        line("started", alices, "received", 1, ALICES),
        line("joined", charlies, "received", 1, CHARLIES, epoch=0),
        line("started", alices, "baking", 2, ALICES, late_seconds=0.25, **link),
        line("started", charlies, "received", 2, CHARLIES, cause=ALICES, **link),
    ]
    assert in_whose_course == [(alices.pk, ALICES), (charlies.pk, CHARLIES)]
    assert not any(secret in str(lines) for secret in Order.objects.values_list("order_id", flat=True))


def test_a_persons_click_takes_over(small_kitchen, place, sent, lines, in_whose_course, committed, bob):
    """What follows is no longer a consequence of Alice's click but of Bob's."""
    with committed():
        order = ordered(place, ALICES, NOON)
    lines.clear()
    with committed(), trace.in_course_of(BOBS):
        flow.advance(order.pk, bob, clock=lambda: at(1))
    with committed():
        flow.finish_item(order.pk, 1, 2, "baking", clock=lambda: at(21))
    assert in_whose_course == [(order.pk, ALICES), (order.pk, BOBS), (order.pk, BOBS)]
    assert [(event, fields["stage"], fields["by"], fields["request"]) for event, fields in lines] == [
        ("done", "received", bob.pk, BOBS),
        ("started", "baking", None, BOBS),
        ("joined", "baked", None, BOBS),
        ("started", "baked", None, BOBS),
    ]


def test_what_is_rolled_back_was_never_said(small_kitchen, place, sent, cooked, lines, committed):
    with committed(), pytest.raises(ZeroDivisionError), transaction.atomic():
        place(NOON)
        raise ZeroDivisionError
    assert lines == []
    with committed():
        place(NOON)
        assert lines == []  # not yet
    assert [event for event, _ in lines] == ["started"]
