"""The keeper of a worker: a thread that wakes when work is due, and ends all that is due in one transaction.

A message only says when something will be due. What that is, the database says, behind the kitchen's lock. So it does
not matter which worker gets a message, or whether it is lost: each keeper looks every second for what is due next.
Several keepers share the work by the lock: the second one finds what has fallen due since.
"""

import logging
import math
import os
import threading
from collections.abc import Iterable
from heapq import heappop, heappush
from time import monotonic

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, close_old_connections, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from kitchen import clock, flow, incomplete
from kitchen.incomplete import Incomplete
from pizzaProj import waits
from realtime.seldom import Seldom
from telemetry.counts import counts

logger = logging.getLogger(__name__)

MOST_LINKS = 50  # in one transaction: the lock is held for as long
LOOK_SECONDS = 1.0  # between two looks for what is due next, whoever began it
# Between the beginnings of two rounds: what falls due meanwhile is done together. A round that takes long takes nearly
# as long for one link as for fifty, and leaves the lock to others for three times as long.
PAUSE_SECONDS = 0.02
PAUSE_TIMES = 3.0

away = Seldom(logger, "The kitchen's work waits for the database, after %d attempts: %s", waits.ALARM_LOOK_SECONDS)


class Keeper:
    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Have nothing to do and no thread; a fork begins so."""
        self.thread: threading.Thread | None = None
        self.is_ending = self.is_resting = False
        self.connection: BaseDatabaseWrapper | None = None
        self.changed = threading.Condition()
        self.turn = threading.Lock()  # held during a round
        self.due: list[float] = []  # a heap of moments, by `time.monotonic`
        self.look_at = self.not_before = 0.0  # when to ask what is due; until when to rest
        self.failed: dict[flow.Link | flow.Loading, float] = {}  # by themselves, and until when they are left alone
        self.attempts = 0  # in vain, as the database was away
        self.round_began: float | None = None  # None between two rounds

    # From other threads

    def start(self) -> None:
        self.thread = threading.Thread(target=self.run, name="keeper", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """End after the present round. What is not done then, another worker does, or the next one."""
        with self.changed:
            self.is_ending = True
            self.changed.notify_all()
        if self.thread is not None:
            self.thread.join(waits.KEEPER_END_SECONDS)

    def wake(self, moments: Iterable[float]) -> None:
        """Note when something will be due."""
        with self.changed:
            first = self.due[0] if self.due else None
            for moment in moments:
                heappush(self.due, moment)
            if self.due and self.due[0] != first:
                self.changed.notify_all()

    def hangs(self) -> bool:
        """Return whether the present round takes longer than all its limits together."""
        began = self.round_began
        return began is not None and monotonic() - began > waits.KEEPER_HANGS_SECONDS

    # In its own

    def run(self) -> None:
        self.connection = connections[DEFAULT_DB_ALIAS]
        self.connection.inc_thread_sharing()  # `rest` closes it
        while self.wait_for_work():
            began = monotonic()
            with self.turn:
                self.round_began = began
                is_full = self.one_round()
                self.round_began = None
            pause = 0.0 if is_full else max(PAUSE_SECONDS, PAUSE_TIMES * (monotonic() - began))
            self.not_before = max(self.not_before, began + min(pause, LOOK_SECONDS))
        connections.close_all()

    def wait_for_work(self) -> bool:
        """Wait until something is due, or it is time to look. Return whether to go on at all."""
        with self.changed:
            while not self.is_ending:
                due = min(self.due[0], self.look_at) if self.due else self.look_at
                seconds = max(due, self.not_before) - monotonic()
                if seconds <= 0:
                    return True
                self.changed.wait(min(seconds, LOOK_SECONDS))
        return False

    def one_round(self) -> bool:
        """Do what is due; return whether there is more. Nothing that happens here ends the thread."""
        is_full = False
        try:
            if monotonic() >= self.look_at:
                self.look()
            if self.take_due():
                is_full = self.do_due()
            self.attempts = 0
        except (OperationalError, InterfaceError) as error:
            self.wait_for_database(error)
        except Incomplete as error:
            incomplete.tell(error)
            self.look_after(LOOK_SECONDS)
        except Exception:
            logger.exception("A round of the kitchen failed")
            self.look_after(LOOK_SECONDS)
        return is_full

    def look(self) -> None:
        """Ask the database what is due next, whoever began it, and whether the connection is sound."""
        close_old_connections()
        now = monotonic()
        self.look_at = now + LOOK_SECONDS
        self.failed = {link: until for link, until in self.failed.items() if until > now}
        seconds = seconds_left()
        if seconds <= LOOK_SECONDS:
            self.wake([now + seconds])

    def take_due(self) -> bool:
        """Forget the moments that have come; return whether there were any."""
        now = monotonic()
        with self.changed:
            is_due = bool(self.due) and self.due[0] <= now
            while self.due and self.due[0] <= now:
                heappop(self.due)
        return is_due

    def do_due(self) -> bool:
        """Run a round of links; return whether it was full."""
        began = monotonic()
        try:
            done = flow.finish_due(MOST_LINKS, self.failed)
        except (OperationalError, InterfaceError, Incomplete):
            raise
        except Exception:
            logger.warning("Links that were gathered could not be run together: each is run alone", exc_info=True)
            self.do_each_alone()
            return False
        self.wake(done.due_monotonic)
        counts.observe("shop_round_seconds", monotonic() - began)
        if not done.links:
            self.look_again()
        return done.links >= MOST_LINKS

    def look_again(self) -> None:
        """Look, as a round found nothing: another worker did it, or this one's clock is ahead of the database's."""
        seconds = seconds_left()
        if 0 < seconds <= LOOK_SECONDS:
            self.wake([monotonic() + seconds])

    def do_each_alone(self) -> None:
        """Find out which of the links fails, and leave it alone for a while."""
        failed_before = len(self.failed)
        for link in flow.due(MOST_LINKS + failed_before):
            if link in self.failed:
                continue
            self.round_began = monotonic()  # each is a round of its own
            try:
                self.wake(flow.finish_many([link]).due_monotonic)
            except (OperationalError, InterfaceError, Incomplete):
                raise
            except Exception:
                logger.exception("A link of the kitchen failed: %s", link)
                counts.add("shop_links_failed_total", link.stage)
                self.failed[link] = monotonic() + flow.RECOVER_AGAIN_SECONDS
        if len(self.failed) > failed_before:
            self.wake([monotonic()])  # for the others
        else:
            self.look_after(LOOK_SECONDS)  # none fails by itself

    def wait_for_database(self, error: Exception) -> None:
        """Come back soon, and later each time: what was taken from the heap is found again by a look."""
        away.warn(error)
        connections.close_all()
        self.attempts += 1
        self.look_after(min(waits.TASK_RETRY_SECONDS, LOOK_SECONDS * self.attempts))

    def look_after(self, seconds: float) -> None:
        """Do nothing for so long, whatever falls due, and then look."""
        self.look_at = self.not_before = monotonic() + seconds

    # Around a fork of the worker's pool

    def rest(self) -> None:
        """Let nothing fork with a connection of the keeper open. A round that hangs is not waited for for long."""
        if self.thread is not None and self.turn.acquire(timeout=waits.KEEPER_END_SECONDS):
            self.is_resting = True
            if self.connection is not None:
                self.connection.close()

    def go_on(self) -> None:
        if self.is_resting:
            self.is_resting = False
            self.turn.release()


def seconds_left() -> float:
    """Return how long it is until work is due that somebody has begun; infinity if there is none."""
    soonest = flow.soonest()
    return math.inf if soonest is None else (soonest - clock.now()).total_seconds()


keeper = Keeper()
os.register_at_fork(before=keeper.rest, after_in_parent=keeper.go_on, after_in_child=keeper.forget)
