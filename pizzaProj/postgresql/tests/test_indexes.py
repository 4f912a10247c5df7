"""An index is made beside those who write, and again where a try was broken off."""

import pytest
from django.apps import apps
from django.db import connection, models
from django.db.migrations.state import ProjectState

from pizzaProj.postgresql.indexes import AddIndexBeside

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True, serialized_rollback=True)]


def indexes():
    with connection.cursor() as cursor:
        return set(connection.introspection.get_constraints(cursor, "home_pizza"))


def test_it_is_made_and_made_again():
    step = AddIndexBeside("pizza", models.Index(name="pizza_tried", fields=["description"]))
    before, after = ProjectState.from_apps(apps), ProjectState.from_apps(apps)
    step.state_forwards("home", after)
    for _ in range(2):
        with connection.schema_editor(atomic=False) as editor:
            step.database_forwards("home", editor, before, after)
    assert "pizza_tried" in indexes()
    with connection.schema_editor(atomic=False) as editor:
        step.database_backwards("home", editor, after, before)
    assert "pizza_tried" not in indexes()
