"""A look at everything ends in time, whatever stands still, and leaves at most one thread behind a source."""

import threading
import time
from collections.abc import Iterator

import pytest
from django.db import OperationalError

from operations.findings import Check, Finding
from operations.lookout import Lookout, Source, findings, is_ready
from pizzaProj import waits


def nothing() -> Iterator[Finding]:
    yield from ()


def something() -> Iterator[Finding]:
    yield Finding("The lid is off.", is_bad=False)
    yield Finding("The pot is cold.")


def broken() -> Iterator[Finding]:
    raise OperationalError("no such server: secret.example.com")
    yield


class Frozen:
    """A check that hangs until it is thawed."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.thawed = threading.Event()

    def __call__(self) -> Iterator[Finding]:
        self.begun.release()
        assert self.thawed.wait(60)
        yield from ()


@pytest.fixture
def frozen() -> Iterator[Frozen]:
    frozen = Frozen()
    yield frozen
    frozen.thawed.set()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "LOOK_SECONDS", 1.0)
    monkeypatch.setattr(waits, "LOOK_AGAIN_SECONDS", 0.0)


def sentences(lookout: Lookout) -> dict[str, list[str]]:
    return {name: [one.sentence for one in each] for name, each in lookout.look().items()}


def test_each_check_says_what_it_found() -> None:
    lookout = Lookout(Source("The stove", (Check("pot", something, ""), Check("gas", nothing, ""))))
    assert sentences(lookout) == {"pot": ["The lid is off.", "The pot is cold."], "gas": []}
    assert [one.sentence for one in findings(lookout.look())] == ["The pot is cold.", "The lid is off."]
    assert not is_ready(lookout.look())


def test_a_source_that_does_not_answer_is_named_and_asked_nothing_else() -> None:
    stove = Source("The stove", (Check("gas", broken, ""), Check("pot", something, "")))
    lookout = Lookout(stove, Source("The sink", (Check("tap", nothing, ""),)))
    assert sentences(lookout) == {
        "gas": ["The stove does not answer."],
        "pot": ["Not known: the stove does not answer."],
        "tap": [],
    }
    assert "secret" not in str(lookout.look())


def test_a_check_that_fails_does_not_hide_the_next() -> None:
    checks = Check("gas", nothing, ""), Check("lid", broken, ""), Check("pot", something, "")
    assert sentences(Lookout(Source("The stove", checks))) == {
        "gas": [],
        "lid": ["This could not be looked at."],
        "pot": ["The lid is off.", "The pot is cold."],
    }


def test_what_stands_still_holds_nothing_up_and_gets_one_thread(frozen: Frozen) -> None:
    stove = Source("The stove", (Check("gas", nothing, ""), Check("oven", frozen, ""), Check("pot", nothing, "")))
    lookout = Lookout(stove, Source("The sink", (Check("tap", something, ""),)))
    unknown, tap = ["Not known: the stove does not answer."], ["The lid is off.", "The pot is cold."]
    began = time.monotonic()
    stalled = {"gas": [], "oven": unknown, "pot": unknown, "tap": tap}
    assert [sentences(lookout) for _ in range(2)] == [stalled] * 2
    assert time.monotonic() - began < 30
    assert frozen.begun.acquire(timeout=1) and not frozen.begun.acquire(blocking=False)

    frozen.thawed.set()
    assert stove.thread is not None
    stove.thread.join(10)
    assert sentences(lookout) == {"gas": [], "oven": [], "pot": [], "tap": tap}


def test_a_crowd_of_strangers_causes_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "LOOK_AGAIN_SECONDS", 60.0)
    looks = []

    def count() -> Iterator[Finding]:
        looks.append(1)
        yield from ()

    lookout = Lookout(Source("The stove", (Check("gas", count, ""),)))
    crowd = [threading.Thread(target=lookout.look) for _ in range(20)]
    for stranger in crowd:
        stranger.start()
    for stranger in crowd:
        stranger.join()
    assert looks == [1]
    lookout.forget()
    lookout.look()
    assert looks == [1, 1]
