"""What hangs without being dead is found and killed; what only takes its time is not."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from pizzaProj import waits
from pizzaProj.sqlite.turn import NOTE, LockFile
from pizzaProj.supervision import hanging
from pizzaProj.supervision.hanging import Holder, Silence, stopped_ones
from pizzaProj.supervision.supervisor import START_SECONDS, Supervisor

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Reads /proc")


class Nursery(Supervisor):
    """Children that only hang, and what was said of them."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        environment = {**os.environ, "PYTHONPATH": str(settings.BASE_DIR)}
        super().__init__(folder / "logs", folder, environment, self.said.append)

    def hire(self, name: str, command: list[str]) -> int:
        """Start a child, wait until it says that it is there, and return its process id."""
        began = self.folder / name
        self.start(name, command)
        self.wait_for(began.exists, "It never began")
        return self.children[-1].process.pid

    @property
    def is_alive(self) -> bool:
        return all(child.is_alive() for child in self.children)


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    nursery = Nursery(tmp_path)
    yield nursery
    for child in nursery.children:
        child.kill()


def await_stop(pid: int) -> None:
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)


# Who has the turn to write

TAKE_TURN = "from pizzaProj.sqlite.turn import *; turn = Turn('turn'); turn.take(9); open('cook', 'w'); "
FREEZE = "import signal; os.kill(os.getpid(), signal.SIGSTOP)"
LOOP = "\nwhile True: pass"


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


@on_linux
def test_a_frozen_child_that_has_the_turn_is_ended(nursery: Nursery, tmp_path: Path) -> None:
    pid = nursery.hire("cook", python(TAKE_TURN + FREEZE))
    await_stop(pid)
    look = Holder(str(tmp_path / "turn"))
    for now in (0, 1, waits.HOLDER_SECONDS):
        look(nursery, now)
    assert nursery.is_alive and nursery.said == []
    look(nursery, waits.HOLDER_SECONDS + 1.5)
    assert nursery.said == [f"cook (pid {pid}) hangs in the middle of a change, which blocks all others. Ending it."]
    assert not nursery.is_alive
    with LockFile(str(tmp_path / "turn")) as file:
        assert file.try_lock()


@on_linux
def test_one_that_works_has_more_time(nursery: Nursery, tmp_path: Path) -> None:
    nursery.hire("cook", python(TAKE_TURN + LOOP))
    look = Holder(str(tmp_path / "turn"))
    for now in range(int(waits.BUSY_HOLDER_SECONDS)):
        await_work(nursery.children[0].process.pid)
        look(nursery, now)
    assert nursery.is_alive
    look(nursery, waits.BUSY_HOLDER_SECONDS + 1)
    assert not nursery.is_alive


def await_work(pid: int) -> None:
    """Wait until the process has used a little more of the CPU."""
    before = hanging.processes.look_at(pid)
    while hanging.processes.look_at(pid) == before:
        pass


@on_linux
def test_one_that_goes_on_is_left_alone(nursery: Nursery, tmp_path: Path) -> None:
    """Statements, and transactions one after the other, change the note."""
    pid = nursery.hire("cook", python(TAKE_TURN + FREEZE))
    await_stop(pid)
    look = Holder(str(tmp_path / "turn"))
    with LockFile(str(tmp_path / "turn")) as file:
        for now in range(100):
            NOTE.pack_into(file.memory, 0, pid, now)
            look(nursery, now)
    assert nursery.is_alive


@on_linux
def test_another_program_is_named_once_and_not_killed(nursery: Nursery, tmp_path: Path) -> None:
    with subprocess.Popen(python(TAKE_TURN + FREEZE), cwd=tmp_path, env=nursery.env) as guest:
        await_stop(guest.pid)
        look = Holder(str(tmp_path / "turn"))
        for now in range(0, 60, 2):
            look(nursery, now)
        assert nursery.said == [
            f"Nobody can order: the process {guest.pid}, which was not started here, keeps the database locked. "
            "Please end it."
        ]
        assert guest.poll() is None
        guest.kill()


def test_the_note_of_one_that_was_killed_is_removed(nursery: Nursery, tmp_path: Path) -> None:
    with LockFile(str(tmp_path / "turn")) as file:
        file.sign()  # by this process, which no longer has the turn
        look = Holder(str(tmp_path / "turn"))
        look(nursery, 0)
        look(nursery, waits.BUSY_HOLDER_SECONDS + 1)
        assert file.note() is None
    assert nursery.said == []


# What was stopped


@on_linux
def test_a_stopped_process_of_a_pool_is_ended_alone(nursery: Nursery, tmp_path: Path) -> None:
    nursery.hire("cook", ["sh", "-c", "sh -c 'echo $$ > pool; kill -STOP $$' & touch cook; wait; sleep 60"])
    nursery.wait_for(lambda: (tmp_path / "pool").exists() and (tmp_path / "pool").read_text() != "", "No pool")
    pid = int((tmp_path / "pool").read_text())
    nursery.wait_for(lambda: hanging.is_stopped(pid), "It was not stopped")
    look = stopped_ones()
    look(nursery, 0)
    look(nursery, waits.STOPPED_SECONDS)
    assert nursery.said == []
    look(nursery, waits.STOPPED_SECONDS + 1)
    nursery.wait_for(lambda: hanging.processes.look_at(pid) is None, "It was not killed")
    assert nursery.said == [f"cook (pid {pid}) has been stopped for 5 s. Ending it."]
    assert nursery.is_alive


@on_linux
def test_one_that_goes_on_in_time_is_left_alone(nursery: Nursery) -> None:
    pid = nursery.hire("cook", ["sh", "-c", "touch cook; exec sleep 60"])
    look = stopped_ones()
    for now in range(0, 60, 4):
        os.kill(pid, signal.SIGSTOP)
        nursery.wait_for(lambda: hanging.is_stopped(pid), "It was not stopped")
        look(nursery, now)
        os.kill(pid, signal.SIGCONT)
        nursery.wait_for(lambda: not hanging.is_stopped(pid), "It did not go on")
        look(nursery, now + 2)
    assert nursery.is_alive


# What does not answer


@contextmanager
def ear(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as ear:
        ear.bind(str(path))
        ear.listen()
        yield ear


def test_a_child_that_does_not_answer_is_ended(nursery: Nursery, tmp_path: Path) -> None:
    nursery.hire("web", ["sh", "-c", "touch web; exec sleep 60"])
    silence = Silence("web", hanging.by_socket(str(tmp_path / "sock")), b"PING\r\n")
    with ear(tmp_path / "sock"):
        for now in (0, 1, START_SECONDS):
            silence(nursery, now)
        assert nursery.is_alive
        silence(nursery, START_SECONDS + 1)
    assert nursery.said == ["web has not answered for 30 s. Ending it."]
    assert not nursery.is_alive


def test_one_that_answers_is_left_alone(nursery: Nursery, tmp_path: Path) -> None:
    nursery.hire("web", ["sh", "-c", "touch web; exec sleep 60"])
    silence = Silence("web", hanging.by_socket(str(tmp_path / "sock")), b"PING\r\n")
    heard = []
    with ear(tmp_path / "sock") as listener:
        for now in range(0, 300, 10):
            silence(nursery, now)
            line, _ = listener.accept()
            heard.append(line.recv(100))
            line.sendall(b"+PONG\r\n")
            silence(nursery, now + 1)
            line.close()
    assert nursery.is_alive and nursery.said == []
    assert heard == [b"PING\r\n"] * 30


def test_nobody_there_is_no_answer_either(nursery: Nursery, tmp_path: Path) -> None:
    nursery.hire("web", ["sh", "-c", "touch web; exec sleep 60"])
    silence = Silence("web", hanging.by_socket(str(tmp_path / "sock")), b"PING\r\n")
    for now in (0, 30, START_SECONDS + 1):
        silence(nursery, now)
    assert not nursery.is_alive


def test_a_new_child_has_time_to_begin(nursery: Nursery, tmp_path: Path) -> None:
    nursery.hire("web", ["sh", "-c", "touch web; exec sleep 60"])
    silence = Silence("web", hanging.by_socket(str(tmp_path / "sock")), b"PING\r\n")
    silence(nursery, 0)
    nursery.kill("web")
    silence(nursery, 50)
    nursery.start("web", ["sleep", "60"])
    for now in (100, 100 + START_SECONDS):
        silence(nursery, now)
    assert nursery.is_alive
