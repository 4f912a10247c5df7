"""The keeper: what a worker does with the links that it gathers."""

import os
import subprocess
import sys
import threading
import tracemalloc
from datetime import timedelta
from time import monotonic
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from home.models import Order, OrderEvent, OrderItem
from kitchen import flow, incomplete
from kitchen.models import Shop, Station
from kitchen.tests import laws
from kitchen.tests.clock import link_of
from kitchen.verbs import batch, many
from kitchen.worker import inspection, keeper, strategy
from kitchen.worker.keeper import Keeper
from operations import signs
from pizzaProj import waits

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small_kitchen", "sent", "cooked")]


@pytest.fixture
def ours(monkeypatch):
    """A keeper without a thread, whose rounds a test begins. It has just looked."""
    monkeypatch.setattr(keeper, "close_old_connections", lambda: None)  # the test's own is kept
    ours = Keeper()
    ours.look_at = monotonic() + 60
    return ours


@pytest.fixture
def late(place):
    """late(seconds) places an order whose first work was done that long ago."""
    return lambda seconds=1: place(timezone.now() - timedelta(seconds=10 + seconds))


def stages_of(*orders):
    return [Order.objects.get(pk=order.pk).stage for order in orders]


def test_it_does_what_is_due_when_it_is_woken_and_knows_when_the_next_is(ours, late, cooked):
    order = late()
    cooked.clear()
    ours.wake([monotonic()])
    ours.one_round()
    assert stages_of(order) == ["baking"]
    assert ours.due == [pytest.approx(monotonic() + 20, abs=1)]
    assert cooked == []  # no message is sent for what goes on here


def test_it_does_nothing_before_that(ours, late):
    order = late()
    ours.wake([monotonic() + 5])
    ours.one_round()
    assert stages_of(order) == ["received"] and len(ours.due) == 1


@pytest.mark.database
def test_it_finds_what_nobody_told_it_of(ours, late, place):
    lost, coming = late(), place(timezone.now() - timedelta(seconds=1), way="carry_out")
    Station.objects.update(capacity=5)
    flow.seat_all()
    ours.look_at = monotonic()
    ours.one_round()
    assert stages_of(lost, coming) == ["baking", "received"]
    assert ours.look_at == pytest.approx(monotonic() + keeper.LOOK_SECONDS, abs=0.5)


def test_what_a_look_sees_far_ahead_is_not_noted_again_and_again(ours, place):
    place()
    for _ in range(3):
        ours.look_at = monotonic()
        ours.one_round()
    assert ours.due == []


@pytest.mark.database
def test_who_wakes_a_little_too_soon_looks_again(ours, place):
    place(timezone.now() - timedelta(seconds=9.5))
    ours.wake([monotonic()])
    ours.one_round()
    assert ours.due == [pytest.approx(monotonic() + 0.5, abs=0.3)]


def test_what_is_left_alone_wakes_nobody_again_and_again(ours, late):
    order = late()
    ours.failed = {flow.Link(order.pk, 1, 1, "received"): monotonic() + 60}
    ours.wake([monotonic()])
    ours.one_round()
    assert stages_of(order) == ["received"] and ours.due == []


@pytest.mark.database
def test_the_next_in_line_begins_in_the_same_round_as_an_event_of_its_own(ours, late):
    first, second = late(), late()
    ours.wake([monotonic()])
    ours.one_round()
    events = OrderEvent.objects.filter(order=second).values_list("event", "stage")
    assert list(events) == [("joined", "received"), ("started", "received")]
    assert stages_of(first) == ["baking"]
    assert len(ours.due) == 2


def test_one_link_that_fails_is_left_alone_for_a_while_and_stops_nobody(ours, late, monkeypatch, caplog):
    Station.objects.update(capacity=5)
    bad, good = late(3), late(2)
    run = many.run

    def run_or_fail(kitchen, link):
        if link.pk == bad.pk and fails:
            raise ValueError("a broken order")
        run(kitchen, link)

    fails = True
    monkeypatch.setattr(many, "run", run_or_fail)
    for _ in range(2):
        ours.wake([monotonic()])
        ours.one_round()
    assert stages_of(bad, good) == ["received", "baking"]
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    link = flow.Link(bad.pk, 1, 1, "received")
    assert errors == [f"A link of the kitchen failed: {link}"]  # once, not with every round

    fails = False
    ours.failed = dict.fromkeys(ours.failed, monotonic() - 1)  # the while is over
    ours.look_at = monotonic()
    ours.one_round()
    assert stages_of(bad) == ["baking"]


def test_with_the_database_away_it_waits_longer_each_time_and_goes_on(ours, late, monkeypatch, caplog):
    order = late()
    away = Mock(side_effect=OperationalError("server closed the connection"))
    monkeypatch.setattr(keeper.away, "said_at", None)
    monkeypatch.setattr(keeper.connections, "close_all", lambda: None)  # the test's own
    waits = []
    with monkeypatch.context() as patch:
        patch.setattr(flow, "finish_due", away)
        for _ in range(6):
            ours.wake([monotonic()])
            ours.one_round()
            waits.append(round(ours.look_at - monotonic()))
    assert waits == [1, 2, 3, 4, 4, 4]
    assert [record.levelname for record in caplog.records if "waits for the database" in record.getMessage()] == [
        "WARNING"
    ]
    ours.look_at = monotonic()
    ours.one_round()
    assert stages_of(order) == ["baking"] and ours.attempts == 0


def test_an_incomplete_kitchen_is_told_and_tried_again(ours, late, monkeypatch):
    order = late()
    station = Station.objects.get(stage="baking")
    station.delete()
    told = []
    monkeypatch.setattr(incomplete, "tell", told.append)
    ours.wake([monotonic()])
    ours.one_round()
    assert len(told) == 1 and stages_of(order) == ["received"]
    station.save(force_insert=True)
    ours.look_at = monotonic()
    ours.one_round()
    assert stages_of(order) == ["baking"]


def test_more_than_fits_in_one_round_is_done_in_the_next(ours, late, monkeypatch):
    Station.objects.update(capacity=5)
    orders = [late() for _ in range(5)]
    monkeypatch.setattr(keeper, "MOST_LINKS", 2)
    ours.wake([monotonic()])
    counts = []
    for _ in range(3):
        ours.one_round()
        counts.append(stages_of(*orders).count("baking"))
    assert counts == [2, 4, 5]


# Belts


@pytest.fixture
def belt(place, margherita):
    """Return how many wait before an oven that takes a pizza every three seconds. There are 24 at first."""
    Station.objects.filter(stage="received").update(capacity=50)
    Station.objects.filter(stage="baking").update(kind="belt", headway_seconds=3)
    for _ in range(5):
        place(timezone.now() - timedelta(seconds=11), [(margherita, 5)])
    flow.finish_due(100)
    return lambda: OrderItem.objects.filter(stage="baking", started_at__isnull=True).count()


@pytest.mark.database
def test_a_look_finds_a_loading_of_which_nobody_told(ours, belt):
    assert belt() == 24
    ours.look_at = monotonic()
    Station.objects.filter(stage="baking").update(busy_until=timezone.now())
    ours.one_round()
    assert belt() == 23


@pytest.mark.database
def test_a_long_line_is_loaded_to_its_end(belt):
    """Of a line that is longer than what was read of it at first."""
    Station.objects.filter(stage="baking").update(headway_seconds=0)
    busy_until = Station.objects.get(stage="baking").busy_until
    flow.finish_due(100, clock=lambda: busy_until)
    assert belt() == 0


@pytest.mark.database
def test_a_belt_that_is_closed_is_not_loaded(belt):
    Station.objects.filter(stage="baking").update(is_open=False)
    busy_until = Station.objects.get(stage="baking").busy_until
    assert flow.finish_due(100, clock=lambda: busy_until).links == 0 and belt() == 24
    assert flow.soonest() is not None  # the pizza on the belt comes out


def test_a_loading_that_fails_is_left_alone_for_a_while(ours, belt, monkeypatch, caplog):
    Station.objects.filter(stage="baking").update(busy_until=timezone.now())
    monkeypatch.setattr(many, "load_belt", Mock(side_effect=ValueError("a broken belt")))
    for _ in range(5):
        ours.wake([monotonic()])
        ours.one_round()
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    assert belt() == 24


# Long lines


def at(moment):
    return lambda: moment


@pytest.mark.database
@pytest.mark.parametrize("most", [1, 3, 100])
def test_a_long_line_is_the_same_however_much_of_it_is_read(place, margherita, monkeypatch, most):
    monkeypatch.setattr(batch, "FURTHER", 1)
    for _ in range(4):
        place(timezone.now() - timedelta(seconds=60), [(margherita, 5)])
    start = OrderItem.objects.exclude(started_at=None).get().due_at
    orders = []
    for step in range(12):
        now = start + timedelta(seconds=10 * step)
        while flow.finish_due(most, clock=at(now)).links == most:
            pass
        orders.append(OrderItem.objects.exclude(started_at=None).filter(stage="received").get())
    assert [(item.order_id, item.number) for item in orders] == list(
        OrderItem.objects.order_by("order", "number").values_list("order", "number")[1:13]
    )


@pytest.mark.database
def test_who_joins_behind_those_that_were_read_waits_behind_those_that_were_not(place, margherita, monkeypatch):
    """The oven has a line of nine, of which two are read; the tenth joins it in the same round."""
    monkeypatch.setattr(batch, "FURTHER", 1)
    Station.objects.filter(stage="received").update(capacity=20)
    began = timezone.now() - timedelta(seconds=60)
    for _ in range(2):
        place(began, [(margherita, 5)])
    Station.objects.filter(stage="received").update(distribution="fixed", mean_seconds=30)
    late = place(began)
    first_out = began + timedelta(seconds=10)
    flow.finish_due(100, clock=lambda: first_out)
    flow.finish_due(100, clock=lambda: began + timedelta(seconds=30))
    line = OrderItem.objects.filter(stage="baking").order_by("joined_at", "order", "number")
    assert [item.order_id == late.pk for item in line] == [False] * 9 + [True]
    for step in range(1, 5):
        now = began + timedelta(seconds=10 + 20 * step)
        flow.finish_due(100, clock=at(now))
        begun = OrderItem.objects.filter(stage="baking").exclude(started_at=None).get()
        assert begun.order_id != late.pk


@pytest.mark.database
def test_a_round_in_which_all_falls_due_at_once_is_the_same_as_one_by_one(place, margherita, monkeypatch):
    """Work takes microseconds: what is called up from a line is done in the same round, and calls up the next."""
    monkeypatch.setattr(batch, "FURTHER", 1)
    Shop.objects.update(speed=1_000_000)
    Station.objects.filter(stage="received").update(capacity=2)
    began = timezone.now() - timedelta(seconds=60)
    Station.objects.filter(stage="baking").update(is_open=False)
    for _ in range(3):
        place(began, [(margherita, 4)])
    flow.finish_due(100, clock=at(began + timedelta(seconds=1)))  # to the oven's line
    flow.change_station("baking", is_open=True, clock=at(began + timedelta(seconds=2)))
    for _ in range(3):
        place(began + timedelta(seconds=2), [(margherita, 4)])  # who join it in the same round
    now = at(began + timedelta(seconds=3))
    with transaction.atomic():
        while works := [work for work in laws.Kitchen().works.values() if work.due_at]:
            verb, *link = link_of(min(works, key=lambda work: (work.due_at, *laws.key(work))))
            verb(*link, clock=now)
        expected = laws.everything()
        transaction.set_rollback(True)
    flow.finish_due(10_000, clock=now)
    assert laws.everything() == expected
    assert set(Order.objects.values_list("stage", flat=True)) == {"delivered"}


# The thread


@pytest.fixture
def rounds(monkeypatch):
    """A keeper whose rounds only say that they were begun."""
    ours = Keeper()
    begun = threading.Semaphore(0)
    monkeypatch.setattr(ours, "one_round", lambda: (ours.take_due(), setattr(ours, "look_at", 1e9), begun.release()))
    ours.start()
    yield ours, begun
    ours.stop()
    assert not ours.thread.is_alive()


def test_its_thread_wakes_for_what_is_due_sooner(rounds):
    ours, begun = rounds
    assert begun.acquire(timeout=10)  # at the start
    ours.wake([monotonic() + 3600])
    assert not begun.acquire(timeout=0.1)
    ours.wake([monotonic()])
    assert begun.acquire(timeout=10)


def test_with_the_database_away_its_thread_rests_whatever_falls_due(monkeypatch):
    ours = Keeper()
    monkeypatch.setattr(keeper, "close_old_connections", lambda: None)
    monkeypatch.setattr(keeper.connections, "close_all", lambda: None)
    tried = threading.Semaphore(0)

    def away(*args):
        tried.release()
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(flow, "soonest", away)
    monkeypatch.setattr(flow, "finish_due", away)
    ours.wake(monotonic() + number / 100 for number in range(300))
    ours.start()
    try:
        assert tried.acquire(timeout=10)
        assert not tried.acquire(timeout=0.5)  # it rests for a second
        assert tried.acquire(timeout=10)
    finally:
        ours.stop()


def test_nothing_forks_with_its_connection_open(rounds):
    ours, begun = rounds
    assert begun.acquire(timeout=10)
    ours.connection = Mock()
    ours.rest()
    ours.connection.close.assert_called_once_with()
    ours.wake([monotonic()])
    assert not begun.acquire(timeout=0.1)  # between the two, no round begins
    ours.go_on()
    assert begun.acquire(timeout=10)


def test_a_worker_whose_round_hangs_gives_no_sign_of_life(monkeypatch):
    given = []
    monkeypatch.setattr(signs.signs, "give", given.append)
    ours = Keeper()
    monkeypatch.setattr(signs, "keeper", ours)
    for began in (None, monotonic(), monotonic() - waits.KEEPER_HANGS_SECONDS - 1, monotonic()):
        ours.round_began = began
        signs.worker_is_alive()
        given.append(ours.hangs())
    assert given == [signs.WORKER, False, signs.WORKER, False, True, signs.WORKER, False]


def test_a_fork_has_no_keeper(monkeypatch):
    monkeypatch.setattr(keeper.keeper, "thread", Mock(), raising=True)
    monkeypatch.setattr(keeper.keeper, "connection", None)
    pid = os.fork()
    if not pid:
        os._exit(0 if keeper.keeper.thread is None else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert keeper.keeper.thread is not None and not keeper.keeper.turn.locked()


# Messages


def received(monkeypatch, headers):
    """Let a message of a link come; return when it says that it is due, in seconds from now."""
    ours = Keeper()
    ours.thread = Mock()
    monkeypatch.setattr(strategy, "keeper", ours)
    ack, consumer = Mock(), Mock()
    strategy.gathered(Mock(), Mock(), consumer)(Mock(headers=headers), None, ack, Mock(), [])
    ack.assert_called_once_with(strategy.logger, consumer.connection_errors)
    (moment,) = ours.due
    return moment - monotonic()


@pytest.mark.parametrize(
    ("eta", "seconds"),
    [(None, 0), ("rubbish", 0), (7, 0), ("2026-01-01T00:00:00", 0), ("2020-01-01T00:00:00+00:00", 0)],
)
def test_a_message_that_says_no_moment_is_due_now(monkeypatch, eta, seconds):
    assert received(monkeypatch, {"eta": eta}) == pytest.approx(seconds, abs=1)


def test_a_message_says_when_its_work_is_due(monkeypatch):
    eta = timezone.now() + timedelta(seconds=40)
    assert received(monkeypatch, {"eta": eta.isoformat()}) == pytest.approx(40, abs=1)


def test_of_a_link_that_is_not_due_it_keeps_the_moment_alone(monkeypatch):
    """A hundred thousand of them take some megabytes of a worker."""
    ours, links = Keeper(), 2_000
    ours.thread = Mock()
    monkeypatch.setattr(strategy, "keeper", ours)
    note = strategy.gathered(None, None, SimpleNamespace(connection_errors=()))
    later = timezone.now() + timedelta(hours=1)
    tracemalloc.start()
    for number in range(links):
        eta = (later + timedelta(seconds=number)).isoformat()
        note(SimpleNamespace(headers={"eta": eta}), bytes(8_000), lambda *_: None)
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(ours.due) == links
    assert kept_bytes / links < 50


def test_without_a_keeper_celery_runs_the_links(monkeypatch):
    monkeypatch.setattr(strategy, "keeper", Keeper())
    own = Mock()
    monkeypatch.setattr(strategy, "default", own)
    task, app, consumer = Mock(), Mock(), Mock()
    assert strategy.gathered(task, app, consumer) is own.return_value
    own.assert_called_once_with(task, app, consumer)


def test_celerys_command_line_knows_our_command():
    listed = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "celery_app", "inspect", "--list"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "links" in listed.stdout


def test_inspect_shows_what_is_under_way(late, place):
    Station.objects.update(capacity=5)
    order, later = late(), place()
    flow.advance(order.pk)
    flow.advance(order.pk)
    shown = inspection.links(Mock())
    assert [(row["order"], row["item"], row["stage"]) for row in shown["next"]] == [
        (order.pk, None, "baked"),
        (later.pk, 1, "received"),
    ]
    assert shown["noted"] == len(keeper.keeper.due)
    assert order.order_id not in str(shown) and connection.vendor in ("sqlite", "postgresql")
