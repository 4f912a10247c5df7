"""A table is altered under a running shop: PostgreSQL refuses the plans of before, and they are made anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import NotSupportedError, OperationalError, connection
from django.utils import timezone

from home.models import Order
from kitchen import flow
from kitchen.models import Station
from pizzaProj.postgresql.plans import StalePlan
from pizzaProj.postgresql.tests.server import ask, run

OFTEN = 4  # a statement is prepared when it is run for the third time
STAGE = "SELECT stage FROM slips"


@pytest.fixture
def altered(connect):
    """Return two connections to a table that both have read often, and that a third one has altered since."""
    other, *readers = [connect(), connect(), connect()]
    run(other, "CREATE TABLE slips AS SELECT CAST('baking' AS varchar(20)) AS stage")
    for _ in range(OFTEN):
        assert [ask(reader, STAGE) for reader in readers] == ["baking", "baking"]
    run(other, "ALTER TABLE slips ALTER COLUMN stage TYPE varchar(40)")
    yield readers
    for reader in readers:
        reader.close()
    run(other, "DROP TABLE slips")


def test_a_statement_by_itself_is_run_again(altered):
    assert [ask(reader, STAGE) for reader in altered] == ["baking", "baking"]


def test_the_first_statement_of_a_transaction_is_run_again_in_it(altered):
    reader, _ = altered
    reader.set_autocommit(False)
    assert ask(reader, STAGE) == "baking"
    run(reader, "UPDATE slips SET stage = 'baked'")
    reader.rollback()
    assert ask(reader, STAGE) == "baking"


def test_a_transaction_that_has_begun_ends_and_all_others_are_well(altered):
    reader, _ = altered
    reader.set_autocommit(False)
    ask(reader, "SELECT 1")
    with pytest.raises(OperationalError) as error:
        ask(reader, STAGE)
    assert isinstance(error.value.__cause__, StalePlan)
    reader.rollback()
    for one in altered:  # the other one, too: it has dropped its plans before it began
        one.set_autocommit(False)
        assert [ask(one, "SELECT 1"), ask(one, STAGE)] == [1, "baking"]
        one.rollback()


def test_another_statement_that_is_not_supported_fails_as_ever(connect):
    with pytest.raises(NotSupportedError):
        ask(connect(), "SELECT count(*) FROM generate_series(1, 2) FOR UPDATE")


@contextmanager
def altered_column(table: str, column: str) -> Iterator[None]:
    """Give a column another type, as a migration does, by a connection of its own."""
    field = next(field for field in model_of(table)._meta.fields if field.column == column)
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}, autocommit=True) as other:
        alter = f"ALTER TABLE {table} ALTER COLUMN {column} TYPE"
        other.execute(f"{alter} varchar({field.max_length + 20})")
        yield
        other.execute(f"{alter} {field.db_type(connection)}")


def model_of(table: str) -> Any:
    return next(model for model in apps.get_models() if model._meta.db_table == table)


@pytest.mark.database
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite keeps no plans")
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("table", ["home_order", "home_orderitem", "kitchen_station"])
def test_the_kitchen_goes_on_when_a_table_is_altered(table, small_kitchen, cooked, sent, place):
    def step() -> str:
        order = place(now)
        flow.finish_item(order.pk, 1, 1, "received", clock=lambda: later)
        return Order.objects.get(pk=order.pk).stage

    now = timezone.now()
    later = now + timedelta(minutes=1)
    Station.objects.update(capacity=100)
    assert [step() for _ in range(OFTEN)] == ["baking"] * OFTEN
    with altered_column(table, "stage"):
        assert step() == "baking"
