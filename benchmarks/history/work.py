"""Count what the database does for each statement, in figures that are the same on every machine.

SQLite counts the steps of its virtual machine, PostgreSQL the rows that its plan looks at.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

STEPS = 50  # of SQLite's virtual machine, between two looks
COUNTED = ("SELECT", "UPDATE", "DELETE", "WITH")

Work = Counter[str]  # by statement, whatever its values


@contextmanager
def counting() -> Iterator[Work]:
    """Count the work of each statement of a block, which has a transaction."""
    work = Work()
    count = rows if connection.vendor == "postgresql" else steps

    def first_count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith(COUNTED) and not many:
            work[sql] += undone(lambda: count(sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(first_count):
        yield work


def undone(count: Callable[[], int]) -> int:
    """Return what is counted, without what the statement writes."""
    with transaction.atomic():
        found = count()
        transaction.set_rollback(True)
    return found


def steps(sql: str, params: Any) -> int:
    made = Counter[str]()

    def step() -> int:
        made["steps"] += STEPS
        return 0

    raw = connection.connection
    raw.set_progress_handler(step, STEPS)
    try:
        with connection.cursor() as cursor:
            cursor.cursor.execute(sql, params)
            cursor.cursor.fetchall()
    finally:
        raw.set_progress_handler(None, 0)
    return made["steps"]


def rows(sql: str, params: Any) -> int:
    with connection.cursor() as cursor:
        cursor.cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", params)
        return looked_at(cursor.fetchone()[0][0]["Plan"])


def looked_at(plan: dict[str, Any]) -> int:
    """Return how many rows the scans of a plan look at, those that they leave out included."""
    found = sum(map(looked_at, plan.get("Plans", ())))
    if "Scan" in plan["Node Type"]:
        seen = plan["Actual Rows"] + sum(number for name, number in plan.items() if name.startswith("Rows Removed by"))
        found += int(seen * plan["Actual Loops"])
    return found


def plan_of(sql: str, params: Any) -> list[str]:
    """Return how the database goes about a statement, in its own words."""
    word = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with connection.cursor() as cursor:
        cursor.cursor.execute(f"{word} {sql}", params)
        return [str(row[-1]) for row in cursor.fetchall()]
