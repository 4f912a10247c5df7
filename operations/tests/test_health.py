"""The health check of a container ends what hangs, after some failures in a row, and nothing else.

No test lets it look for a container's init by itself: the init is always a shell of the test's own.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from celery.signals import beat_init, heartbeat_sent
from django.conf import settings
from kombu.exceptions import OperationalError

from celery_app import PatientConnection
from operations import health
from pizzaProj.alive import Alive, alive, is_worker

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def contained(tmp_path: Path) -> Iterator[Callable[..., tuple[int, int]]]:
    """contained(command) runs it below a shell, as a container's init does; return (pid of the shell, pid below)."""
    inits = []

    def run(command: list[str], **environment: str) -> tuple[int, int]:
        words = ["sh", "-c", '"$@" & wait', "init", *command]
        init = subprocess.Popen(words, env={**os.environ, **environment}, cwd=settings.BASE_DIR)
        inits.append(init)
        deadline = time.monotonic() + 20
        while not health.children_of(init.pid):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return init.pid, health.children_of(init.pid)[0]

    yield run
    for init in inits:
        health.end(health.children_of(init.pid))
        init.wait(20)


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., int]:
    def check(part: str, init: int, *more: str) -> int:
        return health.main([part, "--folder", str(tmp_path), "--init", str(init), *more])

    return check


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.slow
def test_a_frozen_daphne_is_ended_the_third_time_in_a_row(contained: Any, check: Any, tmp_path: Path) -> None:
    port = random.SystemRandom().randrange(10_000, 32_000)
    daphne = [sys.executable, "-m", "daphne", "-v", "0", "-p", str(port), "pizzaProj.asgi:application"]
    init, web = contained(daphne, DATA_DIR=str(tmp_path))
    now = ("--port", str(port), "--answer-seconds", "0.5", "--start-seconds", "0")
    # It has just begun: it is not ended, however often it is asked.
    deadline = time.monotonic() + 60
    while check("web", init, "--port", str(port)) != 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)

    os.kill(web, signal.SIGSTOP)
    assert [check("web", init, *now) for _ in range(2)] == [1, 1]
    os.kill(web, signal.SIGCONT)
    assert check("web", init, "--port", str(port)) == 0
    os.kill(web, signal.SIGSTOP)
    assert [check("web", init, *now) for _ in range(2)] == [1, 1]
    assert health.children_of(init) == [web]
    assert check("web", init, *now) == 1
    assert is_gone(web) and is_gone_or_zombie(init)


def is_gone_or_zombie(pid: int) -> bool:
    """Return whether the init has ended, too: it is this process's child, which has not looked yet."""
    deadline = time.monotonic() + 20
    while health.read(pid, "stat", lambda text: text.rpartition(")")[2]).split()[:1] not in ([], ["Z"]):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_web_is_asked_directly(
    check: Any, contained: Any, monkeypatch: pytest.MonkeyPatch, status: int, code: int
) -> None:
    """Docker's own settings can give each container a proxy, which knows nothing of the web beside the check."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    init, _ = contained(SLEEPER)
    with answering(status) as port:
        assert check("web", init, "--port", str(port)) == code


@contextmanager
def answering(status: int) -> Iterator[int]:
    """Answer each request with a status, and yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_failures_of_the_process_before_do_not_count(contained: Any, check: Any) -> None:
    now = ("--start-seconds", "0")
    first = contained(SLEEPER)
    assert [check("worker", first[0], *now) for _ in range(2)] == [1, 1]
    second = contained(SLEEPER)
    assert [check("worker", second[0], *now) for _ in range(2)] == [1, 1]
    assert health.children_of(second[0]) == [second[1]]
    assert check("worker", second[0], *now) == 1
    assert is_gone(second[1]) and not is_gone_soon(first[1])


def is_gone_soon(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_outside_of_a_container_nothing_is_ended(
    check: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(health, "name_of", lambda process: "systemd")
    monkeypatch.setattr(health.os, "kill", None)  # it would fail
    monkeypatch.setattr(health, "START_SECONDS", 0.0)
    words = ["worker", "--folder", str(tmp_path), "--start-seconds", "0"]
    assert [health.main(words) for _ in range(4)] == [1] * 4
    assert "Nothing is ended: process 1 is no container's init." in capsys.readouterr().out


@pytest.mark.parametrize("part", ["worker", "beat"])
def test_a_part_is_well_as_long_as_it_touches_its_file(part: str, contained: Any, check: Any, tmp_path: Path) -> None:
    init, _ = contained(SLEEPER)
    sign = tmp_path / f"{part}.alive"
    silent = health.SILENT_SECONDS[part]

    def check_sign(seconds: float) -> int:
        sign.touch()
        os.utime(sign, (time.time() - seconds,) * 2)
        return check(part, init)

    assert check(part, init) == 1
    assert [check_sign(seconds) for seconds in (0, silent - 5, silent + 5, -3600)] == [0, 0, 1, 0]


# Who touches it


@pytest.fixture
def mine(settings: Any, tmp_path: Path) -> Iterator[Alive]:
    settings.DATA_DIR = tmp_path
    yield alive
    alive.forget()


def touched(alive: Alive) -> bool:
    """Return whether the file was touched since the last time."""
    assert alive.path is not None
    is_touched = alive.path.exists()
    alive.path.unlink(missing_ok=True)
    return is_touched


def test_a_worker_touches_it_with_each_heartbeat_and_a_fork_does_not(mine: Alive, valkey: Any, tmp_path: Path) -> None:
    heartbeat_sent.send(sender=object())
    assert list(tmp_path.glob("*.alive")) == []  # no worker yet
    is_worker()
    assert (touched(mine), touched(mine)) == (True, False)
    heartbeat_sent.send(sender=object())
    assert touched(mine)
    mine.forget()  # as a fork does
    heartbeat_sent.send(sender=object())
    assert list(tmp_path.glob("*.alive")) == []


def test_a_worker_that_looks_for_its_broker_is_alive(mine: Alive, tmp_path: Path) -> None:
    mine.be("worker")
    assert touched(mine)
    away = PatientConnection(f"redis+socket://{tmp_path}/nobody.sock")
    with pytest.raises(OperationalError):
        away.ensure_connection(None, 1, callback=lambda: None)
    assert touched(mine)


def test_beat_touches_it_in_each_round(mine: Alive, valkey: Any) -> None:
    class Scheduler:
        def tick(self) -> float:
            assert touched(mine)  # before it, as a round can take long
            return 2.0

    class Service:
        scheduler = Scheduler()

    beat_init.send(sender=Service)
    assert touched(mine)
    Service.scheduler.tick()
    assert touched(mine)
