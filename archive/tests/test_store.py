"""However much is in the archive, each question is answered by an index, on either database."""

import re
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from django.db import connection

from archive import months, store
from archive.databases import sqlite
from archive.store import Owner
from home.models import Order

pytestmark = [pytest.mark.database, pytest.mark.django_db]

THEN = datetime(2026, 3, 31, 12, tzinfo=UTC)
READS_ALL = re.compile(r"SCAN archive_|Seq Scan on archive_|USE TEMP B-TREE|Sort Key|Filter: (?!\(user_id IS NULL\))")


@pytest.fixture
def filled():
    """Some orders in each of four months, most of them of others."""
    orders = []
    for number in range(200):
        placed_at = THEN + timedelta(days=number % 4 * 31)
        row = Order(pk=number + 1, order_id=f"{number:020d}", created_at=placed_at, user_id=None)
        row.guest, row.simulated = ("w" * 32 if number == 7 else ""), number == 8
        row.parts, row._prefetched_objects_cache = [], {}
        for name in ("lines", "events"):
            row._prefetched_objects_cache[name] = []
        orders.append(row)
    store.prepare([order.created_at for order in orders])
    store.put(orders)


def plan(sql, values):
    if connection.vendor == "sqlite":
        return "\n".join(str(row[3]) for row in store.ask(f"EXPLAIN QUERY PLAN {sql}", values))
    store.ask("SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)")
    return "\n".join(row[0] for row in store.ask(f"EXPLAIN {sql}", values))


QUESTIONS = {
    "an address": lambda: store.by_address([f"{5:020d}"]),
    "its beginning": lambda: store.beginning_with(f"{5:020d}"[:8], 5),
    "everybody's": lambda: store.page(None, (date(2026, 5, 1), 90), 20),
    "an account's": lambda: store.page(Owner(5), None, 20),
    "an account's next": lambda: store.page(Owner(5), (date(2026, 5, 1), 90), 20),
    "a visitor's": lambda: store.page(Owner(guest="w" * 32), None, 20),
    "a day's": lambda: store.placed(THEN, THEN + timedelta(days=1)),
    "old events": lambda: store.with_events(THEN, 500),
    "simulated": lambda: store.keys("simulated AND created_at < %s", [THEN], 500),
    "a deed": lambda: list(store.done_by(5)),
}
SORTED = ("an address", "its beginning", "simulated")  # a few rows


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_reads_the_whole_archive(filled, question, monkeypatch):
    asked, ask = [], store.ask
    monkeypatch.setattr(store, "ask", lambda sql, values=(): asked.append((sql, values)) or ask(sql, values))
    QUESTIONS[question]()
    monkeypatch.undo()
    told = "\n".join(plan(*one) for one in asked)
    found = READS_ALL.findall(told)
    assert asked
    assert [one for one in found if question not in SORTED or one not in ("USE TEMP B-TREE", "Sort Key")] == [], told


@pytest.mark.skipif(connection.vendor == "sqlite", reason="There a month has no place of its own")
def test_months_come_and_go_whole(filled):
    before = store.sizes()
    store.drop(date(2026, 5, 1))
    assert before == [(date(2026, 3, 1), 50), (date(2026, 5, 1), 50), (date(2026, 6, 1), 50), (date(2026, 7, 1), 50)]
    assert store.whole_months() == [month for month, _ in before if month != date(2026, 5, 1)]


@pytest.mark.skipif(connection.vendor == "sqlite", reason="There a month has no place of its own")
def test_a_month_is_made_beside_a_backup():
    """pg_dump reads the archive, and holds it until its end."""
    options = connection.get_connection_params() | {"cursor_factory": None}
    with psycopg.connect(**options) as backup:
        backup.execute("SELECT count(*) FROM archive_order")
        store.prepare([THEN, THEN])
        store.prepare([THEN])
        assert store.whole_months() == [date(2026, 3, 1)]


@pytest.mark.parametrize(
    ("month", "number", "found"),
    [("2026-12", 1, "2027-01"), ("2026-01", -1, "2025-12"), ("2026-11", -25, "2024-10"), ("2026-11", 0, "2026-11")],
)
def test_months_are_counted(month, number, found):
    assert months.named(months.later(months.parsed(month), number)) == found


def test_a_month_is_utcs():
    new_york = datetime.fromisoformat("2026-10-31T22:00:00-04:00")
    assert months.month_of(new_york) == date(2026, 11, 1)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="There it is a file")
def test_a_file_that_is_just_being_made_is_an_empty_archive():
    sqlite.path().touch()
    assert (store.sizes(), store.page(None, None, 5), store.change("DELETE FROM archive_order")) == ([], [], 0)
