"""A PostgreSQL of one's own, which a test can freeze, kill and start again, and a proxy that swallows everything."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from pizzaProj.postgresql.base import DatabaseWrapper

UNPRIVILEGED = "postgres"  # the server refuses to run as root
START_SECONDS = 30
FAST = "-c fsync=off -c full_page_writes=off -c max_connections=40 -c shared_buffers=16MB"


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs; skip the test where there is none."""
    found = shutil.which(name) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default="")
    if not found:
        pytest.skip(f"PostgreSQL's {name} is not on this machine.")
    return found


def as_whom() -> list[str]:
    """Return what to put in front of a command, as root."""
    if os.getuid():
        return []
    runner = shutil.which("setpriv")
    if runner is None:
        pytest.skip("As root, a PostgreSQL of one's own needs setpriv.")
    return [runner, f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups"]


class OwnPostgreSQL:
    def __init__(self, port: int) -> None:
        self.port = port
        self.folder = Path(tempfile.mkdtemp(prefix="pizza-pg-"))
        self.data = self.folder / "data"
        if not os.getuid():
            shutil.chown(self.folder, UNPRIVILEGED)
        self._run(program("initdb"), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "-D", str(self.data))
        self.start()

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        # As root, no shell and no pg_ctl in between: the process is the postmaster itself.
        command = [*as_whom(), program("postgres"), "-D", str(self.data), "-p", str(self.port)]
        with open(self.folder.with_suffix(".log"), "ab") as log:
            self.process = subprocess.Popen(
                [*command, "-h", "127.0.0.1", "-k", str(self.folder), *FAST.split()],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, self.folder.with_suffix(".log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def stop(self) -> None:
        """End it at once, as a crash does."""
        self.thaw()
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()

    def freeze(self) -> None:
        """Stop it and everything it has started: nothing is answered, and nothing is refused."""
        os.kill(self.process.pid, signal.SIGSTOP)  # first, so that it starts nothing else
        for pid in self._children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in [*self._children(), self.process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.with_suffix(".log").unlink(missing_ok=True)

    def _children(self) -> list[int]:
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split()]

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, *command: str) -> None:
        done = subprocess.run([*as_whom(), *command], capture_output=True, text=True, cwd=self.folder)
        assert done.returncode == 0, done.stderr


@contextmanager
def swallowing_proxy(port: int) -> Iterator[tuple[int, threading.Event]]:
    """Pass bytes on to a port until the event is set; then swallow those of all connections, which stay open."""
    swallows = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    ends: list[socket.socket] = [listener]

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", port))
                ends.extend([client, server])
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=pass_on, args=(source, target), daemon=True).start()

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not swallows.is_set():
                    target.sendall(data)
            if not swallows.is_set():
                target.shutdown(socket.SHUT_WR)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1], swallows
    finally:
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def ask(database: DatabaseWrapper, sql: str = "SELECT 1") -> object:
    with database.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def run(database: DatabaseWrapper, sql: str) -> None:
    with database.cursor() as cursor:
        cursor.execute(sql)
