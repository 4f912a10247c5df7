"""Tasks of procrastinate, in the rivals' environment: `python -m benchmarks.engines.procrastinate_tasks` defers them.

As its documentation has it: async tasks with a pool of connections, each of which writes its row and defers the next;
its own worker, several jobs at once.
"""

import os
import time

from procrastinate import App, PsycopgConnector

from benchmarks.engines.answering import answer
from benchmarks.engines.rival_orders import STATUSES

WRITE = "UPDATE orders SET status = %(status)s WHERE id = %(pk)s"

app = App(connector=PsycopgConnector(conninfo=os.environ["BENCH_URL"]))


@app.task(name="step")
async def step(pk: int, number: int) -> None:
    await app.connector.execute_query_async(WRITE, pk=pk, status=STATUSES[number])
    if number + 1 < len(STATUSES):
        await step.defer_async(pk=pk, number=number + 1)


def make_tables() -> None:
    app.schema_manager.apply_schema()


def defer(first: int, last: int) -> float:
    """Defer the first step of each order. Return the processor time that this took, in seconds."""
    began = time.process_time()
    step.batch_defer(*({"pk": pk, "number": 0} for pk in range(first, last + 1)))
    return time.process_time() - began


if __name__ == "__main__":
    with app.open():
        answer(make_tables=make_tables, defer=defer)
