"""`rush`: simulated customers at the real API, and its report about them."""

import io
import re
import threading
from concurrent.futures import Future
from contextlib import contextmanager

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.signing import TimestampSigner
from django.db import connection
from django.utils import timezone

from home.api.callers import MARK, simulated_mark
from home.models import Order, OrderItem
from kitchen import flow
from kitchen.management.commands import rush
from kitchen.models import Shop
from kitchen.tests.clock import NOON, at
from kitchen.tests.test_flow import finish


def command(*arguments):
    """Return what it prints."""
    out = io.StringIO()
    call_command("rush", *arguments, stdout=out)
    return out.getvalue()


@contextmanager
def cooking():
    """Run a worker in a thread, which finishes what is due."""
    done = threading.Event()

    def cook():
        while not done.wait(0.02):
            now = timezone.now()
            for item in OrderItem.objects.working().filter(due_at__lte=now):
                flow.finish_item(item.order_id, item.number, item.epoch, item.stage)
            for order in Order.objects.working().filter(due_at__lte=now):
                flow.finish(order.pk, order.epoch, order.stage)
        connection.close()

    thread = threading.Thread(target=cook)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.usefixtures("sent", "cooked", "small_kitchen", "margherita", "diavola")
class TestThroughTheApi:
    def test_customers_are_served_and_marked_as_simulated(self, live_server):
        Shop.objects.update(speed=600)
        with cooking():
            text = command(
                "--url",
                live_server.url,
                "--per-hour=120",
                "--minutes=10",
                "--profile=lunch",
                "--seed=7",
                "--carry-out=0.5",
            )
        expected = re.match(r"(\d+) customers in 10 kitchen minutes \(lunch, --seed 7\)\.", text)[1]
        assert f"Placed {expected}, delivered {expected}, cancelled 0, still here 0." in text
        assert re.search(r"Waiting in lines: mean \d+\.\d min, median \d+\.\d min, 95 % \d+\.\d min\.", text)
        assert "Order to door: mean" in text and "Order to counter: mean" in text
        assert set(Order.objects.values_list("way", flat=True)) == {"delivery", "carry_out"}
        assert "Busiest while customers arrived: " in text
        assert set(Order.objects.values_list("simulated", flat=True)) == {True}

    def test_the_same_seed_orders_the_same(self, live_server):
        Shop.objects.update(speed=10_000)
        evenings = []
        for _ in range(2):
            with cooking():
                command("--url", live_server.url, "--per-hour=120", "--minutes=10", "--seed=7")
            evenings.append(sorted(Order.objects.values_list("summary", flat=True)))
            Order.objects.all().delete()
        assert evenings[0] == evenings[1] != []

    def test_a_closed_shop_turns_them_away_with_its_own_words(self, live_server):
        Shop.objects.update(speed=10_000, is_open=False)
        text = command("--url", live_server.url, "--per-hour=60", "--minutes=5", "--seed=3")
        assert re.search(r"Placed 0, .*\nRefused \d+: We are closed right now and take no orders\.", text)

    def test_it_does_not_wait_for_ever_for_a_kitchen_that_stands_still(self, live_server, monkeypatch):
        Shop.objects.update(speed=10_000)
        monkeypatch.setattr(rush, "STILL_SECONDS", 1)
        text = command("--url", live_server.url, "--per-hour=60", "--minutes=5", "--seed=3")
        assert re.search(r"Placed (\d+), delivered 0, cancelled 0, still here \1\.", text)

    def test_ctrl_c_stops_sending_and_prints_the_summary(self, live_server, monkeypatch):
        sent = []

        def ctrl_c(screen):
            sent[:] = screen.rush.sent
            if len(sent) >= 3:
                raise KeyboardInterrupt

        monkeypatch.setattr(rush.Screen, "draw", ctrl_c)
        text = command("--url", live_server.url, "--per-hour=3600", "--minutes=60", "--seed=1")
        placed = Order.objects.count()
        assert f"Placed {placed}, delivered 0, cancelled 0, still here {placed}." in text
        assert 0 < placed <= len(sent) < 1000  # of an hour's


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--per-hour=0"], "--per-hour must be a number above 0 and at most 10000, not “0”."),
        (["--per-hour=nan"], "--per-hour must be"),
        (["--per-hour=many"], "--per-hour must be"),
        (["--minutes=-1"], "--minutes must be a number above 0 and at most 1440, not “-1”."),
        (["--carry-out=1.5"], "--carry-out must be a share from 0 to 1, such as 0.4, not “1.5”."),
        (["--carry-out=-0.1"], "--carry-out must be"),
        (["--carry-out=nan"], "--carry-out must be"),
        (["--carry-out=half"], "--carry-out must be"),
        (["--profile=dinner"], "--profile must be one of flat, lunch, friday, not “dinner”."),
        (["--url=ftp://shop"], "--url must look like http://127.0.0.1:8000/, not “ftp://shop”."),
        (["--url=http://[::1"], "--url must look like"),
        (["--url=http://shop:99999/"], "--url must look like"),
    ],
)
def test_bad_values_are_refused_in_one_sentence(arguments, sentence):
    with pytest.raises(CommandError, match=re.escape(sentence)) as refused:
        command(*arguments)
    assert refused.value.returncode == 2


def test_where_no_shop_answers_it_says_how_to_open_one():
    with pytest.raises(CommandError, match=r"No shop answers at http://127\.0\.0\.1:9/\. Open it first"):
        command("--url=http://127.0.0.1:9/")


@pytest.mark.django_db
@pytest.mark.usefixtures("sent", "cooked", "small_kitchen")
class TestTheMark:
    def order(self, client, pizza, **headers):
        return client.post("/api/order/", {"id": pizza.pk}, "application/json", headers=headers)

    def test_ours_marks_the_order(self, client, margherita):
        assert self.order(client, margherita, **{MARK: simulated_mark()}).status_code == 201
        assert Order.objects.get().simulated

    def test_without_it_an_order_is_a_real_one(self, client, margherita):
        assert self.order(client, margherita).status_code == 201
        assert not Order.objects.get().simulated

    @pytest.mark.parametrize(
        "mark",
        ["1", "rush", "rush:1uXyZ:abc", pytest.param(TimestampSigner(key="else").sign("rush"), id="another key")],
    )
    def test_a_forged_one_is_refused_and_nothing_is_placed(self, client, margherita, mark):
        response = self.order(client, margherita, **{MARK: mark})
        assert (response.status_code, response.json()["status"]) == (403, False)
        assert not Order.objects.exists()

    def test_an_old_one_is_refused(self, client, margherita, monkeypatch):
        mark = simulated_mark()
        monkeypatch.setattr("home.api.callers.MARK_SECONDS", -1)
        assert self.order(client, margherita, **{MARK: mark}).status_code == 403


@pytest.mark.django_db
@pytest.mark.usefixtures("sent", "cooked", "small_kitchen")
def test_the_summary_is_told_by_the_event_log_in_kitchen_time(place, bob):
    """Two orders at noon, one place everywhere, 10 + 20 + 5 + 30 s: the second waits 10 s, 10 s, none and 10 s."""
    Shop.objects.update(speed=1)
    first, second = place(NOON), place(NOON)
    for order, seconds in ((first, 10), (second, 20), (first, 30), (first, 35), (second, 50), (second, 55)):
        finish(order, at(seconds))
    for order, seconds in ((first, 65), (second, 95)):
        finish(order, at(seconds))
    flow.rush(place(at(95)).pk, clock=at(96), by=bob)  # a third is still being made, and was rushed meanwhile

    evening = rush.Rush(None, [])
    evening.speed, evening.start, evening.last_sent = 60, NOON, at(100)
    for order in Order.objects.all():
        evening.sent.append(Future())
        evening.sent[-1].set_result((order.order_id, ""))

    assert rush.summary(evening) == [
        "Placed 3, delivered 2, cancelled 0, still here 1.",
        "The speed was changed during the run: times are given at speed 60.",
        "Waiting in lines: mean 15.0 min, median 15.0 min, 95 % 28.5 min.",
        "Order to door: mean 80.0 min, median 80.0 min, 95 % 93.5 min.",
        "Busiest while customers arrived: Drivers, 60% utilised (Make line 25%, Oven 40%, Cutting bench 10%).",
    ]


@pytest.mark.django_db
@pytest.mark.usefixtures("sent", "cooked", "small_kitchen")
def test_an_order_of_several_waits_only_while_nothing_of_it_is_worked_on(place, margherita):
    """Two pizzas to collect: while the second stands in a line, the first is made or baked."""
    order = place(NOON, [(margherita, 2)], way="carry_out")
    for number, seconds, stage in ((1, 10, "received"), (2, 20, "received"), (1, 30, "baking"), (2, 50, "baking")):
        item = order.items.get(number=number)
        flow.finish_item(order.pk, number, item.epoch, stage, clock=at(seconds))
    order.refresh_from_db()
    flow.finish(order.pk, order.epoch, "baked", clock=at(55))
    flow.override(order.pk, "delivered", clock=at(60))

    evening = rush.Rush(None, [])
    evening.speed, evening.start, evening.last_sent = 60, NOON, at(100)
    evening.sent.append(Future())
    evening.sent[-1].set_result((order.order_id, ""))
    assert rush.summary(evening)[2:] == [
        "Waiting in lines: mean 0.0 min, median 0.0 min, 95 % 0.0 min.",
        "Order to counter: mean 55.0 min, median 55.0 min, 95 % 55.0 min.",
        "Busiest while customers arrived: Oven, 40% utilised (Make line 20%, Cutting bench 5%, Drivers 0%).",
    ]
    assert rush.waits(rush.events_of([order.pk])[0]) == []


@pytest.mark.django_db
@pytest.mark.usefixtures("sent", "cooked", "small_kitchen")
def test_the_table_counts_pizzas_where_pizzas_are_worked_on(place, margherita):
    place(items=[(margherita, 3)])
    flow.override(place().pk, "baked")
    assert rush.occupancy() == [
        ("Make line", 1, 1, 2),
        ("Oven", 1, 0, 0),
        ("Cutting bench", 1, 1, 0),
        ("Drivers", 1, 0, 0),
        ("Counter", 1000, 0, 0),
    ]


@pytest.mark.django_db
@pytest.mark.usefixtures("sent", "cooked", "small_kitchen")
def test_it_waits_as_long_as_the_kitchen_works_on_anything(place):
    assert not rush.is_at_work(NOON)
    place(NOON)  # somebody else's, before which these wait
    assert [rush.is_at_work(at(seconds)) for seconds in (9, 11)] == [True, False]
