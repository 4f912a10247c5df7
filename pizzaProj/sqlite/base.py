"""Extend Django's SQLite backend with a queue for writers.

SQLite allows one writer at a time. The others sleep for 1, 2, 5, 10 and more ms between attempts, and whichever tries
at the right moment goes first; a busy kitchen spent a tenth of its time in that sleep. Here a transaction, or a single
statement that writes, first waits for its turn at a lock file: the kernel wakes the waiters at once, in the order of
their arrival, and frees the lock of a process that dies. SQLite's own lock still protects the data, and its `timeout`
limits the wait for those who know of no turn, such as the `sqlite3` shell.
"""

from collections.abc import Callable
from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base

from pizzaProj import waits
from pizzaProj.sqlite.turn import Turn, lock_file_of

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


class DatabaseWrapper(base.DatabaseWrapper):
    turn: Turn | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.execute_wrappers.append(self._execute_in_turn)

    def _start_transaction_under_autocommit(self) -> None:
        self._take_turn()
        try:
            super()._start_transaction_under_autocommit()  # BEGIN IMMEDIATE
        except BaseException:
            self._give_turn()
            raise

    def _commit(self) -> None:
        super()._commit()  # if it fails, a rollback follows
        self._give_turn()

    def _rollback(self) -> None:
        try:
            super()._rollback()
        finally:
            self._give_turn()

    def _close(self) -> None:
        super()._close()
        if self.turn is not None:
            self.turn.close()
            self.turn = None

    def _execute_in_turn(self, execute: Callable[..., Any], sql: Any, *args: Any) -> Any:
        """Let a statement outside a transaction take its turn. Inside one, it shows that the transaction goes on."""
        if self.turn is not None and self.turn.is_taken:
            self.turn.renew()
            return execute(sql, *args)
        if not self.get_autocommit() or not str(sql).startswith(WRITES):
            return execute(sql, *args)
        self._take_turn()
        try:
            return execute(sql, *args)
        finally:
            self._give_turn()

    def _take_turn(self) -> None:
        """Raise OperationalError, as SQLite does, if the turn does not come in time."""
        if self.is_in_memory_db():
            return
        if self.turn is None:
            self.turn = Turn(lock_file_of(self.settings_dict["NAME"]))
        try:
            has_come = self.turn.take(waits.TURN_SECONDS)
        except OSError as error:  # a full disk, a folder that can't be written to
            raise OperationalError(f"unable to open {self.turn.path}: {error.strerror}") from error
        if not has_come:
            raise OperationalError(f"database is locked: no turn to write in {waits.TURN_SECONDS:g} s")

    def _give_turn(self) -> None:
        if self.turn is not None:
            self.turn.give()
