"""While the database can't be had, people are asked to come back; what is a bug stays an answer of 500."""

import json
import logging
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import psycopg_pool
import pytest
from django.db import IntegrityError, InterfaceError, OperationalError, ProgrammingError, connection
from django.test import Client

from home.models import Order
from pizzaProj import unavailable, waits
from realtime import seldom

pytestmark = pytest.mark.django_db


def failing(error: Exception, words: str = "") -> AbstractContextManager[None]:
    """Let each statement with these words in it fail."""

    def fail(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if words in sql:
            raise error
        return execute(sql, *args)

    return connection.execute_wrapper(fail)


def caused_by(cause: Exception, error: type[Exception] = OperationalError) -> Exception:
    """Return an error as Django makes it of a driver's."""
    made = error(*cause.args)
    made.__cause__ = cause
    return made


def of_sqlite(code: int, words: str) -> Exception:
    cause = sqlite3.OperationalError(words)
    cause.sqlite_errorcode = code
    return caused_by(cause)


AWAY = caused_by(psycopg.OperationalError("the connection is closed"))


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(
    "address", ["/", "/order/aaaaaaaaaaaaaaaaaaaa/", "/chat/", "/admin/", "/kitchen/", "/log-in/"]
)
def test_a_page_asks_to_come_back(visitor, bob, address):
    visitor.force_login(bob)
    with failing(AWAY):
        answer = visitor.get(address)
    assert (answer.status_code, answer["Retry-After"]) == (503, str(waits.RETRY_AFTER_SECONDS))
    assert "Our kitchen can’t hear us right now" in answer.content.decode()
    assert 'http-equiv="refresh"' in answer.content.decode()


def test_a_form_that_was_sent_is_not_sent_again_by_itself(visitor):
    with failing(AWAY):
        answer = visitor.post("/log-in/", {"username": "alice", "password": "wrong"})
    assert answer.status_code == 503
    assert 'http-equiv="refresh"' not in answer.content.decode()


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("/api/menu/", {}),
        ("/api/order/aaaaaaaaaaaaaaaaaaaa/", {}),
        ("/kitchen/planner/1.json", {}),
        ("/kitchen/planner/", {"accept": "application/json"}),
    ],
)
def test_a_program_is_told_in_json(visitor, bob, address, headers):
    visitor.force_login(bob)
    with failing(AWAY):
        answer = visitor.get(address, headers=headers)
    assert (answer.status_code, answer.json()) == (503, {"status": False, "error": unavailable.SENTENCE})


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (caused_by(psycopg_pool.PoolTimeout("couldn't get a connection after 1.50 sec")), 503),
        (caused_by(psycopg_pool.TooManyRequests("50 requests waiting")), 503),
        (caused_by(psycopg.errors.LockNotAvailable("canceling statement due to lock timeout")), 503),
        (caused_by(psycopg.InterfaceError("the cursor is closed"), InterfaceError), 503),
        (of_sqlite(sqlite3.SQLITE_BUSY, "database is locked"), 503),
        (of_sqlite(sqlite3.SQLITE_IOERR_WRITE, "disk I/O error"), 503),
        (of_sqlite(sqlite3.SQLITE_ERROR, "no such table: home_pizza"), 500),
        (ProgrammingError("there is no such column"), 500),
        (IntegrityError("duplicate key"), 500),
        (ZeroDivisionError(), 500),
    ],
)
def test_only_what_passes_by_itself_is_unavailable(visitor, error, status):
    with failing(error):
        assert visitor.get("/").status_code == status


def test_an_order_that_is_committed_is_answered_although_the_session_is_lost(visitor, margherita, sent, cooked):
    with failing(AWAY, 'INSERT INTO "django_session"'):
        answer = visitor.post(
            "/api/order/",
            json.dumps({"id": margherita.pk}),
            content_type="application/json",
            headers={"origin": "http://testserver"},
        )
    assert (answer.status_code, answer.json()["order"]["number"]) == (201, Order.objects.get().number)


def test_the_log_gets_a_line_a_second(visitor, caplog, monkeypatch):
    now = 100.0
    monkeypatch.setattr(unavailable.turned_away, "unsaid", 0)
    monkeypatch.setattr(unavailable.turned_away, "said_at", None)
    monkeypatch.setattr(seldom, "monotonic", lambda: now)
    with failing(AWAY), caplog.at_level(logging.INFO):
        for _ in range(20):
            visitor.get("/")
        now += seldom.EVERY_SECONDS
        visitor.get("/")
    assert [record.getMessage() for record in caplog.records] == [
        "Requests asked to come back: 1. The database: the connection is closed",
        "Requests asked to come back: 20. The database: the connection is closed",
    ]


def test_tests_of_http_run_on_postgresql_as_well(request):
    assert request.node.get_closest_marker("database")  # conftest.py adds it: nobody here asked for it
