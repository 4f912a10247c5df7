"""The tasks: what a link does with what flow says."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from celery.exceptions import Retry
from django.db import OperationalError
from django.utils import timezone

from home.models import Order
from kitchen import flow, stages, tasks
from kitchen.models import Shop, Station

pytestmark = pytest.mark.django_db


@pytest.fixture
def chains(monkeypatch):
    """The chains that are sent, as (countdown of the first link, the links' arguments), instead of a broker."""
    sent = []

    def apply_async(args, kwargs, chain=(), countdown=0, **options):
        sent.append((countdown, [args, *(link.args for link in reversed(chain))]))

    monkeypatch.setattr(tasks.finish, "apply_async", apply_async)
    return sent


@contextmanager
def inside_a_chain():
    """Run a link with others behind it, as a worker does; yield its request, with what is left of the chain."""
    tasks.finish.push_request(chain=[{"args": "last", "options": {}}, {"args": "next", "options": {}}])
    try:
        yield tasks.finish.request
    finally:
        tasks.finish.pop_request()


@pytest.fixture
def late(small_kitchen, sent, cooked, place):
    """An order whose first work was done a second ago."""
    return place(timezone.now() - timedelta(seconds=11))


def test_cook_sends_one_link_per_stage_that_is_left(small_kitchen, sent, chains, place):
    order = place(timezone.now())
    tasks.enqueue(order)
    ((countdown, links),) = chains
    assert [tuple(args) for args in links] == [(order.pk, 1, stage) for stage in stages.WORKED]
    assert countdown == pytest.approx(10, abs=0.5)


def test_cook_waits_for_the_commit(small_kitchen, sent, chains, place, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        place()
        assert chains == []
    assert len(chains) == 1


@pytest.mark.parametrize(("stage", "chain"), [("delivered", []), ("cancelled", []), ("baked", [(2, "baked")])])
def test_an_order_that_moves_on_before_the_commit_gets_no_chain_for_what_is_past(
    small_kitchen, sent, cooked, place, django_capture_on_commit_callbacks, stage, chain
):
    with django_capture_on_commit_callbacks(execute=True):
        order = place(timezone.now())
        order.stage = stage
        order.save()
    assert cooked == [(order.pk, *begun) for begun in chain]


def test_a_link_lets_its_chain_go_on_when_the_work_that_now_began_is_done(late):
    Station.objects.filter(stage="baking").update(mean_seconds=40)  # it was 20 when the chain was made
    with inside_a_chain() as request:
        tasks.finish.run(late.pk, 1, "received")
        last, following = request.chain
        assert following == {"args": "next", "options": {"countdown": pytest.approx(40, abs=0.5)}}
        assert last == {"args": "last", "options": {}}
    assert Order.objects.get().stage == "baking"


def test_a_link_that_is_nearly_due_has_no_countdown(late):
    Shop.objects.update(speed=2000)
    with inside_a_chain() as request:
        tasks.finish.run(late.pk, 1, "received")
        assert request.chain[-1] == {"args": "next", "options": {}}


def test_a_stale_link_ends_its_chain(late):
    for args in ((late.pk, 0, "received"), (late.pk, 1, "baking"), (10**6, 1, "received")):
        with inside_a_chain() as request:
            tasks.finish.run(*args)
            assert request.chain is None
    assert Order.objects.get().seq == 1


def test_a_link_whose_order_must_wait_ends_its_chain_and_starts_the_next_ones(
    late, place, cooked, django_capture_on_commit_callbacks
):
    now = timezone.now()
    second = place(now - timedelta(seconds=11))
    third = place(now - timedelta(seconds=10))
    flow.finish(late.pk, 1, "received")  # to the oven; the second begins
    Order.objects.filter(pk=second.pk).update(due_at=now, epoch=1)
    with django_capture_on_commit_callbacks(execute=True), inside_a_chain() as request:
        tasks.finish.run(second.pk, 1, "received")
        assert request.chain is None
    assert Order.objects.get(pk=second.pk).state == "waiting"
    assert cooked == [(third.pk, 1, "received")]


def test_a_link_that_is_early_comes_back_when_the_work_is_done(small_kitchen, sent, cooked, place):
    order = place(timezone.now())
    with pytest.raises(Retry) as retry:
        tasks.finish.apply(args=[order.pk, 1, "received"], throw=True)
    assert retry.value.when == pytest.approx(10, abs=0.5)


def test_a_database_that_is_away_is_tried_again(monkeypatch, late):
    def away(*args):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(flow, "finish", away)
    with pytest.raises(Retry):
        tasks.finish.apply(args=[late.pk, 1, "received"], throw=True)


def test_the_recovery_sweep_gives_lost_orders_a_chain(
    small_kitchen, sent, cooked, place, django_capture_on_commit_callbacks
):
    place(timezone.now() - timedelta(seconds=13))
    place()
    Station.objects.update(capacity=2)  # bypassing flow: nobody was seated
    with django_capture_on_commit_callbacks(execute=True):
        tasks.sweep.run()
    pks = list(Order.objects.order_by("pk").values_list("pk", flat=True))
    assert cooked == [(pks[0], 2, "received"), (pks[1], 1, "received")]
