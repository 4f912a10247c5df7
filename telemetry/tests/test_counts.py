import os

import pytest

from telemetry import table
from telemetry.counts import Batch, Counts, Timed
from telemetry.table import Measure


@pytest.fixture(autouse=True)
def small_table(monkeypatch):
    measures = {"eaten_total": Measure("Pizzas", ("pizza",)), "bake_seconds": Measure("Baking", (), (1.0, 2.0))}
    monkeypatch.setattr("telemetry.counts.TABLE", measures)


def test_counts_by_labels():
    counts = Counts()
    counts.add("eaten_total", "Margherita")
    counts.add("eaten_total", "Margherita", amount=2)
    counts.add("eaten_total", "Funghi")
    assert dict(counts.totals) == {("eaten_total", ("Margherita",)): 3, ("eaten_total", ("Funghi",)): 1}


def test_sorts_times_into_buckets():
    counts = Counts()
    for seconds in (0.5, 1.0, 1.5, 7.0):
        counts.observe("bake_seconds", seconds)
    timed = counts.times["bake_seconds", ()]
    assert (timed.buckets, timed.seconds) == ([2, 1, 1], 10.0)


def test_what_was_taken_is_not_taken_again():
    counts = Counts()
    counts.add("eaten_total", "Funghi")
    counts.observe("bake_seconds", 1.5)
    taken = Batch({("eaten_total", ("Funghi",)): 1}, {("bake_seconds", ()): Timed([0, 1, 0], 1.5)})
    assert [counts.take(), counts.take()] == [taken, Batch({}, {})]


def test_a_fork_begins_at_zero_and_with_a_lock_of_its_own():
    from telemetry.counts import counts

    with counts.lock:  # as another thread can hold it
        counts.totals["eaten_total", ("Funghi",)] += 1
        child = os.fork()
        if not child:
            is_fresh = not counts.totals and counts.lock.acquire(timeout=1)
            os._exit(0 if is_fresh else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert counts.take().totals["eaten_total", ("Funghi",)] == 1  # beside what tests before have counted


def test_refuses_what_the_table_does_not_have():
    with pytest.raises(KeyError):
        Counts().add("unknown_total")


def test_names_carry_their_unit():
    for name, measure in table.TABLE.items():
        assert name.startswith("shop_")
        assert name.endswith("_seconds" if measure.bounds else "_total")
