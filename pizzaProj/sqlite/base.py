"""Extend Django's SQLite backend with a queue for writers.

SQLite allows one writer at a time. The others sleep for 1, 2, 5, 10 and more ms between attempts, and whichever tries
at the right moment goes first; a busy kitchen spent a tenth of its time in that sleep. Here a transaction first waits
for its turn at a lock file: the kernel wakes the waiters at once, in the order of their arrival, and frees the lock
of a process that dies. SQLite's own lock still protects the data.
"""

import fcntl
import os

from django.db.backends.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    turn: int | None = None  # descriptor of the lock file, one per connection: a lock belongs to its descriptor

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
