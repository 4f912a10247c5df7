"""The turn of SQLite's writers: a lock file with a queue in the kernel, and a note of who has the turn.

The kernel wakes the next in the queue at once, but knows no time limit. So one who has to wait lets a thread, the
usher, stand in the queue, and waits for the usher, for as long as it likes. If it gives up, its place goes to the next
in this process who has to wait; a place that nobody wants is given up as soon as its turn comes. So there are never
more ushers than there were waiting at once.
"""

import _thread
import fcntl
import mmap
import os
import struct
import threading
import time
from dataclasses import dataclass

RENEW_SECONDS = 0.5  # a transaction renews its note at most so often
NOTE = struct.Struct("=qd")


def lock_file_of(database: object) -> str:
    return f"{database}-turn"


@dataclass(frozen=True)
class Note:
    """Who has the turn, and when it was last at work, by the monotonic clock, which all processes share."""

    pid: int
    at_seconds: float


class LockFile:
    """The lock file, opened once for each connection, as a lock belongs to its descriptor.

    The note is in shared memory, since writing it to the file would take a tenth of a short transaction.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self.descriptor).st_size < NOTE.size:
            os.pwrite(self.descriptor, bytes(NOTE.size), 0)  # ftruncate takes no room, and a full disk kills us later
        self.memory = mmap.mmap(self.descriptor, NOTE.size)

    def __enter__(self) -> "LockFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lock(self) -> None:
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def try_lock(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def sign(self) -> None:
        NOTE.pack_into(self.memory, 0, os.getpid(), time.monotonic())

    def note(self) -> Note | None:
        pid, at_seconds = NOTE.unpack_from(self.memory)
        return Note(pid, at_seconds) if pid else None

    def unlock(self) -> None:
        NOTE.pack_into(self.memory, 0, 0, 0.0)
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        self.memory.close()
        os.close(self.descriptor)


class Place:
    """A place in the queue, kept by an usher."""

    def __init__(self, file: LockFile, waiter: threading.Lock) -> None:
        self.file = file
        self.waiter: threading.Lock | None = waiter  # released when the turn has come; None if nobody waits
        self.has_come = False

    def keep(self) -> None:
        """Wait for the turn, then hand it over. Runs in the usher's thread."""
        self.file.lock()
        with guard:
            if self.waiter is not None:
                self.has_come = True
                self.file.sign()
                self.waiter.release()
                return
            free_places.remove(self)
        self.file.unlock()
        self.file.close()

    def leave(self) -> bool:
        """Stop waiting; return False if the turn has come."""
        with guard:
            if self.has_come:
                return False
            self.waiter = None
            free_places.append(self)
            return True


guard = threading.Lock()  # of the places' waiters and of this list
free_places: list[Place] = []  # whose waiters gave up, in the order of their arrival


def forget_ushers() -> None:
    """Forget the parent's ushers: after a fork, only the thread that made it goes on."""
    global guard
    guard = threading.Lock()
    while free_places:
        free_places.pop().file.close()


os.register_at_fork(after_in_child=forget_ushers)


def queue(file: LockFile, waiter: threading.Lock) -> Place:
    """Return the first place in the queue that is free, or else a new one at its end, for the file."""
    with guard:
        for place in free_places:
            if place.file.path == file.path:
                free_places.remove(place)
                place.waiter = waiter
                return place
    place = Place(file, waiter)
    _thread.start_new_thread(place.keep, ())
    return place


class Turn:
    """The turn of one connection to write. Its file stays open, unless an usher keeps it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.file: LockFile | None = None
        self.is_taken = False
        self.renewed = 0.0

    def take(self, seconds: float) -> bool:
        """Wait for the turn; return False if it has not come by then."""
        file = self.file = self.file or LockFile(self.path)
        if file.try_lock():
            file.sign()
            self.is_taken = True
        else:
            self.is_taken = self._wait(file, seconds)
        self.renewed = time.monotonic()
        return self.is_taken

    def renew(self) -> None:
        """Note that the one who has the turn is at work."""
        now = time.monotonic()
        if self.file and now - self.renewed > RENEW_SECONDS:
            self.renewed = now
            self.file.sign()

    def give(self) -> None:
        if self.file and self.is_taken:
            self.is_taken = False
            self.file.unlock()

    def close(self) -> None:
        self.give()
        if self.file:
            self.file.close()
            self.file = None

    def _wait(self, file: LockFile, seconds: float) -> bool:
        waiter = threading.Lock()
        waiter.acquire()
        place = queue(file, waiter)
        if place.file is not file:
            file.close()
        self.file = None
        try:
            waiter.acquire(timeout=seconds)
        except BaseException:  # Ctrl-C
            if not place.leave():
                place.file.unlock()
                place.file.close()
            raise
        if place.leave():
            return False
        self.file = place.file
        return True
