"""Make a prepared statement's plan anew when the table behind it was altered.

PostgreSQL refuses a prepared statement whose columns have changed their type since ("cached plan must not change
result type"), on each connection that has prepared it, until that is closed.
"""

from typing import Any

import psycopg
from django.db.backends.postgresql.base import ServerBindingCursor
from psycopg.errors import FeatureNotSupported, OperationalError
from psycopg.pq import TransactionStatus

# One higher for each stale plan that was met. A connection that is behind drops its plans before its next transaction,
# so in each process few meet one.
_generation = 0


class StalePlan(OperationalError):
    """A plan was out of date inside a transaction, which can't go on. The next one will be well."""


class Cursor(ServerBindingCursor, psycopg.Cursor[Any]):
    """A cursor that runs a statement again if its plan was stale and nothing else is lost with it."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        connection: Any = self.connection
        is_first = connection.pgconn.transaction_status == TransactionStatus.IDLE
        if is_first and connection.plans != _generation:
            self._drop_plans()
        try:
            return super().execute(query, params, **options)
        except FeatureNotSupported as error:
            if not is_stale(error):
                raise
            note_stale_plan()
            if not is_first:
                raise StalePlan("a table was altered under this transaction") from error
        connection.rollback()  # if the statement has opened a transaction; nothing else was in it
        self._drop_plans()
        return super().execute(query, params, **options)

    def _drop_plans(self) -> None:
        connection: Any = self.connection
        super().execute("DEALLOCATE ALL", prepare=False)  # on which psycopg forgets its own list, too
        connection.plans = _generation


def is_stale(error: FeatureNotSupported) -> bool:
    """Return whether the error says that a plan is out of date. Its text depends on the server's language."""
    return error.diag.source_function == "RevalidateCachedQuery"


def generation() -> int:
    return _generation


def note_stale_plan() -> None:
    """Let every connection of this process drop its plans."""
    global _generation
    _generation += 1
