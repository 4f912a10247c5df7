"""The chaos command: the audit sees every fault, the kills are those that were requested, a short run is clean."""

import asyncio
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from benchmarks import databases
from benchmarks.chaos import chaos as chaos_module
from benchmarks.chaos import crowd as crowd_module
from benchmarks.chaos.audit import PATHS, Audit, audit, backwards, crowds, rushed_loadings
from benchmarks.chaos.chaos import KINDS, LATE_SECONDS, Chaos, Plan, Result, Round
from benchmarks.chaos.crowd import Answer, Customers, Page, Pages, basket
from benchmarks.chaos.kills import blows
from benchmarks.chaos.overload import executions
from benchmarks.chaos.records import Limits, Row, late_works, read_limits
from benchmarks.management.commands.chaos import SHORT
from home.models import Order, OrderEvent
from kitchen import flow, stages
from kitchen.models import Shop, Station
from kitchen.tests.clock import NOON, at, begins, link_of, works_due
from pizzaProj.supervision.supervisor import Supervisor
from pizzaProj.tests.test_stack import NOT_OURS, free_port, on_linux

LIMITS = Limits(
    capacity={"received": 2, "baking": 2, "baked": 1, "out_for_delivery": 1, "ready": 1000},
    headway_seconds={},
    of_items=frozenset({"received", "baking"}),
)


@pytest.fixture
def told(small_kitchen, sent, cooked, place, margherita):
    """Send an order of three pizzas and one to collect through a kitchen; return them as their customers know them."""
    Station.objects.filter(works_on="item").update(capacity=2)
    orders = [place(NOON, [(margherita, 3)]), place(NOON, way="carry_out")]
    while finish_next(at(3600)):
        pass
    return {"click 1": orders[0].order_id, "click 2": orders[1].order_id}


def finish_next(until):
    """Let the next link arrive that is due by then; return whether there was one."""
    due = works_due(until)
    if due:
        begins(*link_of(due[0]), clock=lambda: due[0].due_at)
    return bool(due)


def faults(told, limits=LIMITS):
    found = audit(connection, told, limits)
    return {name for name in ("lost", "doubled", "stuck", "illegal", "crowded") if getattr(found, name)}


def test_a_good_history_has_no_faults(told):
    assert audit(connection, told, LIMITS).faults == []
    assert read_limits(connection) == LIMITS


def test_a_history_that_is_no_longer_kept_is_no_fault_unless_all_was_to_be_kept(small_kitchen, sent, cooked, place):
    order = place(NOON)
    flow.cancel(order.pk, None, "no", clock=NOON)
    order.events.all().delete()
    found = audit(connection, None, LIMITS)
    assert (found.faults, found.unkept) == ([], 1)
    assert audit(connection, {"click": order.order_id}, LIMITS).illegal


@pytest.mark.parametrize("seconds", [0, 15, 40, 52])
def test_a_cancelled_order_is_no_fault(told, place, margherita, seconds):
    order = place(at(3600), [(margherita, 3)])
    while finish_next(at(3600 + seconds)):
        pass
    flow.cancel(order.pk, clock=at(3600 + seconds))
    assert audit(connection, {**told, "click 3": order.order_id}, LIMITS).faults == []


def test_a_struck_pizza_is_no_fault(told, place, margherita):
    order = place(at(3600), [(margherita, 3)])
    flow.cancel(order.pk, item=2, clock=at(3601))
    while finish_next(at(7200)):
        pass
    assert audit(connection, {**told, "click 3": order.order_id}, LIMITS).faults == []


@pytest.mark.parametrize(
    ("do", "fault"),
    [
        (lambda told: told.update({"click 3": "z" * 20}), {"lost"}),
        (lambda told: told.pop("click 2"), {"doubled"}),
        (lambda told: told.update({"click 3": told["click 1"]}), {"doubled"}),
        (lambda told: Order.objects.filter(pk=first().pk).update(seq=4), {"illegal"}),
        (lambda told: first().events.filter(seq=2).delete(), {"illegal"}),
        (lambda told: first().events.filter(seq=2).update(stage="baked"), {"illegal"}),
        (lambda told: first().events.filter(seq=5).update(at=NOON), {"illegal"}),
        (lambda told: copy_event(first(), 2), {"illegal"}),
        (lambda told: copy_event(first(), last_of(None).seq), {"illegal"}),
        (lambda told: first().events.filter(seq=last_of(3).seq).update(item=2), {"illegal"}),
        (lambda told: Order.objects.filter(pk=first().pk).update(way="carry_out"), {"illegal"}),
    ],
)
def test_it_sees_the_fault(told, do, fault):
    do(told)
    assert fault <= faults(told)


@pytest.mark.parametrize(
    ("do", "sentence"),
    [
        (lambda: first().items.filter(number=2).delete(), r"has the pizzas \[1, 3\], and 3 were ordered"),
        (lambda: first().items.filter(number=2).delete(), r"made pizzas that it does not have: \[2\]"),
        (lambda: first().items.create(number=4, name="Margherita", stage="baked", is_done=True), "has the pizzas"),
        (lambda: first().items.filter(number=2).update(is_done=False), "was delivered without pizza 2"),
        (lambda: first().items.filter(number=2).update(stage="baking"), "pizza 2 is at baking, its last event at"),
        (lambda: first().events.filter(item=2, stage="baking").delete(), "pizza 2 took the path"),
        (lambda: first().events.filter(item=2, event="joined", stage="baked").delete(), "pizza 2 took the path"),
        (lambda: first().events.filter(item=None, stage="out_for_delivery").delete(), "took the path"),
        (lambda: swap(last_of(3), first().events.get(item=None, stage="baked")), "before all its pizzas were there"),
        (lambda: copy_event(first(), last_of(1).seq), "did something twice"),
    ],
)
def test_it_names_what_is_wrong_with_a_pizza(told, do, sentence):
    do()
    assert re.search(sentence, "\n".join(audit(connection, told, LIMITS).illegal))


def first():
    return Order.objects.order_by("pk").first()


def last_of(item):
    """The last event of one of the first order's pizzas, or of the order."""
    return first().events.filter(item=item).last()


def copy_event(order, seq):
    event = order.events.get(seq=seq)
    order.seq += 1
    OrderEvent.objects.create(
        order=order,
        seq=order.seq,
        at=NOON + timedelta(days=1),
        item=event.item,
        stage=event.stage,
        order_stage=order.stage,
        event=event.event,
    )
    Order.objects.filter(pk=order.pk).update(seq=order.seq)


def swap(one, other):
    """Let two events have come in the other order."""
    seqs = one.seq, other.seq
    for event, seq in ((one, 1000), (other, seqs[0]), (one, seqs[1])):
        OrderEvent.objects.filter(pk=event.pk).update(seq=seq)


def test_it_sees_an_order_that_never_left(told, place):
    order = place(at(3600))
    assert faults({**told, "click 3": order.order_id}) == {"stuck"}


def test_it_knows_the_paths_by_itself():
    """Test that the audit has heard of a new stage, without asking the shop each time."""
    assert {way: stages.remaining(stages.FIRST, way) for way in stages.ROUTES} == PATHS


@pytest.mark.parametrize(("is_known", "code", "fault"), [(True, 0, ""), (False, 1, "nobody was told of it")])
def test_it_reads_a_database_by_itself(told, tmp_path, is_known, code, fault):
    """Run it as a person does, on a copy of the shop's tables, without Django."""
    copy_tables(tmp_path / "shop.sqlite3")
    (tmp_path / "told.json").write_text(json.dumps(told if is_known else {"click 1": told["click 1"]}))
    command = [sys.executable, "-m", "benchmarks.chaos.audit", tmp_path / "shop.sqlite3", tmp_path / "told.json"]
    run = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (code, "")
    assert run.stdout.startswith(f"0 lost, {code} doubled, 0 stuck, 0 with a wrong history, 0 times too many")
    assert fault in run.stdout


def copy_tables(path):
    copy = sqlite3.connect(path)
    for table in ("home_order", "home_orderitem", "home_orderevent", "kitchen_shop", "kitchen_station"):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in cursor.description]
            copy.execute(f"CREATE TABLE {table} ({', '.join(names)})")
            rows = [[cell if isinstance(cell, int | float | None) else str(cell) for cell in row] for row in cursor]
        copy.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})", rows)
    copy.commit()
    copy.close()


# A kitchen in people's hands


@pytest.fixture
def tapped(small_kitchen, sent, cooked, place):
    """Send an order through a kitchen where a tap ends the work at the make line and a driver takes it along."""
    Station.objects.filter(stage__in=["received", "out_for_delivery"]).update(ends_by="hand")
    Station.objects.filter(stage="out_for_delivery").update(goes_on_after_times=3)
    order = place(NOON)
    finish_next(at(3600))  # it takes longer than usual
    flow.advance(order.pk, clock=at(60))
    while finish_next(at(3600)):
        pass
    flow.take(order.pk, clock=at(120))
    while finish_next(at(7200)):
        pass
    return {"click 1": order.order_id}


def test_taps_and_what_is_taken_to_be_done_are_no_faults(tapped):
    assert [event.event for event in first().events.all()] == [
        *("started", "overran", "done", "started", "joined", "started", "joined"),
        *("started", "overran", "assumed", "delivered"),
    ]
    assert audit(connection, tapped, read_limits(connection)).faults == []


@pytest.mark.parametrize(
    ("seq", "changes", "sentence"),
    [
        (2, {"stage": "baked"}, "was overran at baked where nobody worked on it"),
        (2, {"event": "assumed"}, "was done at received where nobody worked on it"),
        (3, {"event": "overran"}, "left received and nobody had ended it"),
        (3, {"at": at(59)}, "was done at received, and then started at baking"),
        (11, {"event": "overran"}, "was assumed at out_for_delivery and stayed there"),
    ],
)
def test_it_sees_what_taps_can_not_have_done(tapped, seq, changes, sentence):
    first().events.filter(seq=seq).update(**changes)
    assert sentence in "\n".join(audit(connection, tapped, read_limits(connection)).illegal)


@pytest.mark.parametrize(("stage", "places"), [("received", 1), ("baking", 1)])
def test_pizzas_have_a_place_each(told, stage, places):
    assert faults(told, replace(LIMITS, capacity={**LIMITS.capacity, stage: places})) == {"crowded"}


def crowd(*rows):
    """Return the faults in a log of [(order, seq, item, stage, event, second)] of a kitchen with one place
    everywhere."""
    return crowds([Row(*row, at(second)) for *row, second in rows], lambda stage, moment: 1)


def test_it_sees_one_too_many_at_a_station():
    began = [(order, 1, None, "baked", "started") for order in (1, 2)]
    left = (1, 2, None, "out_for_delivery", "joined")
    assert crowd((*began[0], 0), (*left, 10), (*began[1], 10)) == []
    assert crowd((*began[0], 0), (*left, 10), (*began[1], 9)) == [f"2 works in the 1 places of baked at {at(9)}"]
    assert len(crowd((*began[0], 0), (1, 2, None, "baked", "rushed", 5), (*began[1], 9))) == 1


def test_it_sees_one_pizza_too_many_of_the_same_order():
    began = [(1, 1, 1, "received", "started"), (1, 2, 2, "received", "started")]
    left = (1, 3, 1, "baking", "joined")
    assert crowd((*began[0], 0), (*began[1], 9), (*left, 9)) == []
    assert len(crowd((*began[0], 0), (*began[1], 9), (*left, 10))) == 1


def test_an_order_that_is_cancelled_leaves_the_places_of_all_its_pizzas():
    began = [(1, 1, 1, "received", "started", 0), (1, 2, 2, "baking", "started", 1)]
    others = [(2, 1, 1, "received", "started", 5), (3, 1, 1, "baking", "started", 5)]
    assert crowd(*began, (1, 3, None, "cancelled", "cancelled", 5), *others) == []
    assert len(crowd(*began, (1, 3, None, "cancelled", "cancelled", 6), *others)) == 2


def test_an_order_whose_pizza_is_made_again_leaves_its_place():
    log = [(1, 1, None, "baked", "started", 0), (1, 2, 1, "received", "remade", 5)]
    assert crowd(*log, (2, 1, None, "baked", "started", 5)) == []
    assert len(crowd(*log, (2, 1, None, "baked", "started", 4))) == 1


def test_it_sees_a_belt_that_is_loaded_too_soon():
    log = [Row(order, 1, 1, "baking", "started", at(second)) for order, second in ((1, 0), (3, 14), (2, 7))]
    assert rushed_loadings(log, {"baking": 7.0}) == []
    assert rushed_loadings(log, {}) == []
    assert rushed_loadings(log, {"baking": 7.1}) == [
        f"the belt of baking was loaded at {at(0)} and again at {at(7)}",
        f"the belt of baking was loaded at {at(7)} and again at {at(14)}",
    ]


def test_a_belt_has_no_places_but_a_headway(told):
    Station.objects.filter(stage="baking").update(kind="belt", headway_seconds=40)
    Shop.objects.update(speed=4)
    limits = read_limits(connection)
    assert (limits.headway_seconds, "baking" in limits.capacity) == ({"baking": 10}, False)
    assert faults(told, limits) == {"crowded"}  # the first two went in together


def test_it_goes_by_time_and_not_by_the_order_of_writing():
    """The second start was written after the first order left, with an earlier time."""
    log = [(1, 1, 1, "received", "started"), (1, 2, 1, "baking", "started"), (2, 1, 1, "received", "started")]
    assert crowd(*((*row, second) for row, second in zip(log, (0, 10, 9.9), strict=True))) != []


def test_it_sees_time_that_runs_backwards():
    log = [
        Row(1, 1, 1, "received", "started", at(5)),
        Row(1, 2, 1, "baking", "started", at(4)),
        Row(2, 1, 1, "received", "joined", at(1)),
    ]
    assert len(backwards(log)) == 1


def test_customers_order_up_to_eight_pizzas_both_ways():
    chance = random.Random(1)
    baskets = [basket([1, 2, 3], chance) for _ in range(500)]
    assert {sum(line["quantity"] for line in each["items"]) for each in baskets} == set(range(1, 9))
    assert {each["way"] for each in baskets} == set(stages.ROUTES)


@pytest.mark.parametrize(("slow", "is_fault"), [(1, False), (2, True)])
def test_recovery_is_judged_at_the_99th_percentile(slow, is_fault):
    rounds = [Round(("worker",), 1.0, seconds, 0.0) for seconds in [4.9] * (200 - 2 * slow) + [5.1] * 2 * slow]
    result = Result(Plan(orders=0), rounds, Audit(), 0, 0, 0, 0.0, 0.0)
    assert bool(result.faults) == is_fault


def test_a_short_run_judges_what_happened_and_no_time():
    def faults(recovery_seconds, pages_seconds, pages_end_seconds=9.0):
        rounds = [Round(("worker",), 1.0, recovery_seconds, pages_seconds)]
        return Result(replace(SHORT, orders=0), rounds, Audit(), 0, 0, 0, 0.0, pages_end_seconds).faults

    assert faults(9.0, 9.0) == []
    assert [len(faults(60.1, 0.0)), len(faults(0.0, 60.1)), len(faults(0.0, 0.0, 60.0))] == [1, 1, 1]


@pytest.mark.django_db
def test_late_pizzas_count_as_orders_do(small_kitchen, sent, cooked, place):
    order = place(timezone.now() - timedelta(seconds=10.5))
    assert late_works(connection, LATE_SECONDS) == 0
    Order.objects.all().delete()
    order = place(timezone.now() - timedelta(seconds=12))
    assert late_works(connection, LATE_SECONDS) == 1
    flow.override(order.pk, "out_for_delivery", clock=lambda: timezone.now() - timedelta(seconds=32))
    assert late_works(connection, LATE_SECONDS) == 1


class Ending(Chaos):
    """The end of a run on a clock of its own: so many steps bring an order on, each after ten seconds."""

    def __init__(self, order, steps):
        self.order, self.steps, self.clock = order, steps, 0.0

    def breathe(self, seconds):
        self.clock += 10
        if self.steps:
            self.steps -= 1
            copy_event(self.order, 1)

    def all_is_over(self):
        return False


@pytest.mark.parametrize(("steps", "seconds"), [(0, 60), (12, 180), (1000, 600)])
def test_the_end_is_awaited_as_long_as_orders_get_on(told, monkeypatch, steps, seconds):
    end = Ending(first(), steps)
    monkeypatch.setattr(chaos_module, "time", SimpleNamespace(monotonic=lambda: end.clock))
    end.await_end()
    assert end.clock == pytest.approx(seconds, abs=20)


@pytest.mark.django_db
@pytest.mark.parametrize(("late", "was_given_up"), [(0, False), (1, True)])
def test_a_shop_that_stays_late_is_given_up(monkeypatch, late, was_given_up):
    end = Ending(None, 0)
    end.pages = Pages(0)
    monkeypatch.setattr(chaos_module, "time", SimpleNamespace(monotonic=lambda: end.clock))
    monkeypatch.setattr(chaos_module, "late_works", lambda *_: late)
    assert Round((), 0.0, *end.await_calm()).was_given_up == was_given_up


def test_each_kind_falls_as_often_as_requested_and_sometimes_two_at_once():
    rounds = blows(KINDS, 10, random.Random(1))
    assert {kind: sum(kind in kinds for kinds in rounds) for kind in KINDS} == dict.fromkeys(KINDS, 10)
    assert {len(set(kinds)) == len(kinds) for kinds in rounds} == {True}
    assert {len(kinds) for kinds in rounds} == {1, 2}
    assert rounds == blows(KINDS, 10, random.Random(1))


def test_a_page_sees_what_it_should_not_have_been_sent():
    page = Page("a" * 20, 1)
    for seq, is_snapshot in ((1, True), (2, False), (2, True), (4, False)):
        page._take(seq, is_snapshot)
    assert page.faults == []
    for seq, is_snapshot in ((4, False), (3, False), (3, True)):
        page._take(seq, is_snapshot)
    assert (len(page.faults), page.seq) == (3, 4)


async def test_a_page_notices_that_it_was_closed_by_an_error():
    page = Page("a" * 20, 1)
    for code in (1001, 4503, 1011):
        reader = asyncio.StreamReader()
        reader.feed_data(bytes([0x88, 2]) + code.to_bytes(2, "big"))
        await page._read_frames(reader, None)
    assert page.faults == [f"The page of {'a' * 20} was closed with 1011"]


def test_a_customer_forgives_being_sent_away_but_no_error(monkeypatch):
    statuses = iter((0, 503, 500, 201))

    def answer(what, port, patience_seconds, *request):
        return Answer(what, 0.0, 0.1, next(statuses)), b'{"order": {"order_id": "a"}}'

    monkeypatch.setattr(crowd_module, "ask", answer)
    monkeypatch.setattr(crowd_module.time, "sleep", lambda seconds: None)
    customers = Customers(1, [1], seed=1, customers=0)
    assert customers._insist("a click", "{}") == "a"
    assert (customers.broken, customers.retries) == (["a click was answered 500"], 3)


def test_executions_are_counted_from_the_workers_log():
    log = """[..] Task kitchen.finish[a-1] received
    [..] Task kitchen.finish[a-1] succeeded in 0.01s: None
    [..] Task kitchen.finish_item[b-2] retry: Retry in 0.2s
    [..] Task kitchen.sweep[c-3] succeeded in 0.25s: None"""
    assert executions(log) == (2, [0.25])


def test_links_that_are_gathered_are_counted_by_what_they_changed():
    log = """{"event": "started", "order": 1, "late_seconds": 0.251, "task": null}
    {"event": "started", "order": 2, "late_seconds": null, "task": null}
    {"event": "delivered", "order": 3, "late_seconds": 1.5, "task": null}
    [..] Task kitchen.sweep[c-3] succeeded in 0.25s: None"""
    assert executions(log) == (2, [0.25])


def test_a_killed_part_can_be_started_again(tmp_path):
    parts = Supervisor(tmp_path / "logs", tmp_path, dict(os.environ))
    for name in ("one", "two", "three"):
        parts.start(name, ["sleep", "60"])
    two = parts.children[1].process
    fallen = parts.kill("two", "nobody")
    assert (fallen, two.returncode) == ([("two", ["sleep", "60"])], -signal.SIGKILL)
    parts.check()  # it was killed on purpose, so it does not count as dead
    parts.start(*fallen[0])
    assert [child.name for child in parts.children] == ["one", "three", "two"]
    assert len(parts.kill("one", "two", "three")) == 3


def chaos(*options, port=None):
    """Run the command as a person does."""
    env = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    door = str(port or free_port())
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "chaos", "--port", door, *options]
    return subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


@pytest.mark.slow
@on_linux
@pytest.mark.parametrize("engine", ["SQLite", "PostgreSQL"])
def test_a_short_chaos_loses_nothing(engine):
    if engine == "PostgreSQL" and databases.machines() is None:
        pytest.skip("No PostgreSQL answers.")
    run = chaos("--short", *(["--postgresql"] if engine == "PostgreSQL" else []))
    assert run.returncode == 0, run.stdout
    assert f"on {engine}," in run.stdout
    assert "60 orders accepted" in run.stdout
    assert "0 lost, 0 doubled, 0 stuck, 0 with a wrong history, 0 times too many" in run.stdout
    for kind in KINDS:
        assert f"killed {kind}, times 1" in run.stdout


@pytest.mark.slow
def test_workers_that_come_late_run_each_link_about_once():
    run = chaos("--overload", "--orders", "300")
    assert run.returncode == 0, run.stdout
    assert "orders 300, delivered 300" in run.stdout


@pytest.mark.parametrize("option", [["--orders", "0"], ["--kills", "x"], ["--speed", "0"], ["--port", "99999"]])
def test_nonsense_is_refused(option):
    run = chaos(*option)
    assert run.returncode == 2, run.stdout
    assert option[0] in run.stdout


def test_without_a_server_it_says_so(monkeypatch):
    monkeypatch.setattr(databases, "Server", partial(databases.Server, port=free_port()))
    with pytest.raises(CommandError, match="No PostgreSQL answers"):
        call_command("chaos", "--short", "--postgresql", "--port", str(free_port()))


def test_beside_a_shop_it_asks_for_another_port():
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        run = chaos("--short", port=port)
    assert (run.returncode, run.stdout) == (
        1,
        f"CommandError: Port {port} is in use. Choose another one with --port.\n",
    )
