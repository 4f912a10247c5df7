"""Start, watch and stop the children of the stack, in order. Knows nothing of pizza, Django or Celery.

No child outlives the stack, however it ends: each child leads its own process group (so that Ctrl-C in the terminal
reaches only the stack), and on Linux the kernel kills it when the stack is killed.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO

from pizzaProj.mortal import end_with_parent as end_with_parent
from pizzaProj.mortal import mortal

STOP_SECONDS = 10.0  # for a worker to finish its current tasks
START_SECONDS = 60.0
POLL_SECONDS = 0.1
MAX_LOG_BYTES = 5_000_000
TAIL_BYTES, TAIL_LINES = 20_000, 15


class Stopped(Exception):
    """Somebody asked the stack to stop."""


class Broken(Exception):
    """The stack can't go on. The text explains why to the user."""


class Child:
    """A child process with a log file."""

    def __init__(self, name: str, command: list[str], log: Path, folder: Path, env: dict[str, str]) -> None:
        self.name = name
        self.command = command
        self.log = log
        with open_log(log) as output:
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

    def death(self) -> str:
        code = self.process.returncode
        ended = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        lines = [f"{self.name} {ended}. The last lines of {self.log}:", *self.last_lines()]
        return "\n  ".join(lines)

    def last_lines(self) -> list[str]:
        """Return the last lines of the log since this start."""
        with open(self.log, "rb") as log:
            log.seek(max(self.log_begins, log.seek(0, os.SEEK_END) - TAIL_BYTES))
            return log.read().decode(errors="replace").splitlines()[-TAIL_LINES:]

    def kill(self) -> None:
        """Kill the whole group, including what a dead worker has left behind."""
        with suppress(ProcessLookupError, PermissionError):  # macOS raises the latter for a group of zombies
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Supervisor:
    """The children in the order of their start, and the signals that request a stop."""

    def __init__(self, logs: Path, folder: Path, env: dict[str, str]) -> None:
        self.logs = logs
        self.folder = folder
        self.env = env
        self.children: list[Child] = []
        self.asked = 0

    def start(self, name: str, command: list[str]) -> None:
        self.check()
        self.children.append(Child(name, command, self.logs / f"{name}.log", self.folder, self.env))

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

    def watch(self) -> None:
        """Watch the children until Stopped or Broken is raised."""
        while True:
            self.check()
            time.sleep(POLL_SECONDS)

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


def open_log(path: Path) -> IO[bytes]:
    """Open a log for appending, readable only by its owner. A large one is first renamed to `.1`."""
    path.parent.mkdir(exist_ok=True)
    if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
