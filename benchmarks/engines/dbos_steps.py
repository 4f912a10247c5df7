"""`python -m benchmarks.engines.dbos_steps URL EXECUTOR`: an application of DBOS, in the rivals' environment.

As its documentation has it: a workflow whose steps are transactions of a datasource, which commit a step's row
together with its checkpoint; started in the background, in threads; a process for each processor. Both databases are
one.
"""

import sys

import sqlalchemy
from dbos import DBOS, DBOSConfig, SQLAlchemyDatasource

from benchmarks.engines.answering import answer
from benchmarks.engines.rival_orders import STATUSES

WRITE = sqlalchemy.text("UPDATE orders SET status = :status WHERE id = :pk")


def main(url: str, executor: str) -> None:
    address = url.replace("postgres://", "postgresql+psycopg://")
    DBOS(
        config=DBOSConfig(
            name="bench",
            system_database_url=address,
            log_level="WARNING",
            executor_id=executor,
            application_version="1",
        )
    )
    source = SQLAlchemyDatasource.create(address)

    @source.transaction(isolation_level="READ COMMITTED")  # as the shop, and everybody else here
    def step(pk: int, status: str) -> None:
        source.sql_session().execute(WRITE, {"pk": pk, "status": status})

    @DBOS.workflow()
    def cook(pk: int) -> None:
        for status in STATUSES:
            step(pk, status)

    def start(first: int, last: int) -> None:
        for pk in range(first, last + 1):
            DBOS.start_workflow(cook, pk)

    DBOS.launch()
    answer(start=start)


if __name__ == "__main__":
    main(*sys.argv[1:])
