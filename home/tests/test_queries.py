"""Queries of open orders cost as much in ten years as today: none reads all orders that there ever were."""

import re
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from home import reconcile
from home.models import Order, OrderEvent, OrderItem
from kitchen import flow, stages
from kitchen.board import handover, snapshot, windows
from kitchen.board.windows import Asked
from kitchen.locks import lock_kitchen
from kitchen.management.commands import rush
from kitchen.planner import studies
from kitchen.promises import forecast, ledger

DELIVERED = 20_000
READS_ALL = re.compile("(SCAN|Seq Scan on) home_order(item)?( |$)")  # as SQLite and PostgreSQL say it

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked", "small_kitchen")]


@pytest.fixture
def old_shop(place, bob):
    """Years of delivered orders, and a few open ones."""
    then = timezone.now() - timedelta(days=400)
    past = {"stage": stages.LAST, "seq": 1, "epoch": 1, "created_at": then, "joined_at": then, "delivered_at": then}
    rows = Order.objects.bulk_create([Order(order_id=f"{n:020d}", **past) for n in range(DELIVERED)], 2000)
    OrderEvent.objects.bulk_create(
        [OrderEvent(order=row, seq=1, at=then, stage=stages.LAST, event="delivered") for row in rows], 2000
    )
    OrderItem.objects.bulk_create([OrderItem(order=row, number=1, stage="baked", is_done=True) for row in rows], 2000)
    first, *_, held = [place(promise=forecast.promise(1, timezone.now())) for _ in range(5)]
    flow.advance(first.pk)
    flow.hold(held.pk)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE home_order, home_orderitem")
    return first


def next_in_line(stage):
    """Read a station's line as a verb does."""
    with lock_kitchen() as kitchen:
        kitchen.read()
        kitchen.stations[stage].has_line = True
        kitchen.next_in_line(kitchen.stations[stage], 3)


def link_after_the_join(order):
    """Let the link of an order arrive that goes on as a whole."""
    flow.override(order.pk, "baked")
    order = Order.objects.get(pk=order.pk)
    flow.finish(order.pk, order.epoch, "baked", clock=lambda: order.due_at)


def explained(call):
    """Return the query plans of all statements that it executes, one line each."""
    statements, plans = [], []

    def note(execute, sql, params, many, context):
        if sql.lstrip().upper().startswith(("SELECT", "WITH", "UPDATE", "DELETE")) and "home_order" in sql:
            statements.append((sql, params[0] if many else params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        call()
    with connection.cursor() as cursor:
        for sql, params in statements:
            cursor.execute(("EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN ") + sql, params)
            plans += [f"{row[-1]}: {sql}" for row in cursor.fetchall()]
    return plans


def explained_and_undone(ask, order):
    """The plans of one question, which leaves nothing behind for the next."""
    with transaction.atomic():
        plans = explained(lambda: ask(order))
        transaction.set_rollback(True)
    order.refresh_from_db()
    return plans


def reads_all(plan):
    """Return True if a line of a query plan by stage reads a whole table. The index of open orders is short."""
    words, _, sql = plan.partition(": ")
    is_by_stage = "stage" in sql.partition("WHERE")[2]
    return is_by_stage and READS_ALL.search(words) and not re.search("order_open|item_open", words)


def in_a_crowd(read, *words):
    """Read as if there were more orders than a board shows."""
    with patch.object(windows, "BOARD_ORDERS", 0), patch.object(handover, "BOARD_ORDERS", 0):
        return read(*words)


ASKED = {
    "open": lambda order: Order.objects.open().count(),
    "open, in order": lambda order: list(Order.objects.open().order_by("pk")),
    "working": lambda order: list(Order.objects.working().order_by("due_at")),
    "cooking": lambda order: OrderItem.objects.cooking().filter(started_at=None, held=False).count(),
    "working pizzas": lambda order: list(OrderItem.objects.working().order_by("due_at")),
    "board": lambda order: snapshot.states_of(windows.read_window(Asked()).orders.values()),
    "board in a crowd": lambda order: in_a_crowd(windows.read_windows, [Asked(), Asked(hides_simulated=True)]),
    "board's chart": lambda order: snapshot.history(timezone.now()),
    "handing over": lambda order: handover.read_handover(),
    "handing over in a crowd": lambda order: in_a_crowd(handover.read_handover, [order.order_id], [1]),
    "watchers": lambda order: reconcile.read_newer({order.order_id: 1}, timezone.now()),
    "forecasts": lambda order: forecast.renew(timezone.now()),
    "ledger": lambda order: ledger.settle(timezone.now()),
    "rush": lambda order: rush.occupancy(),
    "planner": lambda order: studies.present_notes(forecast.read_state(timezone.now())),
    "a link": lambda order: flow.finish_item(order.pk, 1, 1, order.stage, clock=lambda: order.items.get().due_at),
    "a person": lambda order: flow.rush(order.pk),
    "the recovery sweep": lambda order: (flow.recover(), flow.seat_all()),
    "the speed": lambda order: flow.set_speed(2),
    "the line of pizzas": lambda order: next_in_line("received"),
    "the line of orders": lambda order: next_in_line("out_for_delivery"),
    "a link of an order": link_after_the_join,
}


PAGES = ["/", "/admin/", "/kitchen/", "/kitchen/drivers/", "/admin/home/order/?stage__exact=baking"]


def test_open_orders_are_found_without_reading_all(old_shop, client, bob):
    """All in one test: the orders of years are written once, not once for each question."""
    check_that_it_would_be_seen()
    old_shop.refresh_from_db()
    client.force_login(bob)
    questions = ASKED | {address: lambda order, address=address: client.get(address) for address in PAGES}
    found = {name: explained_and_undone(ask, old_shop) for name, ask in questions.items()}
    assert [name for name in ASKED if not found[name]] == [], "nothing was asked"
    assert {name: bad for name, plans in found.items() if (bad := [plan for plan in plans if reads_all(plan)])} == {}


def check_that_it_would_be_seen():
    """Ask what has to read all. The shop must be old: of a few rows PostgreSQL always reads all."""
    plans = explained(lambda: OrderItem.objects.exclude(stage="baked").count())
    assert any(map(reads_all, plans))
    plans = explained(lambda: Order.objects.filter(stage__in=stages.WORKED).count())
    assert connection.vendor == "postgresql" or any(map(reads_all, plans))  # PostgreSQL plans with the values
    plans = explained(lambda: Order.objects.exclude(stage=stages.LAST).count())
    assert any(map(reads_all, plans))


@pytest.mark.parametrize("address", ["/", "/kitchen/", "/admin/home/order/", "/chat/", "/kitchen/inbox/"])
@pytest.mark.usefixtures("timeless")
def test_a_page_asks_no_more_however_many_orders_and_pizzas_it_shows(place, margherita, client, bob, address):
    """Each order's frame and state need its items: a list must read them all at once."""

    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        return len(asked)

    client.force_login(bob)
    place(user=bob, items=[(margherita, 2)])
    client.get(address)  # what is remembered from now on
    few = queries()
    for way in stages.ROUTES:
        for _ in range(3):
            place(user=bob, items=[(margherita, 3)], way=way)
    assert queries() <= few
