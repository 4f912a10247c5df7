"""What is often is counted in Valkey, exactly and in one round trip, and in the process while that is away."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from accounts import limits
from accounts.limits import paces
from pizzaProj.limits import Limit

ONE_EACH = [("order", "alice"), ("order_address", "1.2.3.4")]


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr("pizzaProj.limits.PACES", {"order": Limit(2, 60), "order_address": Limit(3, 60)})


def refused(*tries):
    """Return for how long this is refused; 0: it was counted."""
    try:
        limits.pace(*tries)
    except limits.TooMany as too_many:
        return too_many.retry_after_seconds
    return 0


@pytest.fixture(params=["in Valkey", "in the process"])
def counts(request):
    if request.param == "in Valkey":
        request.getfixturevalue("valkey")
        yield
        assert not paces.process._moments  # nothing was counted there
    else:
        request.getfixturevalue("away")
        yield


@pytest.fixture
def away(monkeypatch):
    monkeypatch.setattr(paces.outage, "may_try", lambda: False)


@pytest.mark.usefixtures("counts")
def test_one_too_many_is_refused_and_does_not_count():
    assert [refused(*ONE_EACH) for _ in range(2)] == [0, 0]
    assert 58 <= refused(*ONE_EACH) <= 60
    assert refused(("order", "charlie"), ("order_address", "1.2.3.4")) == 0  # the third of its address
    assert refused(("order", "dora"), ("order_address", "1.2.3.4")) > 0
    assert refused(("order", "dora"), ("order_address", "1.2.3.5")) == 0  # so her refused try did not count
    assert refused(("order", "dora"), ("order_address", "1.2.3.5")) == 0


@pytest.mark.usefixtures("counts")
def test_a_crowd_at_the_same_moment_gets_no_further():
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda number: refused(("order", "alice")), range(16)))
    assert waits.count(0) == 2


def test_the_oldest_is_the_first_to_be_forgotten(valkey):
    refused(("order", "alice"))
    (key,) = valkey.client.keys()
    assert 0 < valkey.client.pttl(key) <= 60_000
    assert b"alice" not in key
    valkey.client.lset(key, 0, int(valkey.client.lindex(key, 0)) - 40_000)
    assert refused(("order", "alice")) == 0
    assert 15 <= refused(("order", "alice")) <= 20
    valkey.client.lset(key, 1, int(valkey.client.lindex(key, 1)) - 20_001)
    assert refused(("order", "alice")) == 0


def test_a_clock_that_was_set_back_locks_nobody_out(valkey):
    assert [refused(("order", "alice")) for _ in range(2)] == [0, 0]
    (key,) = valkey.client.keys()
    valkey.client.lset(key, 0, int(valkey.client.lindex(key, 0)) + 3_600_000)
    assert refused(("order", "alice")) == 0


def test_a_frozen_valkey_is_waited_for_once(valkey, monkeypatch):
    asked = []
    in_valkey = paces.valkey.seconds_until
    monkeypatch.setattr(paces.valkey, "seconds_until", lambda counts: asked.append(1) or in_valkey(counts))
    monkeypatch.setattr("pizzaProj.waits.BROKER_PAUSE_SECONDS", 3600)
    with valkey.frozen():
        assert [refused(("order", "alice")) for _ in range(2)] == [0, 0]
        assert refused(("order", "alice")) > 0
    assert len(asked) == 1


def test_a_server_that_was_started_again_is_asked_on_a_new_connection(valkey):
    assert refused(("order", "alice")) == 0
    valkey.stop()
    valkey.start()
    assert [refused(("order", "alice")) for _ in range(3)][:2] == [0, 0]
    assert not paces.outage.is_on


@pytest.mark.usefixtures("away")
def test_a_process_remembers_a_bounded_number(monkeypatch):
    monkeypatch.setattr("pizzaProj.limits.PACES_IN_PROCESS", 3)
    for number in range(9):
        refused(("order", number))
    assert len(paces.process._moments) == 3
