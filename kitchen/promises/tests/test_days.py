"""The sums of days are those of the ledger, wherever the mark is."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.history import work
from kitchen.models import LedgerDay, Outcome, Promise, Shop
from kitchen.promises import days
from kitchen.promises.days import Sums
from kitchen.tests.clock import NOON

pytestmark = [pytest.mark.database, pytest.mark.django_db]

FIRST = date(2026, 11, 20)  # of NOON
DAY = timedelta(days=1)


@pytest.fixture
def few(monkeypatch):
    """Sum up in small pieces, but for the newest two rows."""
    monkeypatch.setattr(days, "RECENT", 2)
    monkeypatch.setattr(days, "LEAST", 2)
    monkeypatch.setattr(days, "MOST", 3)


def outcome(number, kept=True, seconds=70.0, when=NOON, **more):
    promise = Promise.objects.create(
        order_pk=number, at=when, speed=1, pizzas=1, open_orders=0, simulated=more.get("simulated", False),
        low_seconds=60, median_seconds=65, high_seconds=75,
        model_low_seconds=60, model_median_seconds=65, model_high_seconds=75,
    )  # fmt: skip
    seconds = None if kept is None else seconds
    values = {"simulated": False, "intervened": False, "seconds": seconds, "kept": kept, **more}
    return Outcome.objects.create(promise=promise, at=when, **values)


EXPECTED = {
    (FIRST, False): Sums(kept=2, broken=1, not_judged=2, width_seconds=45, error_seconds=30),
    (FIRST + DAY, False): Sums(kept=1, width_seconds=15, error_seconds=5),
    (FIRST + DAY, True): Sums(broken=1, width_seconds=15, error_seconds=5),
}


def write_ledger(when_written=lambda: None):
    rows = [
        {},
        {"kept": False, "seconds": 85.0},
        {"kept": None},
        {"retimed": True},
        {},
        {"when": NOON + DAY},
        {"when": NOON + DAY, "kept": False, "simulated": True},
    ]
    for number, row in enumerate(rows):
        outcome(number, **row)
        when_written()


def test_days_are_summed_from_the_ledger():
    write_ledger()
    assert days.since(FIRST) == EXPECTED
    assert days.since(FIRST + DAY) == {key: EXPECTED[key] for key in list(EXPECTED)[1:]}
    assert days.in_all() == {False: Sums(6, 3, 1, 2, 60, 35), True: Sums(1, 0, 1, 0, 15, 5)}


def test_what_was_summed_is_not_summed_again(few):
    def add_up():
        days.add_up()
        assert days.in_all()[False].given == Promise.objects.filter(simulated=False).count()

    write_ledger(add_up)
    assert days.since(FIRST) == EXPECTED
    newest = [model.objects.latest("pk").pk for model in (Promise, Outcome)]
    marks = Shop.objects.values_list("promises_summed", "outcomes_summed").get()
    assert [last - mark for last, mark in zip(newest, marks, strict=True)] == [3, 3]
    assert LedgerDay.objects.get(day=FIRST, simulated=False).given == 4


def test_a_ledger_from_before_is_summed_piece_by_piece(few):
    write_ledger()
    assert [days.add_up() for _ in range(4)] == [True, True, False, False]
    assert days.since(FIRST) == EXPECTED


def test_the_sums_can_be_made_again(few):
    write_ledger(days.add_up)
    LedgerDay.objects.all().delete()
    Shop.objects.update(promises_summed=0, outcomes_summed=0)
    assert days.since(FIRST) == EXPECTED
    while days.add_up():
        pass
    assert days.since(FIRST) == EXPECTED


@pytest.mark.parametrize("read", [lambda: days.since(FIRST), days.in_all])
def test_who_reads_while_something_is_summed_counts_nothing_twice(few, read):
    write_ledger()
    before = read()
    summed = []

    def add_up_behind(execute, sql, *args):
        cursor = execute(sql, *args)
        if "kitchen_ledgerday" in sql and not summed:
            summed.append(sql)
            assert days.add_up()
        return cursor

    with connection.execute_wrapper(add_up_behind):
        assert read() == before
    assert (len(summed), read()) == (1, before)


def test_nothing_old_is_read_again(few):
    write_ledger(days.add_up)
    with CaptureQueriesContext(connection) as few_days:
        days.since(FIRST + DAY)
    for number in range(9):
        outcome(100 + number, when=NOON - DAY)
        days.add_up()
    with CaptureQueriesContext(connection) as more_days:
        days.since(FIRST + DAY)
    assert len(few_days) == len(more_days) == 2


def test_of_a_long_ledger_the_newest_promises_are_looked_up_one_by_one():
    """A join is planned as if there were no index, once there are many: this is about what PostgreSQL looks at."""
    promises = Promise.objects.bulk_create(
        Promise(
            order_pk=number, at=NOON, speed=1, pizzas=1, open_orders=0, simulated=False,
            low_seconds=60, median_seconds=65, high_seconds=75,
            model_low_seconds=60, model_median_seconds=65, model_high_seconds=75,
        )
        for number in range(3000)
    )  # fmt: skip
    ends = {"at": NOON, "simulated": False, "intervened": False, "seconds": 70.0, "kept": True}
    outcomes = Outcome.objects.bulk_create(Outcome(promise=promise, **ends) for promise in promises)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE kitchen_promise")
        cursor.execute("ANALYZE kitchen_outcome")
    with work.counting() as counted:
        found = days.came(outcomes[-101].pk)
    assert found == {(FIRST, False): Sums(kept=100, width_seconds=1500, error_seconds=500)}
    assert sum(counted.values()) <= (400 if connection.vendor == "postgresql" else 20_000)
