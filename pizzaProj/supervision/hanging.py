"""Find what hangs without being dead: three looks at the children of the stack, which kill it.

Each is given the supervisor and a clock that counts only the time for which somebody watched. What is killed is
started again, a process of the worker's pool by the worker, the others by the supervisor.
"""

import socket
from collections.abc import Callable

from pizzaProj import waits
from pizzaProj.sqlite.turn import LockFile, Note
from pizzaProj.supervision import processes
from pizzaProj.supervision.supervisor import START_SECONDS, Child, Supervisor

CONNECT_SECONDS = 0.2  # on this machine the kernel connects at once, also to a process that hangs


class Holder:
    """Look who has the turn to write to SQLite. One that is not at work any more stops all the others.

    It is at work if it executes statements, uses the CPU or waits for the disk. An endless loop uses the CPU, too, so
    that has a limit of its own.
    """

    def __init__(self, lock_file: str) -> None:
        self.file = LockFile(lock_file)
        self.note: Note | None = None
        self.ticks = 0
        self.noted_at = self.worked_at = 0.0  # when we saw the note, or the process, change
        self.said_of: int | None = None

    def __call__(self, stack: Supervisor, now: float) -> None:
        note = self.file.note()
        if note is None or note != self.note:
            self.note = note
            self.noted_at = self.worked_at = now
        elif self.hangs(note, now) and not self.is_free():
            self.end(stack, note)

    def hangs(self, note: Note, now: float) -> bool:
        sight = processes.look_at(note.pid)
        if sight is None:  # gone, or not on Linux
            self.worked_at = now
        elif sight.ticks != self.ticks or sight.state == processes.ON_THE_DISK:
            self.ticks, self.worked_at = sight.ticks, now
        busy_too_long = now - self.noted_at > waits.BUSY_HOLDER_SECONDS
        return busy_too_long or now - self.worked_at > waits.HOLDER_SECONDS

    def is_free(self) -> bool:
        """Return True, and remove the note, if nobody has the turn: one that was killed has left it."""
        is_free = self.file.try_lock()
        if is_free:
            self.file.unlock()
        return is_free

    def end(self, stack: Supervisor, note: Note) -> None:
        if stack.child_of(note.pid):
            stack.end_hanging(note.pid, f"(pid {note.pid}) hangs in the middle of a change, which blocks all others")
        elif self.said_of != note.pid:
            self.said_of = note.pid
            stack.say(
                f"Nobody can order: the process {note.pid}, which was not started here, keeps the database locked. "
                "Please end it."
            )
        self.note = None


def stopped_ones() -> Callable[[Supervisor, float], None]:
    """Return a look for processes that somebody has stopped (SIGSTOP) and forgotten; the worker's pool included."""
    since: dict[int, float] = {}

    def look(stack: Supervisor, now: float) -> None:
        stopped = {pid for child in stack.children for pid in family(child) if is_stopped(pid)}
        for pid in since.keys() - stopped:
            del since[pid]
        for pid in stopped:
            if now - since.setdefault(pid, now) > waits.STOPPED_SECONDS:
                del since[pid]
                stack.end_hanging(pid, f"(pid {pid}) has been stopped for {waits.STOPPED_SECONDS:g} s")

    return look


def family(child: Child) -> list[int]:
    return [child.process.pid, *processes.children_of(child.process.pid)]


def is_stopped(pid: int) -> bool:
    sight = processes.look_at(pid)
    return sight is not None and sight.state == processes.STOPPED


class Silence:
    """Ask a child a question every few seconds. Any answer is a sign of life; without one for long, it hangs.

    Nothing here waits for an answer, as one process watches all children.
    """

    def __init__(self, name: str, connect: Callable[[], socket.socket], question: bytes) -> None:
        self.name = name
        self.connect = connect
        self.question = question
        self.line: socket.socket | None = None
        self.child: Child | None = None
        self.ask_at = self.hangs_at = 0.0

    def __call__(self, stack: Supervisor, now: float) -> None:
        child = next((child for child in stack.children if child.name == self.name), None)
        if child is not self.child:
            self.child = child
            self.hang_up()
            self.ask_at, self.hangs_at = now, now + START_SECONDS
        if child is None or now < self.ask_at:
            return
        if self.answers():
            self.ask_at, self.hangs_at = now + waits.ASK_SECONDS, now + waits.ASK_SECONDS + waits.UNANSWERED_SECONDS
        elif now > self.hangs_at:
            self.hang_up()
            stack.end_hanging(child.process.pid, f"has not answered for {waits.UNANSWERED_SECONDS:g} s")

    def answers(self) -> bool:
        """Return True once for each answer."""
        try:
            if self.line is None:
                self.line = self.connect()
                self.line.sendall(self.question)
                self.line.setblocking(False)
            has_answered = bool(self.line.recv(1))
        except BlockingIOError:
            return False  # not yet
        except OSError:
            has_answered = False
        self.hang_up()
        return has_answered

    def hang_up(self) -> None:
        if self.line is not None:
            self.line.close()
            self.line = None


def by_tcp(host: str, port: int) -> Callable[[], socket.socket]:
    return lambda: socket.create_connection((host, port), CONNECT_SECONDS)


def by_socket(path: str) -> Callable[[], socket.socket]:
    def connect() -> socket.socket:
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(CONNECT_SECONDS)
        try:
            line.connect(path)
        except OSError:
            line.close()
            raise
        return line

    return connect
