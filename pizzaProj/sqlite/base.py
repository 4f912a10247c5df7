"""Django's SQLite, with a queue for writers.

SQLite lets in one writer at a time. The others sleep between their tries, for 1, 2, 5, 10 and more ms, and one that
tries at the right moment goes first; in a busy kitchen a tenth of the time went into that sleep. Here a transaction
first takes its turn at a lock file: the kernel wakes waiters at once, in the order of coming, and frees the lock
of a process that dies. What protects the data is still SQLite's own lock.
"""

import fcntl
import os

from django.db.backends.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    turn: int | None = None  # the lock file, opened with the connection: a lock belongs to one opening

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
            os.close(self.turn)
            self.turn = None

    def _take_turn(self) -> None:
        if self.turn is None and not self.is_in_memory_db():
            path = f"{self.settings_dict['NAME']}-turn"
            self.turn = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if self.turn is not None:
            fcntl.flock(self.turn, fcntl.LOCK_EX)

    def _give_turn(self) -> None:
        if self.turn is not None:
            fcntl.flock(self.turn, fcntl.LOCK_UN)
