"""The tasks: what a link does with what flow says."""

from contextlib import contextmanager
from datetime import timedelta
from time import monotonic

import pytest
from celery.exceptions import Retry
from django.db import OperationalError
from django.utils import timezone

from home.models import Order, OrderItem
from kitchen import flow, tasks
from kitchen.models import Shop, Station

pytestmark = pytest.mark.django_db


@pytest.fixture
def chains(monkeypatch):
    """The chains that are sent, as (countdown of the first link, [(task, arguments) of each]), instead of a broker."""
    sent = []

    def catch(task):
        def apply_async(args, kwargs, chain=(), countdown=0, **options):
            links = [(task.name, args), *((link.task, link.args) for link in reversed(chain))]
            sent.append((countdown, [(name.removeprefix("kitchen."), *args) for name, args in links]))

        monkeypatch.setattr(task, "apply_async", apply_async)

    catch(tasks.finish)
    catch(tasks.finish_item)
    return sent


@contextmanager
def inside_a_chain(task=tasks.finish_item):
    """Run a link with others behind it, as a worker does; yield its request, with what is left of the chain."""
    task.push_request(chain=[{"args": "last", "options": {}}, {"args": "next", "options": {}}])
    try:
        yield task.request
    finally:
        task.pop_request()


@pytest.fixture
def late(small_kitchen, sent, cooked, place):
    """An order whose first work was done a second ago."""
    return place(timezone.now() - timedelta(seconds=11))


def test_a_pizza_gets_one_link_per_station_of_pizzas(small_kitchen, sent, chains, place):
    order = place(timezone.now())
    tasks.enqueue(order.item(1))
    ((countdown, links),) = chains
    assert links == [("finish_item", order.pk, 1, 1, "received"), ("finish_item", order.pk, 1, 1, "baking")]
    assert countdown == pytest.approx(10, abs=0.5)


@pytest.mark.parametrize(("way", "last"), [("delivery", "out_for_delivery"), ("carry_out", "ready")])
def test_an_order_gets_one_link_per_stage_that_is_left_on_its_way(small_kitchen, sent, chains, place, bob, way, last):
    order = place(timezone.now(), way=way)
    flow.override(order.pk, "baked", bob)
    order = Order.objects.get()
    order.due_monotonic = monotonic() + 5
    tasks.enqueue(order)
    ((countdown, links),) = chains
    assert links == [("finish", order.pk, order.epoch, "baked"), ("finish", order.pk, order.epoch, last)]
    assert countdown == pytest.approx(5, abs=0.5)


def test_where_the_oven_takes_orders_the_chain_of_a_pizza_ends_at_the_make_line(small_kitchen, sent, chains, place):
    flow.change_station("baking", works_on="order")
    order = place(timezone.now())
    tasks.enqueue(order.item(1))
    assert [links for _, links in chains] == [[("finish_item", order.pk, 1, 1, "received")]]


def test_cook_waits_for_the_commit(small_kitchen, sent, chains, place, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        place()
        assert chains == []
    assert len(chains) == 1


@pytest.mark.parametrize(("stage", "chain"), [("delivered", []), ("cancelled", []), ("baked", [(1, "baked")])])
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
        tasks.finish_item.run(late.pk, 1, 1, "received")
        last, following = request.chain
        assert following == {"args": "next", "options": {"countdown": pytest.approx(40, abs=0.5)}}
        assert last == {"args": "last", "options": {}}
    assert Order.objects.get().stage == "baking"


def test_a_link_that_is_nearly_due_has_no_countdown(late):
    Shop.objects.update(speed=2000)
    with inside_a_chain() as request:
        tasks.finish_item.run(late.pk, 1, 1, "received")
        assert request.chain[-1] == {"args": "next", "options": {}}


def test_the_link_of_an_order_goes_on_with_its_chain(late, bob, cooked):
    flow.override(late.pk, "baked", bob, clock=lambda: timezone.now() - timedelta(seconds=6))
    with inside_a_chain(tasks.finish) as request:
        tasks.finish.run(late.pk, Order.objects.get().epoch, "baked")
        assert request.chain[-1] == {"args": "next", "options": {"countdown": pytest.approx(30, abs=0.5)}}


def test_the_last_pizza_starts_the_chain_of_its_order_and_ends_its_own(
    late, bob, cooked, django_capture_on_commit_callbacks
):
    flow.advance(late.pk, bob, clock=lambda: timezone.now() - timedelta(seconds=21))
    (item,) = Order.objects.get().parts
    with django_capture_on_commit_callbacks(execute=True), inside_a_chain() as request:
        tasks.finish_item.run(late.pk, 1, item.epoch, "baking")
        assert request.chain is None
    assert cooked == [(late.pk, 1, "baked")]


def test_a_stale_link_ends_its_chain(late):
    stale = [(late.pk, 1, 0, "received"), (late.pk, 1, 1, "baking"), (late.pk, 2, 1, "received")]
    for args in (*stale, (10**6, 1, 1, "received")):
        with inside_a_chain() as request:
            tasks.finish_item.run(*args)
            assert request.chain is None
    assert Order.objects.get().seq == 1


@pytest.mark.parametrize("stage", ["received", "baking"])
def test_a_link_from_before_there_were_pizzas_is_harmless(late, stage):
    with inside_a_chain(tasks.finish) as request:
        tasks.finish.run(late.pk, 1, stage)
        assert request.chain is None
    order = Order.objects.get()
    assert (order.stage, order.seq, order.item(1).state) == ("received", 1, "working")


def test_a_link_whose_order_must_wait_ends_its_chain_and_starts_the_next_ones(
    late, place, cooked, django_capture_on_commit_callbacks
):
    now = timezone.now()
    second = place(now - timedelta(seconds=11))
    third = place(now - timedelta(seconds=10))
    flow.finish_item(late.pk, 1, 1, "received")  # to the oven; the second begins
    OrderItem.objects.filter(order=second).update(due_at=now, epoch=1)
    with django_capture_on_commit_callbacks(execute=True), inside_a_chain() as request:
        tasks.finish_item.run(second.pk, 1, 1, "received")
        assert request.chain is None
    assert Order.objects.get(pk=second.pk).state == "waiting"
    assert cooked == [(third.pk, 1, "received")]


def test_a_link_that_is_early_comes_back_when_the_work_is_done(small_kitchen, sent, cooked, place):
    order = place(timezone.now())
    with pytest.raises(Retry) as retry:
        tasks.finish_item.apply(args=[order.pk, 1, 1, "received"], throw=True)
    assert retry.value.when == pytest.approx(10, abs=0.5)


@pytest.mark.parametrize(
    ("task", "verb", "args"),
    [
        (tasks.finish, "finish", [1, 1, "baked"]),
        (tasks.finish_item, "finish_item", [1, 1, 1, "received"]),
        (tasks.load, "load", ["baking", "2026-11-20T12:00:00+00:00"]),
    ],
    ids=["finish", "finish_item", "load"],
)
def test_a_database_that_is_away_is_tried_again(monkeypatch, task, verb, args):
    def away(*args):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(flow, verb, away)
    with pytest.raises(Retry):
        task.apply(args=args, throw=True)


def test_a_belt_is_woken_after_the_commit_when_it_can_be_loaded(
    small_kitchen, sent, cooked, place, margherita, monkeypatch, django_capture_on_commit_callbacks
):
    Station.objects.filter(stage="received").update(kind="belt", headway_seconds=7, mean_seconds=20)
    asked = []
    monkeypatch.setattr(tasks.load, "apply_async", lambda args, kwargs, **options: asked.append((args, options)))
    with django_capture_on_commit_callbacks(execute=True):
        place(None, [(margherita, 3)])
        assert asked == []
    station = Station.objects.get(stage="received")
    assert asked == [
        (("received", station.busy_until.isoformat()), {"countdown": pytest.approx(7, abs=0.5)}),
    ]
    with pytest.raises(Retry) as retry:
        tasks.load.apply(args=asked[0][0], throw=True)
    assert retry.value.when == pytest.approx(7, abs=0.5)


@pytest.mark.parametrize(("gathers", "late_seconds"), [(False, 3), (True, 3 + tasks.GATHERED_SECONDS)])
def test_the_recovery_sweep_gives_lost_orders_a_chain(
    small_kitchen, sent, cooked, place, django_capture_on_commit_callbacks, settings, gathers, late_seconds
):
    settings.GATHER_LINKS = gathers
    place(timezone.now() - timedelta(seconds=10 + late_seconds))
    place()
    Station.objects.update(capacity=2)  # bypassing flow: nobody was seated
    with django_capture_on_commit_callbacks(execute=True):
        tasks.sweep.run()
    pks = list(Order.objects.order_by("pk").values_list("pk", flat=True))
    assert cooked == [(pks[0], 2, "received"), (pks[1], 1, "received")]


def test_the_recovery_sweep_leaves_to_the_keepers_what_they_find_themselves(small_kitchen, sent, cooked, place):
    place(timezone.now() - timedelta(seconds=13))
    cooked.clear()
    tasks.sweep.run()
    assert cooked == [] and OrderItem.objects.get().epoch == 1
