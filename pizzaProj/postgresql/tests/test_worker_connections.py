"""The connections of a worker and of beat: one for each of their threads, and none from before there are tasks."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

import celery_app
from kitchen import clock
from pizzaProj import waits
from pizzaProj.settings import postgresql_options

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no pool"),
]


@pytest.fixture
def of_a_web(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Give this process the settings of a web process, as a DATABASE_PER_REQUEST in its environment does."""
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", postgresql_options({}, per_request=True))
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    connection.ensure_connection()
    assert connection.pool is not None
    yield connection.settings_dict
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]


def test_a_worker_has_no_pool_even_in_the_environment_of_a_web(of_a_web: dict[str, Any]) -> None:
    celery_app.prepare_connections()
    assert connection.connection is None
    assert connection.pool is None
    assert of_a_web["OPTIONS"]["statement_seconds"] == waits.WORKER_STATEMENT_SECONDS
    assert of_a_web["CONN_MAX_AGE"] is None


def test_a_worker_that_asked_for_the_time_has_no_connection_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test that Celery finds no descriptor to close: in a solo pool, the next file opened would get its number."""
    monkeypatch.setattr(clock, "the_databases", clock.Clock())
    celery_app.ask_for_the_time()
    assert clock.the_databases.last is not None
    assert connection.connection is None
