"""Start, watch and stop the children of the stack, in order. Knows nothing of pizza, Django or Celery.

No child outlives the stack, however it ends: each child leads its own process group (so that Ctrl-C in the terminal
reaches only the stack), and on Linux the kernel kills it when the stack is killed. A child that ends while it is
watched is started again, a few times.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from pizzaProj.logs.lines import in_words
from pizzaProj.supervision import logs
from pizzaProj.supervision.mortal import end_with_parent as end_with_parent
from pizzaProj.supervision.mortal import mortal
from pizzaProj.supervision.restarts import Restarts

STOP_SECONDS = 10.0  # for a worker to finish its current tasks
START_SECONDS = 60.0
POLL_SECONDS = 0.1
LOOK_SECONDS = 0.5
TAIL_BYTES, TAIL_LINES = 20_000, 15


class Stopped(Exception):
    """Somebody asked the stack to stop."""


class Broken(Exception):
    """The stack can't go on. The text explains why to the user."""


Before = Callable[[], None] | None


class Child:
    """A child process with a log file."""

    def __init__(
        self, name: str, command: list[str], log: Path, folder: Path, env: dict[str, str], before: Before
    ) -> None:
        self.name = name
        self.command = command
        self.log = log
        self.before = before
        with logs.open_log(log) as output:
            self.log_begins = output.tell()
            self.process = subprocess.Popen(
                mortal(command),
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def end(self) -> str:
        code = self.process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"{self.name} {how}"

    def death(self) -> str:
        lines = [f"{self.end()}. The last lines of {self.log}:", *self.last_lines()]
        return "\n  ".join(lines)

    def last_lines(self) -> list[str]:
        """Return the last lines of the log since this start, in words, without news of orders."""
        with open(self.log, "rb") as log:
            log.seek(max(self.log_begins, log.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
        return [words for line in lines for words in in_words(line)][-TAIL_LINES:]

    def cut_log(self) -> None:
        if logs.cut(self.log):
            self.log_begins = 0

    def kill(self) -> None:
        """Kill the whole group, including what a dead worker has left behind."""
        with suppress(ProcessLookupError, PermissionError):  # macOS raises the latter for a group of zombies
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Fallen:
    """A child that has ended, and when it is started again."""

    child: Child
    due: float


class Supervisor:
    """The children in the order of their start, and the signals that request a stop."""

    def __init__(self, logs: Path, folder: Path, env: dict[str, str], say: Callable[[str], None] = print) -> None:
        self.logs = logs
        self.folder = folder
        self.env = env
        self.say = say
        self.children: list[Child] = []
        self.fallen: list[Fallen] = []
        self.restarts: dict[str, Restarts] = {}
        self.asked = 0

    def start(self, name: str, command: list[str], before: Before = None) -> None:
        """Start a child. `before` runs before this and each later start, and raises Broken if it would be in vain."""
        self.check()
        if before:
            before()
        self._launch(name, command, before)

    def _launch(self, name: str, command: list[str], before: Before) -> None:
        log = self.logs / f"{name}.log"
        self.children.append(Child(name, command, log, self.folder, self.env, before))

    def kill(self, *names: str) -> list[tuple[str, list[str]]]:
        """Kill children without warning, like a crash. Return the arguments of `start` to restart them, in order."""
        fallen = [child for child in self.children if child.name in names]
        for child in fallen:
            child.kill()
            self.children.remove(child)
        return [(child.name, child.command) for child in fallen]

    def check(self) -> None:
        """Raise Stopped if a stop was requested, Broken if a child is dead."""
        if self.asked:
            raise Stopped
        for child in self.children:
            if not child.is_alive():
                raise Broken(child.death())

    def wait_for(self, is_true: Callable[[], bool], trouble: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not is_true():
            self.check()
            if time.monotonic() > deadline:
                raise Broken(f"{trouble} after {START_SECONDS:.0f} s. The logs are in {self.logs}.")
            time.sleep(POLL_SECONDS)

    def watch(self, *looks: Callable[["Supervisor", float], None]) -> None:
        """Watch the children until Stopped or Broken is raised; start again what ends.

        The looks are taken now and then; they kill what hangs. Their clock counts only the time for which we watched:
        after a pause of the whole machine, nobody has been silent for long.
        """
        watched = 0.0
        last = last_look = time.monotonic()
        while True:
            if self.asked:
                raise Stopped
            now = time.monotonic()
            self.revive(now)
            watched += min(now - last, LOOK_SECONDS)
            last = now
            if now - last_look >= LOOK_SECONDS:
                last_look = now
                for child in self.children:
                    child.cut_log()
                for look in looks:
                    look(self, watched)
            time.sleep(POLL_SECONDS)

    def revive(self, now: float) -> None:
        """Bury the children that have ended, and start those again whose pause is over. Broken if it is too often."""
        for child in [child for child in self.children if not child.is_alive()]:
            child.kill()  # what a dead worker has left behind
            self.children.remove(child)
            self._fall(child, now, child.end(), child.death())
        for fallen in [fallen for fallen in self.fallen if now >= fallen.due]:
            self.fallen.remove(fallen)
            self._start_again(fallen.child, now)

    def _start_again(self, child: Child, now: float) -> None:
        try:
            if child.before:
                child.before()
            self._launch(child.name, child.command, child.before)
        except Broken as broken:
            self._fall(child, now, str(broken), str(broken))
        except OSError as error:  # too many processes, a full disk
            trouble = f"{child.name} can't be started ({error.strerror})"
            self._fall(child, now, trouble, f"{trouble}.")

    def _fall(self, child: Child, now: float, what: str, last_words: str) -> None:
        pause_seconds = self.restarts.setdefault(child.name, Restarts()).pause_seconds(now)
        if pause_seconds is None:
            raise Broken(last_words)
        when = f" in {pause_seconds:g} s" if pause_seconds else ""
        self.say(f"{what.rstrip('.')}. Starting {child.name} again{when}.")
        self.fallen.append(Fallen(child, now + pause_seconds))

    def child_of(self, pid: int) -> Child | None:
        """Return the child that this process is, or belongs to; each child leads a process group."""
        with suppress(ProcessLookupError):
            group = os.getpgid(pid)
            return next((child for child in self.children if child.process.pid == group), None)
        return None

    def end_hanging(self, pid: int, what: str) -> None:
        """Kill a process of a child and say why; the child with all of its processes if that is its first one."""
        child = self.child_of(pid)
        if child is None:
            return
        self.say(f"{child.name} {what}. Ending it.")
        if child.process.pid == pid:
            child.kill()
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def stop(self, *order: str) -> None:
        """Stop the children one by one, each with time to finish its work. A second signal kills them at once."""
        asked = self.asked
        for child in sorted(self.children, key=lambda child: order.index(child.name)):
            child.process.terminate()
            deadline = time.monotonic() + STOP_SECONDS
            while child.is_alive() and self.asked == asked and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS / 4)
            child.kill()
        self.children.clear()
        self.fallen.clear()
        catch_signals(signal.SIG_IGN)  # a signal while Python itself ends would change the exit code

    def listen(self) -> None:
        """Only count signals: an exception in a handler could lose a child that has just started."""
        catch_signals(self._count)

    def _count(self, number: int, frame: FrameType | None) -> None:
        self.asked += 1


def catch_signals(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> None:
    """Handle the three signals that request a stop. Under nohup, SIGHUP stays ignored."""
    signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGTERM, handler)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, handler)
