"""The chaos command: the audit sees every fault, the kills are those that were requested, a short run is clean."""

import os
import random
import signal
import socket
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings

from benchmarks.chaos.audit import audit, backwards, crowds
from benchmarks.chaos.chaos import KINDS, Plan, blows
from benchmarks.chaos.crowd import Page
from benchmarks.chaos.overload import executions
from home.models import Order, OrderEvent
from kitchen import flow, stages
from kitchen.tests.clock import NOON, at
from pizzaProj.supervisor import Supervisor
from pizzaProj.tests.test_stack import NOT_OURS, free_port, on_linux

PLACES = dict.fromkeys(stages.WORKED, 1)


@pytest.fixture
def told(small_kitchen, sent, cooked, place):
    """Send two orders through a kitchen of one place; return them as their customers know them."""
    orders = [place(NOON), place(NOON)]
    now = NOON
    while open_orders := list(Order.objects.working()):
        now = min(order.due_at for order in open_orders)
        for order in open_orders:
            if order.due_at == now:
                flow.finish(order.pk, order.epoch, order.stage, clock=lambda now=now: now)
    return {"click 1": orders[0].order_id, "click 2": orders[1].order_id}


def faults(told, places=PLACES):
    found = audit(told, places)
    return {name for name in ("lost", "doubled", "stuck", "illegal", "crowded") if getattr(found, name)}


def test_a_good_history_has_no_faults(told):
    assert faults(told) == set()


def test_a_cancelled_order_is_no_fault(told, place):
    order = place(at(3600))
    flow.cancel(order.pk, clock=at(3600))
    assert faults({**told, "click 3": order.order_id}) == set()


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
    ],
)
def test_it_sees_the_fault(told, do, fault):
    do(told)
    assert fault <= faults(told)


def first():
    return Order.objects.order_by("pk").first()


def copy_event(order, seq):
    event = order.events.get(seq=seq)
    order.seq += 1
    OrderEvent.objects.create(
        order=order, seq=order.seq, at=NOON + timedelta(days=1), stage=event.stage, event="started"
    )
    Order.objects.filter(pk=order.pk).update(seq=order.seq)


def test_it_sees_an_order_that_never_left(told, place):
    order = place(at(3600))
    assert faults({**told, "click 3": order.order_id}) == {"stuck"}


def one_place(*rows):
    """Return the faults in a log of [(order, seq, stage, event, second)] of a kitchen with one place everywhere."""
    return crowds([(*row, at(second)) for *row, second in rows], lambda stage, moment: 1)


def test_it_sees_one_too_many_at_a_station():
    began = [(order, 1, "received", "started") for order in (1, 2)]
    left = (1, 2, "baking", "joined")
    assert one_place((*began[0], 0), (*left, 10), (*began[1], 10)) == []
    assert one_place((*began[0], 0), (*left, 10), (*began[1], 9)) == [
        f"2 orders in the 1 places of received at {at(9)}"
    ]
    assert len(one_place((*began[0], 0), (1, 2, "received", "rushed", 5), (*began[1], 9))) == 1


def test_it_goes_by_time_and_not_by_the_order_of_writing():
    """The second start was written after the first order left, with an earlier time."""
    log = [(1, 1, "received", "started"), (1, 2, "baking", "started"), (2, 1, "received", "started")]
    assert one_place(*((*row, second) for row, second in zip(log, (0, 10, 9.9), strict=True))) != []


def test_it_sees_time_that_runs_backwards():
    log = [
        (1, 1, "received", "started", at(5)),
        (1, 2, "baking", "started", at(4)),
        (2, 1, "received", "joined", at(1)),
    ]
    assert len(backwards(log)) == 1


def test_each_kind_falls_as_often_as_requested_and_sometimes_two_at_once():
    rounds = blows(Plan(kills=10), random.Random(1))
    assert {kind: sum(kind in kinds for kinds in rounds) for kind in KINDS} == dict.fromkeys(KINDS, 10)
    assert {len(set(kinds)) == len(kinds) for kinds in rounds} == {True}
    assert {len(kinds) for kinds in rounds} == {1, 2}
    assert rounds == blows(Plan(kills=10), random.Random(1))


def test_a_page_sees_what_it_should_not_have_been_sent():
    page = Page("a" * 20, 1)
    for seq, is_snapshot in ((1, True), (2, False), (2, True), (4, False)):
        page._take(seq, is_snapshot)
    assert page.faults == []
    for seq, is_snapshot in ((4, False), (3, False), (3, True)):
        page._take(seq, is_snapshot)
    assert (len(page.faults), page.seq) == (3, 4)


def test_executions_are_counted_from_the_workers_log():
    log = """[..] Task kitchen.finish[a-1] received
    [..] Task kitchen.finish[a-1] succeeded in 0.01s: None
    [..] Task kitchen.finish[b-2] retry: Retry in 0.2s
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
def test_a_short_chaos_loses_nothing():
    run = chaos("--short")
    assert run.returncode == 0, run.stdout
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


def test_beside_a_shop_it_asks_for_another_port():
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        run = chaos("--short", port=port)
    assert (run.returncode, run.stdout) == (
        1,
        f"CommandError: Port {port} is in use. Choose another one with --port.\n",
    )
