"""Extend Django's PostgreSQL backend: every wait ends, and a table can be altered while the shop runs."""

from typing import Any

from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import IsolationLevel
from django.utils.asyncio import async_unsafe

from pizzaProj import waits
from pizzaProj.postgresql.connection import Connection
from pizzaProj.postgresql.plans import Cursor
from pizzaProj.postgresql.pool import Pool

STATEMENT = "statement_seconds"  # this backend's own option: how long a statement can take, None for no limit


class DatabaseWrapper(base.DatabaseWrapper):
    _connection_pools: dict[str, Any] = {}

    @property
    def pool(self) -> Pool | None:
        """Return the pool, as Django does, of this backend's own kind."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        if self.alias not in self._connection_pools:
            made = Pool(
                kwargs={**self.get_connection_params(), "autocommit": True},
                connection_class=Connection,
                configure=self._configure_connection,
                check=Pool.check_connection,
                open=False,  # not before the first request
                **options,
            )
            self._connection_pools.setdefault(self.alias, made)  # another thread can have been first
        return self._connection_pools[self.alias]  # type: ignore[no-any-return]

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        on_server = limits(params.pop(STATEMENT, None))
        params["options"] = f"{on_server} {params.get('options', '')}".strip()  # the later one of two counts
        params["cursor_factory"] = Cursor
        return params

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self.pool:
            return super().get_new_connection(conn_params)
        self.isolation_level = IsolationLevel.READ_COMMITTED
        return Connection.connect(**conn_params)

    def _configure_connection(self, connection: Connection) -> Any:
        """Let the client wait a little longer than the server, which answers if it only ends the statement."""
        seconds = self.settings_dict["OPTIONS"].get(STATEMENT)
        connection.limit_seconds = seconds and seconds + waits.SILENCE_SECONDS
        return super()._configure_connection(connection)  # type: ignore[misc]


def limits(statement_seconds: float | None) -> str:
    """Return the server's limits as an option of the connection.

    That for locks holds for everybody: behind an ALTER TABLE that waits for a lock, the whole shop waits, too.
    """
    idle = waits.COMMAND_IDLE_SECONDS if statement_seconds is None else waits.IDLE_IN_TRANSACTION_SECONDS
    seconds = {
        "lock_timeout": waits.LOCK_SECONDS,
        "statement_timeout": statement_seconds or 0,
        "idle_in_transaction_session_timeout": idle,
    }
    return " ".join(f"-c {name}={value * 1000:.0f}" for name, value in seconds.items())
