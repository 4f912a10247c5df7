"""Worker, beat and the recovery sweep leave signs of life; without them, or without Valkey, that is found."""

import os
import signal
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

from celery.signals import beat_init, heartbeat_sent, task_success

from kitchen import tasks
from kitchen.board.tasks import bring_customers
from operations import lookout, parts, signs
from operations.lookout import Source
from pizzaProj import waits


def sentences() -> dict[str, list[str]]:
    found = Source("Valkey", parts.CHECKS).look_now()
    return {name: [one.sentence for one in each] for name, each in found.items()}


ALL_WELL: dict[str, list[str]] = {"valkey": [], "worker": [], "beat": [], "sweep": []}
NONE_YET = {
    "valkey": [],
    "worker": ["No worker is at work."],
    "beat": ["Beat is not at work."],
    "sweep": ["There was no recovery sweep."],
}


def aged(valkey: Any, name: str, seconds: float) -> None:
    """Let a sign be so old."""
    valkey.client.set(signs.key(name), 1, px=int(signs.KEPT_MILLISECONDS - seconds * 1000))


def test_each_part_leaves_its_sign(valkey: Any) -> None:
    assert sentences() == NONE_YET
    heartbeat_sent.send(sender=object())
    assert sentences() == NONE_YET | {"worker": []}
    beat = Mock(scheduler=SimpleNamespace(tick=lambda: 2.0))
    beat_init.send(sender=beat)
    assert sentences() == NONE_YET | {"worker": []}
    assert beat.scheduler.tick() == 2.0
    assert sentences() == NONE_YET | {"worker": [], "beat": []}
    task_success.send(sender=bring_customers, result=None)
    assert sentences()["sweep"] == NONE_YET["sweep"]
    task_success.send(sender=tasks.sweep, result=None)
    assert sentences() == ALL_WELL


def test_an_old_sign_is_none(valkey: Any) -> None:
    for name, seconds in (("worker", waits.SIGN_SECONDS + 2), ("beat", 7 * 60 + 1), ("sweep", waits.SIGN_SECONDS - 2)):
        aged(valkey, name, seconds)
    assert sentences() == ALL_WELL | {
        "worker": ["No worker is at work: the last sign of it was 12 seconds ago."],
        "beat": ["Beat is not at work: the last sign of it was 7 minutes ago."],
    }


def test_signs_of_an_earlier_run_are_forgotten(valkey: Any) -> None:
    aged(valkey, "worker", 1)
    signs.signs.forget()
    assert sentences() == NONE_YET


def test_without_valkey_that_is_what_is_said(valkey: Any) -> None:
    valkey.stop()
    try:
        heartbeat_sent.send(sender=object())  # disturbs nobody
        assert sentences() == {"valkey": ["Valkey does not answer."]}
    finally:
        valkey.start()


def test_a_frozen_valkey_is_away_and_comes_back(valkey: Any) -> None:
    source = Source("Valkey", parts.CHECKS)
    os.kill(valkey.process.pid, signal.SIGSTOP)
    try:
        found = lookout.Lookout(source).look()
    finally:
        os.kill(valkey.process.pid, signal.SIGCONT)
    assert [one.sentence for one in lookout.findings(found)] == [
        "Valkey does not answer.",
        *["Not known: Valkey does not answer."] * 3,
    ]
    assert sentences() == NONE_YET


def test_a_server_of_live_updates_that_is_away_is_worth_knowing(valkey: Any, settings: Any) -> None:
    """Its address, which can contain a password, is not told."""
    settings.LIVE_REDIS_URLS = [settings.REDIS_URL, "redis://:secret@127.0.0.1:1/0", "redis://:secret@h/rubbish?db=x"]
    (found,) = Source("Servers", parts.LIVE_CHECKS).look_now().values()
    assert [(one.sentence[:8], one.is_bad) for one in found] == [("Server 2", False), ("Server 3", False)]
    assert "secret" not in str(found)
