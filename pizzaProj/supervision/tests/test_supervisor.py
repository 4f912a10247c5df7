"""The supervisor alone, with simple children."""

import errno
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pizzaProj.supervision import logs, restarts, supervisor
from pizzaProj.supervision.restarts import Restarts
from pizzaProj.supervision.supervisor import Broken, Stopped, Supervisor


class Nursery(Supervisor):
    """A supervisor that remembers what it said."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        super().__init__(folder / "logs", folder, dict(os.environ), self.said.append)


@pytest.fixture
def nursery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nursery]:
    monkeypatch.setattr(supervisor, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0)
    nursery = Nursery(tmp_path)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield nursery
    nursery.stop(*[child.name for child in nursery.children])
    for number, handler in handlers.items():  # children inherit what is ignored, and could not be stopped
        signal.signal(number, handler)


def test_children_stop_in_order(nursery: Nursery, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        script = f"trap 'echo {name} >> ended; exit' TERM; touch {name}; while :; do sleep 0.05; done"
        nursery.start(name, ["sh", "-c", script])
        nursery.wait_for((tmp_path / name).exists, "It never began")
    nursery.stop("three", "one", "two")
    assert (tmp_path / "ended").read_text().split() == ["three", "one", "two"]


def test_a_child_that_does_not_stop_is_killed(
    nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.1)
    nursery.start("deaf", ["sh", "-c", "trap '' TERM; touch begun; while :; do sleep 0.05; done"])
    nursery.wait_for((tmp_path / "begun").exists, "It never began")
    process = nursery.children[0].process
    nursery.stop("deaf")
    assert process.returncode == -signal.SIGKILL


def test_a_second_signal_ends_the_wait(nursery: Nursery, tmp_path: Path) -> None:
    nursery.start("deaf", ["sh", "-c", "trap '' TERM; touch begun; while :; do sleep 0.05; done"])
    nursery.wait_for((tmp_path / "begun").exists, "It never began")
    began = time.monotonic()
    nursery.children[0].is_alive = lambda: bool(setattr(nursery, "asked", 1)) or True  # type: ignore[method-assign]
    nursery.stop("deaf")
    assert time.monotonic() - began < supervisor.STOP_SECONDS / 2


def test_it_reports_how_a_child_died_and_its_last_output(nursery: Nursery, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "cook.log"
    log.parent.mkdir()
    log.write_text("yesterday\n")
    nursery.start("cook", ["sh", "-c", "echo the oven is cold; exit 3"])
    with pytest.raises(Broken) as broken:
        nursery.wait_for(lambda: False, "It never began")
    assert str(broken.value) == f"cook ended with exit code 3. The last lines of {log}:\n  the oven is cold"
    assert log.read_text() == "yesterday\nthe oven is cold\n"


def test_no_child_is_started_after_a_stop_was_requested(nursery: Nursery) -> None:
    nursery.asked = 1
    with pytest.raises(Stopped):
        nursery.start("late", ["true"])
    assert nursery.children == []


def test_a_large_log_is_kept_as_one_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LOG_BYTES", 10)
    path = tmp_path / "web.log"
    for text in (b"first, and long\n", b"second\n", b"third\n"):
        with logs.open_log(path) as log:
            log.write(text)
    assert path.read_bytes() == b"second\nthird\n"
    assert (tmp_path / "web.log.1").read_bytes() == b"first, and long\n"


def test_a_log_is_cut_while_its_child_goes_on_writing(
    nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much it writes, there are at most twice the limit, and what is written next is there."""
    monkeypatch.setattr(logs, "LOG_BYTES", 1000)
    script = "n=0; while [ ! -e enough ]; do n=$((n+1)); echo line $n; done; touch done; sleep 60"
    log = tmp_path / "logs" / "cook.log"
    cuts: list[int] = []

    def look(stack: Supervisor, now: float) -> None:
        old = logs.older(log)
        if old.exists() and (size := old.stat().st_size) and not (tmp_path / "enough").exists():
            cuts.append(size)
            (tmp_path / "enough").touch(exist_ok=True)
        stack.asked = int((tmp_path / "done").exists() and log.stat().st_size <= 1000)

    nursery.start("cook", ["sh", "-c", script])
    with pytest.raises(Stopped):
        nursery.watch(look)
    assert cuts == [1000] and logs.older(log).stat().st_size <= 1000
    assert {file.stat().st_mode & 0o777 for file in (log, logs.older(log))} == {0o600}
    before = log.read_text()
    with logs.open_log(log) as again:  # as the child has it: opened for appending
        again.write(b"next\n")
    assert log.read_text() == f"{before}next\n" and "\0" not in before


def test_a_log_is_emptied_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(logs, "LOG_BYTES", 10)
    monkeypatch.setattr(logs, "keep_end", no_room)
    log = tmp_path / "web.log"
    log.write_text("twelve bytes")
    assert (logs.cut(log), log.read_text(), logs.cut(log)) == (True, "", False)
    assert not logs.cut(tmp_path / "none.log")


def test_the_end_of_a_log_is_told_in_words(nursery: Nursery, tmp_path: Path) -> None:
    news = '{"at": "2026", "level": "INFO", "logger": "kitchen.changes", "event": "started", "order": 1}'
    trouble = (
        '{"at": "2026", "level": "ERROR", "logger": "kitchen", "message": "The oven is cold", "exception": "A\\nB"}'
    )
    nursery.start("cook", ["sh", "-c", f"printf '%s\\n' '{trouble}' '{news}'; exit 3"])
    with pytest.raises(Broken) as broken:
        nursery.wait_for(lambda: False, "It never began")
    assert str(broken.value).splitlines()[1:] == ["  ERROR The oven is cold", "    A", "    B"]


# What ends is started again

ONE_MORE = ["sh", "-c", "echo >> starts; exit 3"]


def starts(folder: Path) -> int:
    return len((folder / "starts").read_text().splitlines())


def test_a_child_that_ends_is_started_again(nursery: Nursery, tmp_path: Path) -> None:
    script = "[ -e once ] && { touch twice; exec sleep 60; }; touch once; kill -KILL $$"
    nursery.start("cook", ["sh", "-c", script])
    with pytest.raises(Stopped):
        nursery.watch(lambda stack, now: setattr(stack, "asked", int((tmp_path / "twice").exists())))
    assert nursery.said == ["cook was killed by SIGKILL. Starting cook again."]
    assert [child.name for child in nursery.children] == ["cook"]


def test_one_that_ends_too_often_is_reported(
    nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restarts, "PAUSES_SECONDS", (0.0, 0.01))
    nursery.start("cook", ["sh", "-c", "echo >> starts; echo the oven is cold; exit 3"])
    with pytest.raises(Broken) as broken:
        nursery.watch()
    assert nursery.said == [
        "cook ended with exit code 3. Starting cook again.",
        "cook ended with exit code 3. Starting cook again in 0.01 s.",
    ]
    log = tmp_path / "logs" / "cook.log"
    assert str(broken.value) == f"cook ended with exit code 3. The last lines of {log}:\n  the oven is cold"
    assert starts(tmp_path) == 3


def test_a_pause_is_no_reason_to_stay(nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restarts, "PAUSES_SECONDS", (3600.0,))
    nursery.start("cook", ONE_MORE)
    with pytest.raises(Stopped):
        nursery.watch(lambda stack, now: setattr(stack, "asked", len(nursery.said)))
    assert nursery.said == ["cook ended with exit code 3. Starting cook again in 3600 s."]
    assert starts(tmp_path) == 1


def test_it_is_said_why_a_child_cannot_be_started_again(
    nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restarts, "PAUSES_SECONDS", (0.0, 0.0))

    def refuse_after_the_first() -> None:
        if (tmp_path / "starts").exists():
            raise Broken("Port 8000 is in use.")

    nursery.start("web", ONE_MORE, refuse_after_the_first)
    with pytest.raises(Broken, match=r"Port 8000 is in use\."):
        nursery.watch()
    assert nursery.said == [
        "web ended with exit code 3. Starting web again.",
        "Port 8000 is in use. Starting web again.",
    ]
    assert starts(tmp_path) == 1


def test_a_machine_without_room_for_a_child_gets_more_time(
    nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    nursery.start("cook", ONE_MORE)
    monkeypatch.setattr(restarts, "PAUSES_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(logs, "open_log", no_room)
    with pytest.raises(Broken, match=r"cook can't be started \(No space left on device\)\."):
        nursery.watch()
    assert nursery.said == [
        "cook ended with exit code 3. Starting cook again.",
        "cook can't be started (No space left on device). Starting cook again.",
    ]


def test_the_pauses_grow_and_old_ends_are_forgiven() -> None:
    cook = Restarts()
    assert [cook.pause_seconds(now) for now in range(6)] == [0, 1, 2, 4, 8, None]
    assert cook.pause_seconds(0.5 + restarts.FORGIVEN_SECONDS) is None
    assert cook.pause_seconds(3.5 + restarts.FORGIVEN_SECONDS) == 4
