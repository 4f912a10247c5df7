"""No hot path costs the database more as history grows: what it does for each statement is counted, on both.

Nor does a link as more is under way.

SQLite counts steps, PostgreSQL rows, so this holds on a slow machine as well.
"""

import re
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction

from accounts import finding as accounts_finding
from benchmarks.engines import flying_orders
from benchmarks.history import filling, paths, work
from home.admin import finding
from kitchen import bounds, flow
from kitchen.promises import days, ledger, measure
from pizzaProj import limits

YOUNG, OLD = 1_000, 5_000  # orders: below, the pages and lists of a young shop would not be full
MORE = 1.1
# A tree of six times as many keys can be one step higher.
HIGHER = {"sqlite": 500, "postgresql": 30}
MARKS = re.compile(r"%s(, %s)+|sp_\w+|s\d+_x\d+")  # lists of values, and savepoints

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked", "timeless")]


@pytest.fixture(autouse=True)
def short_memory(monkeypatch):
    """Let what the shop learns from, and its lists, be full in a young shop, too."""
    monkeypatch.setattr(measure, "EVENTS_READ", YOUNG)
    monkeypatch.setattr(ledger, "LESSONS_READ", YOUNG // 2)
    monkeypatch.setattr(days, "RECENT", YOUNG // 10)
    monkeypatch.setattr(days, "LEAST", YOUNG // 20)
    monkeypatch.setattr(finding, "NEWEST_READ", YOUNG // 2)
    monkeypatch.setattr(accounts_finding, "NEWEST_READ", YOUNG // filling.ORDERS_OF_A_CUSTOMER // 2)
    monkeypatch.setattr(accounts_finding, "MOST_FOUND", 20)
    monkeypatch.setattr(limits, "LISTED_ROWS", YOUNG // filling.ORDERS_OF_A_CUSTOMER)


def works(orders, of_two):
    """Return what each path costs for each statement, in a shop with so many orders behind it.

    Each is asked twice, and `of_two` chooses: some statements come only now and then, as what they read is remembered.
    """
    found = {}
    with transaction.atomic():
        shop = paths.begin(orders)
        search_by_indexes()
        for name, path in paths.paths(shop).items():
            path()  # what is remembered from now on
            one, two = (counted(path) for _ in range(2))
            found[name] = Counter({sql: of_two(one[sql], two[sql]) for sql in one | two})
        transaction.set_rollback(True)
    return found


def counted(path):
    with work.counting() as found:
        path()
    return alike(found)


def search_by_indexes():
    """Let PostgreSQL use indexes wherever there is one, as among millions. Of a few rows it would read all."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for way in ("seqscan", "hashjoin", "mergejoin"):
                cursor.execute(f"SET LOCAL enable_{way} = off")


def alike(counted):
    found = Counter()
    for sql, number in counted.items():
        found[MARKS.sub("…", sql)] += number
    return found


def grown(young, old):
    """Return the statements that cost more in the old shop, by path, with what they cost in both."""
    found = {}
    for name, counted in old.items():
        before = young[name]
        worse = {
            sql: (before[sql], number)
            for sql, number in counted.items()
            if number > MORE * before[sql] + HIGHER[connection.vendor]
        }
        if worse:
            found[name] = worse
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_path_costs_more_in_an_old_shop():
    found = grown(works(YOUNG, max), works(OLD, min))
    assert found == {}, "\n".join(f"{name}: {found[name]}" for name in found)


def round_at(moment):
    return flow.finish_due(5, clock=lambda: moment)


def cost_of_a_round(orders):
    """Return what a round and a look cost for each statement, as so many orders are on the road."""
    bounds.bounds.forget()
    with transaction.atomic():
        flying_orders.take_off(orders, lead_seconds=0, per_second=10)
        if connection.vendor == "postgresql":  # it would do so by itself, soon
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE home_order, home_orderitem")
        first = flying_orders.due["first"]
        for number in range(2):  # the first has no log yet, and the second counts
            assert round_at(first + timedelta(seconds=number / 10)).links == 1
        found = counted(lambda: (round_at(first + timedelta(seconds=2 / 10)), flow.soonest()))
        transaction.set_rollback(True)
    bounds.bounds.forget()
    return found


def test_a_round_costs_no_more_as_more_is_under_way():
    few, many = cost_of_a_round(1_100), cost_of_a_round(3_300)
    assert set(few) == set(many)
    assert {sql: (few[sql], many[sql]) for sql in many if many[sql] > few[sql] + HIGHER[connection.vendor]} == {}
