"""`python -m benchmarks.engines.bare_sql URL`: what a step of ours reads and writes, in a loop, without anything else.

It takes the kitchen's lock, reads an order and its pizza, moves both on and writes an event; one transaction each.
"""

import sys
from datetime import UTC, datetime

import psycopg

from benchmarks.engines.answering import answer

LOCK = "SELECT id FROM kitchen_shop WHERE id = 1 FOR NO KEY UPDATE"
READ = """
    SELECT home_order.*, home_orderitem.* FROM home_order
    JOIN home_orderitem ON home_orderitem.order_id = home_order.id WHERE home_order.id = %s"""
WRITE_ORDER = "UPDATE home_order SET stage = %s, seq = %s, epoch = %s, started_at = %s, due_at = %s WHERE id = %s"
WRITE_ITEM = "UPDATE home_orderitem SET stage = %s, epoch = %s, started_at = %s, due_at = %s WHERE order_id = %s"
WRITE_EVENT = """
    INSERT INTO home_orderevent (order_id, seq, at, item, stage, order_stage, event, by_person, reason)
    VALUES (%s, %s, %s, NULL, %s, %s, 'started', false, '')"""
STAGES = ("received", "baking")


def steps(connection: "psycopg.Connection[tuple[int, int]]", count: int) -> None:
    """Take one order, which nobody cooks, through so many steps."""
    row = connection.execute("SELECT id, seq FROM home_order ORDER BY id LIMIT 1").fetchone()
    assert row is not None, "an order must have been placed"
    pk, seq = row
    for number in range(1, count + 1):
        now, stage = datetime.now(UTC), STAGES[number % len(STAGES)]
        with connection.transaction():
            connection.execute(LOCK)
            connection.execute(READ, [pk]).fetchall()
            connection.execute(WRITE_ORDER, [stage, seq + number, number, now, now, pk])
            connection.execute(WRITE_ITEM, [stage, number, now, now, pk])
            connection.execute(WRITE_EVENT, [pk, seq + number, now, stage, stage])


if __name__ == "__main__":
    with psycopg.connect(sys.argv[1], autocommit=True) as connection:
        answer(steps=lambda count: steps(connection, count))
