"""A PostgreSQL of the tests' own, and Django's connections to it."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from pizzaProj import settings
from pizzaProj.postgresql import outage
from pizzaProj.postgresql.base import DatabaseWrapper
from pizzaProj.postgresql.tests.server import OwnPostgreSQL
from pizzaProj.tests.test_stack import free_port

PATIENT = {"connect_timeout": 30}  # for a slow machine: it is not what these tests are about


@pytest.fixture(scope="session")
def running_server() -> Iterator[OwnPostgreSQL]:
    made = OwnPostgreSQL(free_port())
    yield made
    made.remove()


@pytest.fixture
def server(running_server: OwnPostgreSQL) -> Iterator[OwnPostgreSQL]:
    """Return the server, thawed, with nothing remembered of an outage."""
    outage.note_answer()
    yield running_server
    running_server.thaw()
    outage.note_answer()


@pytest.fixture
def connect(server: OwnPostgreSQL, django_db_blocker: Any) -> Iterator[Callable[..., DatabaseWrapper]]:
    """Return a function that makes a connection of Django's own to the server, as the web or a command has it."""
    made: list[DatabaseWrapper] = []

    def connect(is_web: bool = False, port: int = server.port, asked: Any = ()) -> DatabaseWrapper:
        values = copy.deepcopy(connections.settings["default"])
        values |= {"HOST": "127.0.0.1", "PORT": port, "USER": "postgres", "PASSWORD": "", "NAME": "postgres"}
        values |= {
            "OPTIONS": settings.postgresql_options({**PATIENT, **dict(asked)}, is_web),
            "CONN_MAX_AGE": 0,
            "ENGINE": "pizzaProj.postgresql",
        }
        made.append(DatabaseWrapper(values, alias=f"own-{len(made)}"))
        made[-1].inc_thread_sharing()
        return made[-1]

    with django_db_blocker.unblock():
        yield connect
        server.thaw()
        for one in made:
            one.close()
            if one.alias in one._connection_pools:
                one._connection_pools.pop(one.alias).close()
