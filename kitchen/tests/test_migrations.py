"""A database of an older commit goes on with the new columns."""

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from accounts import rights
from kitchen import stages
from kitchen.models import Outcome, Station, Study

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True, serialized_rollback=True)]

DRAWN = [
    138.1676897337385,
    398.4845389956779,
    45.1622386871087,
    1310.6385053947076,
]  # for order-0, by the code of that commit


def migrate_to_the_newest():
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())  # of all apps: others build on these


@pytest.fixture
def before():
    target = [("kitchen", "0005_studies")]
    executor = MigrationExecutor(connection)
    executor.migrate(target)
    yield executor.loader.project_state(target).apps
    migrate_to_the_newest()


def test_the_stations_keep_what_they_are_under_other_names(before):
    before.get_model("kitchen", "Station").objects.filter(stage="baking").update(
        places=3,
        law="gamma",
        spread_seconds=60.5,
        measured_law="gamma",
        measured_mean_seconds=444.5,
        measured_works=321,
    )
    study = before.get_model("kitchen", "Study").objects.create(title="a", asked={"seed": 2}, plan={})
    promise = before.get_model("kitchen", "Promise").objects.create(
        order_pk=1, at=study.made_at, speed=60, pizzas=2, open_orders=0, simulated=False, low_seconds=1,
        median_seconds=2, high_seconds=3, model_low_seconds=1, model_median_seconds=2, model_high_seconds=3,
    )  # fmt: skip
    before.get_model("kitchen", "Outcome").objects.create(
        promise=promise, at=study.made_at, simulated=False, seconds=2, kept=True, touched=True
    )

    migrate_to_the_newest()
    oven = Station.objects.get(stage="baking")
    assert (oven.capacity, oven.distribution, oven.mean_seconds, oven.spread_seconds) == (3, "gamma", 450, 60.5)
    assert (oven.parameters, oven.measured_distribution, oven.measured_samples) == ({}, "gamma", 321)
    assert [row.service_seconds("order-0", 1) for row in Station.objects.exclude(stage="ready")] == pytest.approx(
        DRAWN, rel=1e-12
    )
    works_on = dict(Station.objects.values_list("stage", "works_on"))
    assert list(works_on) == list(stages.WORKED)
    assert [stage for stage in works_on if works_on[stage] == "item"] == ["received", "baking"]
    assert Study.objects.get().request == {"seed": 2}
    assert Outcome.objects.get().intervened


def test_staff_keep_what_they_could_do():
    """Until 0.12 `is_staff` was enough; what took a permission before is not given."""
    people = {name: User.objects.create_user(name, is_staff=name != "alice") for name in ("alice", "cook")}
    User.objects.create_superuser("owner")
    import_module("kitchen.migrations.0014_rights_of_staff").allow(apps, None)
    assert {name: {right for right in rights.RIGHTS if rights.has(user, rights.RIGHTS[right])}
            for name, user in people.items()} == {
        "alice": set(),
        "cook": set(rights.RIGHTS) - {"add_pizzas", "change_pizzas", "answer", "moderate"},
    }  # fmt: skip
    assert not User.objects.get(username="owner").user_permissions.exists()
