"""Drive one side under its own settings: `python -m benchmarks.drive MODULE`.

Answers JSON lines (processes.Helper).
"""

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import django
from django.db import connection

POLL_SECONDS = 0.02
GIVE_UP_SECONDS = 60


def run_chains(side: Any) -> dict[str, Any]:
    """Let the worker cook what was placed. Return the seconds from sending the first to the last stage change."""
    early = query(side.MOVED)
    assert early == 0, f"{early} moved on before they were sent: their time would not be counted"
    began, cpu_began = time.monotonic(), time.process_time()
    side.cook()
    sending_cpu_seconds = time.process_time() - cpu_began
    wait_for(side.DELIVERED, query(side.ALL))
    return {
        "seconds": time.monotonic() - began,
        "sending_cpu_seconds": sending_cpu_seconds,
        "events": side.check(),
        "changes": side.changes(),
    }


def wait_for(sql: str, rows: int) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while query(sql) < rows:
        assert time.monotonic() < deadline, f"{query(sql)} of {rows} after {GIVE_UP_SECONDS} s: {sql}"
        time.sleep(POLL_SECONDS)


def query(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


def change_many(side: Any, order_ids: list[str], per_second: float) -> list[tuple[str, str, float]]:
    """Make changes at a steady pace. Return (order_id, status, when it was committed) of each."""
    start = time.monotonic()
    changes = []
    for number, order_id in enumerate(order_ids):
        time.sleep(max(0.0, start + number / per_second - time.monotonic()))
        changes.append((order_id, *side.change(order_id)))
    return changes


def main() -> None:
    django.setup()
    side = import_module(sys.argv[1])
    verbs: dict[str, Callable[..., Any]] = {
        "run_chains": run_chains,
        "change_many": change_many,
        "disconnect": lambda side: connection.close(),
    }
    for line in sys.stdin:
        verb, arguments = json.loads(line)
        answer = verbs[verb](side, **arguments) if verb in verbs else getattr(side, verb)(**arguments)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
