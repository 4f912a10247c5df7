"""Several orders are written by `flow` alone, behind the kitchen's lock: two such statements, each writing its rows in
whatever order it finds them, would deadlock on PostgreSQL."""

import ast
import re
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat import requests, rooms
from chat.tests.cast import ANSWER, member, staff
from home.models import Order
from kitchen import flow
from kitchen.tests.test_races import all_at_once

ROOMS = ("accounts", "chat", "home", "kitchen", "pizzaProj", "realtime")
WRITES = {"update", "bulk_update", "update_all", "bulk_create", "delete", "select_for_update"}
row_locks = pytest.mark.skipif(not connection.features.has_select_for_update, reason="BEGIN IMMEDIATE is the lock")


def roots(node):
    """Return the root of a chain of attributes and calls, and the attributes on the way."""
    names = []
    while isinstance(node, ast.Attribute | ast.Call):
        if isinstance(node, ast.Attribute):
            names.append(node.attr)
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return [*names, getattr(node, "id", "")]


def writes_of_several_orders(source):
    """Return the lines with a call such as `Order.objects.filter(...).update(...)` or `user.orders.all().delete()`,
    likewise of items."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
            names = roots(node.func.value)
            is_query = names[-2:] in (["objects", "Order"], ["objects", "OrderItem"])
            if is_query or {"orders", "items"} & {*names[:-1]} or names[-1] in ("ORDER_ROWS", "ITEM_ROWS"):
                found.append(node.lineno)
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if re.search("(UPDATE|DELETE FROM) home_order(item)? ", text):
            found.append(node.lineno)
    return found


def test_nobody_but_flow_and_its_parts_writes_several_orders():
    root = Path(settings.BASE_DIR)
    found = {
        str(path.relative_to(root)): lines
        for room in ROOMS
        for path in (root / room).rglob("*.py")
        if not {"tests", "migrations"} & set(path.parts) and (lines := writes_of_several_orders(path.read_text()))
    }
    assert set(found) == {
        "kitchen/flow.py",
        *(f"kitchen/verbs/{part}.py" for part in ("batch", "changing", "set_back")),
    }


@pytest.mark.parametrize(
    "line",
    [
        "Order.objects.filter(guest=guest).update(user=user)",
        "Order.objects.all().delete()",
        "user.orders.update(user=None)",
        "ORDER_ROWS.update_all(orders, names)",
        "cursor.execute('UPDATE home_order SET guest = %s')",
        "OrderItem.objects.filter(order=order).delete()",
        "order.items.update(held=True)",
        "ITEM_ROWS.update_all(items, names)",
        "cursor.execute('DELETE FROM home_orderitem ')",
    ],
)
def test_it_would_see_one(line):
    assert writes_of_several_orders(line) == [1]


@pytest.mark.parametrize("line", ["Order.objects.filter(pk=1)", "user.save()", "Room.objects.update(order=None)"])
def test_it_minds_nothing_else(line):
    assert writes_of_several_orders(line) == []


def test_what_changes_the_pizzas_of_an_order_is_called_by_flow_alone():
    root = Path(settings.BASE_DIR)
    callers = {
        str(path.relative_to(root))
        for room in ROOMS
        for path in (root / room).rglob("*.py")
        if "tests" not in path.parts and "kitchen.verbs.changing" in path.read_text()
    }
    assert callers == {"kitchen/flow.py", "kitchen/verbs/staff.py"}


def first_locks(queries):
    """Return the lock of the kitchen, the writes of orders and the locks of rooms, in the order in which they came."""
    words = {"FOR NO KEY UPDATE": "kitchen", 'UPDATE "home_order"': "orders"}
    told = []
    for query in queries:
        sql = query["sql"]
        told += [name for word, name in words.items() if word in sql and ("kitchen_shop" in sql or name == "orders")]
        told += ["room"] if "FOR UPDATE" in sql and "chat_room" in sql else []
    return told


@row_locks
@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.usefixtures("sent", "cooked", "small_kitchen")
class TestTheLockComesFirst:
    def test_at_log_in(self, place, alice):
        place(guest="a word")
        with CaptureQueriesContext(connection) as queries:
            flow.adopt("a word", alice)
        assert first_locks(queries) == ["kitchen", "orders"]

    def test_at_the_end_of_an_account(self, place, alice):
        order = place(user=alice)
        rooms.order_room(order)
        with CaptureQueriesContext(connection) as queries:
            alice.delete()
        told = first_locks(queries)
        assert told[0] == "kitchen" and "orders" in told

    def test_when_a_customers_request_is_answered(self, place, alice):
        talk = rooms.order_room(place(user=alice))
        message = requests.ask(talk.pk, member(alice), {"wish": "cancel"}, timezone.now())
        with CaptureQueriesContext(connection) as queries:
            requests.answer(talk.pk, member(staff("maria", ANSWER)), message.seq, True, timezone.now())
        assert first_locks(queries)[:2] == ["kitchen", "room"]


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.usefixtures("sent", "cooked", "small_kitchen")
def test_log_ins_the_end_of_an_account_and_the_kitchen_at_once(place, alice, charlie, bob):
    """There is no deadlock, which PostgreSQL would end by an error in one of them."""
    for turn in range(5):
        user = User.objects.create(username=f"guest{turn}")
        orders = [place(guest=f"g{turn}") for _ in range(6)] + [place(user=user) for _ in range(6)]
        results = all_at_once(
            partial(flow.adopt, f"g{turn}", alice),
            user.delete,
            *(partial(in_turn, verb, orders[:: 1 - 2 * number]) for number, verb in enumerate((flow.rush, flow.hold))),
            partial(flow.set_speed, 2.0 + turn),
        )
        assert not [result for result in results if isinstance(result, Exception)]
    assert Order.objects.filter(user=alice).count() == 30
    assert Order.objects.filter(user=None, guest="").count() == 30


def in_turn(verb, orders):
    for order in orders:
        verb(order.pk)
