"""What is placed beforehand waits until it is sent, though a worker is there that could find it in the database."""

import sqlite3
from types import SimpleNamespace

import pytest

from benchmarks import drive
from benchmarks.engines.shops import warm_up
from benchmarks.processes import running, valkey
from benchmarks.sides import prepared

SOON = "SELECT count(*) FROM home_orderitem WHERE due_at < datetime('now', '+1 minute')"


@pytest.mark.slow
def test_nothing_is_due_before_it_is_sent(tmp_path):
    server, socket = valkey(tmp_path)
    with running(server), prepared(None, tmp_path, socket) as ((ours, driver), _), ours.worker():
        warm_up(driver, 2)
        driver.ask("place", orders=3, wide=False)
        database = sqlite3.connect(ours.database_url.removeprefix("sqlite:///"))
        assert database.execute(SOON).fetchone() == (0,)
        database.close()
        assert driver.ask("run_chains")["changes"] == 12


def test_a_run_that_began_early_fails(monkeypatch):
    monkeypatch.setattr(drive, "query", {"moved": 7}.__getitem__)
    with pytest.raises(AssertionError, match="7 moved on before they were sent"):
        drive.run_chains(SimpleNamespace(MOVED="moved"))
