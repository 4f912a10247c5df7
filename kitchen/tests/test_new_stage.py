"""Another stage is one entry in the table and one station: everything else follows from the table.

A process of its own reads a copy of the table with a "quality check" between baking and baked, on a database whose
tables are made from the models. It says what it saw as JSON.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.checks import Tags, run_checks
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from kitchen.models import Station

ENTRY = """    Stage(
        "quality_check",
        "Quality check",
        50,
        station="Pass",
        working="Being looked at",
        waiting="Waiting to be looked at",
        started="The chef is having a look at it",
    ),
"""
BEHIND = '    Stage(\n        "baked",'

PROGRAM = """
import json, sys, types
from pathlib import Path

import kitchen

table = types.ModuleType("kitchen.stages")
sys.modules["kitchen.stages"] = kitchen.stages = table
exec(compile(Path(sys.argv[1]).read_text(), sys.argv[1], "exec"), table.__dict__)

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection
django.setup()
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.apps import apps

loader = MigrationLoader(None)
changes = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps)).changes(loader.graph)
wanted = {label: [sorted({type(change).__name__ for change in one.operations}) for one in found]
          for label, found in changes.items()}

settings.MIGRATION_MODULES = {app.label: None for app in apps.get_app_configs()}
call_command("migrate", run_syncdb=True, verbosity=0)

from django.core.checks import Tags, run_checks
from django.test.utils import CaptureQueriesContext
from datetime import timedelta
from decimal import Decimal
from django.utils import timezone
from home.models import Order, Pizza
from kitchen import flow, stages, tasks
from kitchen.board import snapshot
from kitchen.models import Shop, Station
from kitchen.promises import forecast
from kitchen.planner.studies import present_stations
from kitchen.tests.clock import link_of, works_due

tasks.enqueue = lambda work: None
shop = Shop.objects.create(pk=1, speed=1)
for code in sorted(stages.WORKED, reverse=True):  # in another order
    Station.objects.create(shop=shop, stage=code, name=stages.BY_CODE[code].station, capacity=1,
                           works_on="item" if code in ("received", "baking") else "order",
                           distribution="fixed", mean_seconds=10)
pizza = Pizza.objects.create(name="Margherita", price=Decimal("9.50"))
begun = timezone.now()
first, second = [flow.place([(pizza, 1)], clock=lambda: begun) for _ in range(2)]
state = forecast.read_state(begun)
forecast.renew(begun)
board = snapshot.snapshot()
for number in range(6):
    now = begun + timedelta(seconds=10 * (number + 1))
    for work in works_due(now):
        verb, *args = link_of(work)
        verb(*args, clock=lambda: now)
flow.recall(first.pk, clock=lambda: now)
print(json.dumps({
    "migrations": wanted,
    "checks": [check.msg for check in run_checks(tags=[Tags.database], databases=["default"])],
    "said": [event.sentence for event in first.events.all()],
    "second": second.events.count(),
    "progress": [table.BY_CODE[event.stage].progress for event in first.events.all()],
    "board": [station["stage"] for station in board.settings["stations"]],
    "planner": [station.stage for station in present_stations()],
    "forecast": [place.name for place in state.stations],
    "eta": (Order.objects.get(pk=first.pk).eta_median or begun).isoformat() > begun.isoformat(),
    "chain": list(stages.remaining("baking")),
}))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    table = (Path(settings.BASE_DIR) / "kitchen/stages.py").read_text()
    assert table.count(BEHIND) == 1
    (folder / "stages.py").write_text(table.replace(BEHIND, ENTRY + BEHIND))
    environment = {**os.environ, "DATA_DIR": str(folder / "data"), "DATABASE_URL": f"sqlite:///{folder}/shop.sqlite3"}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder / "stages.py")],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout)


FIVE = ["received", "baking", "quality_check", "baked", "out_for_delivery"]


def test_orders_go_through_it(seen):
    assert seen["said"] == [
        "We started making your order",
        "Your pizza went into the oven",
        "Waiting to be looked at",  # the pizza has come, and is the last of its order
        "The chef is having a look at it",
        "Out of the oven, being cut and boxed",
        "On its way to you",
        "Delivered. Enjoy your meal!",
        "Sent back by staff to “Out for delivery”",
    ]
    assert seen["progress"] == [20, 40, 50, 50, 60, 80, 100, 80]
    assert seen["second"] > 5
    assert seen["chain"] == FIVE[1:]


def test_every_list_of_stations_is_in_the_order_of_the_stages(seen):
    assert seen["board"] == [*FIVE, "ready"]
    # whether these two need the counter is not for this test to say
    assert [stage for stage in seen["planner"] if stage != "ready"] == FIVE
    names = [name for name in seen["forecast"] if name != "Counter"]
    assert names == ["Make line", "Oven", "Pass", "Cutting bench", "Drivers"]
    assert seen["eta"]


def test_it_needs_one_migration(seen):
    assert seen["migrations"] == {
        "home": [["AddConstraint", "AddIndex", "RemoveConstraint", "RemoveIndex"]],
    }
    assert seen["checks"] == []


@pytest.mark.database
@pytest.mark.django_db
def test_a_check_says_which_station_is_missing_or_too_many():
    def said():
        return [check.msg for check in run_checks(tags=[Tags.database], databases=["default"])]

    assert said() == []
    Station.objects.filter(stage="baking").update(stage="grilling")
    assert said() == [
        "Stage “baking” has no station.",
        "There is a station for “grilling”, which is not a stage.",
    ]


@pytest.mark.database
@pytest.mark.django_db
def test_nothing_is_missing_that_a_migration_will_still_make():
    MigrationRecorder(connection).migration_qs.filter(app="kitchen", name__gte="0009_items_shop").delete()
    Station.objects.filter(stage="ready").delete()
    assert run_checks(tags=[Tags.database], databases=["default"]) == []


@pytest.mark.database
@pytest.mark.django_db
def test_stations_are_listed_by_stage_whatever_their_keys():
    oven = Station.objects.get(stage="baking")
    Station.objects.filter(pk=oven.pk).delete()
    oven.pk = None
    oven.save()
    assert [row.stage for row in Station.objects.all()] == ["received", "baking", "baked", "out_for_delivery", "ready"]
