"""What processes count arrives in Valkey, once, whatever happens on the way."""

import json

import pytest
import redis

from pizzaProj import waits
from telemetry import stored, table
from telemetry.counts import Counts, Timed
from telemetry.levels import Levels
from telemetry.sending import Sender
from telemetry.table import Level, Measure

EATEN = ("eaten_total", ("Funghi",))


@pytest.fixture(autouse=True)
def small_table(monkeypatch):
    measures = {"eaten_total": Measure("Pizzas", ("pizza",)), "bake_seconds": Measure("Baking", ("oven",), (1.0, 2.0))}
    levels = {"guests": Level("Guests", ("room",)), "off_seconds": Level("Clock", is_worst=True)}
    for name, value in (("TABLE", measures), ("LEVELS", levels)):
        monkeypatch.setattr(table, name, value)
        for module in ("counts", "levels", "stored"):
            monkeypatch.setattr(f"telemetry.{module}.{name}", value, raising=False)


@pytest.fixture
def process(valkey):
    """Return process(), which makes one that sends when it is told to."""
    return lambda: Sender(Counts(), Levels())


def test_the_counts_of_all_processes_are_added_up(process, valkey):
    web, worker = process(), process()
    for sender, number in ((web, 2), (worker, 3)):
        sender.counts.add("eaten_total", "Funghi", amount=number)
        sender.counts.observe("bake_seconds", number / 2, "stone")
        assert sender.send()
    web.counts.add("eaten_total", "Funghi")
    assert web.send() and web.send()

    found = stored.read(valkey.client)
    assert (found.totals, found.times) == (
        {EATEN: 6},
        {("bake_seconds", ("stone",)): Timed([1, 1, 0], 2.5)},
    )


def test_what_one_holds_is_added_up_or_the_worst_of_it_counts(process, valkey):
    for guests, seconds in ((2, 0.5), (3, -4.0)):
        sender = process()
        sender.levels.change("guests", guests, "hall")
        sender.levels.ask("off_seconds", lambda seconds=seconds: seconds)
        assert sender.send()
    assert stored.read(valkey.client).levels == {("guests", ("hall",)): 5, ("off_seconds", ()): -4.0}


def test_what_can_not_be_asked_hides_nothing_else():
    levels = Levels()
    levels.ask("off_seconds", lambda: 1 / 0)
    levels.ask("guests", lambda: {("hall",): 1.0})
    assert levels.now() == {("guests", ("hall",)): 1.0}


def test_what_is_no_longer_there_leaves_nothing_behind():
    levels = Levels()
    levels.change("guests", 1, "hall")
    levels.change("guests", -1, "hall")
    assert dict(levels.values) == {}


def test_while_valkey_is_away_nothing_is_lost(process, valkey):
    sender = process()
    sender.counts.add("eaten_total", "Funghi")
    valkey.stop()
    assert not sender.send()
    sender.counts.add("eaten_total", "Funghi")
    assert not sender.send()
    valkey.start()
    assert sender.send() and sender.send()
    assert stored.read(valkey.client).totals == {EATEN: 2}


def test_an_answer_that_is_lost_counts_nothing_twice(process, valkey, monkeypatch):
    sender = process()
    script = sender._script()

    def lose_answer(*args):
        script(*args)
        raise redis.TimeoutError("No answer")

    sender.counts.add("eaten_total", "Funghi")
    with monkeypatch.context() as patched:
        patched.setattr(sender, "_script", lambda: lose_answer)
        assert not sender.send()
    assert sender.send()
    assert stored.read(valkey.client).totals == {EATEN: 1}


def test_a_valkey_that_stands_still_is_waited_for_for_a_moment(process, valkey, monkeypatch):
    monkeypatch.setattr(waits, "COUNTS_ANSWER_SECONDS", 0.05)
    sender = process()
    sender.counts.add("eaten_total", "Funghi")
    with valkey.frozen():
        assert not sender.send()
    assert sender.send()
    assert stored.read(valkey.client).totals == {EATEN: 1}


def test_a_valkey_that_was_wiped_counts_from_zero(process, valkey):
    sender = process()
    sender.counts.add("eaten_total", "Funghi", amount=7)
    assert sender.send()
    valkey.client.flushall()
    sender.counts.add("eaten_total", "Funghi")
    assert sender.send()
    assert stored.read(valkey.client).totals == {EATEN: 1}


def test_what_a_killed_process_held_is_soon_gone(process, valkey):
    long_ago = valkey.client.time()[0] - waits.PROCESS_GONE_SECONDS - 1
    valkey.client.hset(stored.PROCESSES, "killed", f"{long_ago} {json.dumps([['guests', ['hall'], 9]])}")
    assert stored.read(valkey.client).levels == {}  # it does not count,
    assert valkey.client.hlen(stored.PROCESSES) == 1
    process().send()
    assert b"killed" not in valkey.client.hkeys(stored.PROCESSES)  # and the next one that tells its own removes it


def test_a_process_that_ends_sends_the_rest_and_holds_nothing(process, valkey):
    sender = process()
    sender.kind = "worker"  # it has begun
    sender.levels.change("guests", 1, "hall")
    sender.counts.add("eaten_total", "Funghi")
    sender.batch, sender.number = sender.counts.take(), 1  # which has not arrived
    sender.counts.add("eaten_total", "Funghi")
    sender.end()
    found = stored.read(valkey.client)
    assert (found.totals, found.levels) == ({EATEN: 2}, {})
    sender.end()  # twice does no harm
    assert stored.read(valkey.client).totals == {EATEN: 2}


def test_who_has_not_begun_sends_nothing_at_its_end(process, valkey):
    sender = process()
    sender.counts.add("eaten_total", "Funghi")
    sender.end()
    assert valkey.client.keys() == []


def test_a_thread_sends_by_itself_once_it_is_begun(process, valkey, monkeypatch):
    monkeypatch.setattr(waits, "SEND_COUNTS_SECONDS", 0.01)
    sender = process()
    sender.counts.add("eaten_total", "Funghi")
    listener = valkey.client.pubsub()
    valkey.client.config_set("notify-keyspace-events", "Kh")
    listener.subscribe(f"__keyspace@0__:{stored.TOTALS}")
    listener.get_message(timeout=5)
    sender.begin("web")
    sender.begin("web")
    try:
        assert listener.get_message(timeout=10)["data"].startswith(b"hincrby")
    finally:
        sender.end()
        valkey.client.config_set("notify-keyspace-events", "")
    assert stored.read(valkey.client).totals == {EATEN: 1}


def test_who_has_begun_waits_for_nothing(process):
    sender = process()
    sender.kind = "web"
    with sender.lock:  # it is sending, and Valkey is slow
        sender.begin("web")  # a request must not wait: this would hang


def test_what_this_version_does_not_know_is_left_alone(process, valkey):
    between = stored.BETWEEN
    for field in ("drunk_total", f"eaten_total{between}a{between}b", f"bake_seconds{between}stone{between}9.0"):
        valkey.client.hincrbyfloat(stored.TOTALS, field, 1)
    assert stored.read(valkey.client) == stored.Stored()
