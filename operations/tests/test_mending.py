"""`mend` puts back what is missing or makes no sense, says so, and leaves alone what the owner chose."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.migrations.recorder import MigrationRecorder
from django.forms import model_to_dict
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from home.models import Order
from kitchen import defaults, flow, stages
from kitchen.models import Shop, Station
from operations.lookout import database, findings
from operations.mending import mend

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def everything() -> list[Any]:
    rows = [*Shop.objects.all(), *Station.objects.all(), *PeriodicTask.objects.order_by("task")]
    return [model_to_dict(row) for row in rows]


def said() -> list[str]:
    out = StringIO()
    call_command("mend", stdout=out)
    return out.getvalue().splitlines()


def test_it_does_nothing_where_all_is_well() -> None:
    Station.objects.filter(stage="baking").update(capacity=7, is_open=False)
    before, changed = everything(), PeriodicTasks.last_change()
    assert said() == ["All is well."]
    assert (everything(), PeriodicTasks.last_change()) == (before, changed)


@pytest.mark.usefixtures("cooked", "sent")
def test_a_lost_station_comes_back_and_its_orders_go_on(place: Any, bob: Any) -> None:
    order = place()
    before = everything()
    Station.objects.filter(stage="baking").delete()
    assert said() == ["The station “Oven” is there again, as in a new shop.", "All is well."]
    assert [{**row, "id": None} for row in everything()] == [{**row, "id": None} for row in before]
    flow.override(order.pk, "baking", by=bob)
    assert Order.objects.get(pk=order.pk).stage == "baking"


def test_it_does_not_begin_without_tables() -> None:
    MigrationRecorder.Migration.objects.filter(app="kitchen").delete()
    with pytest.raises(CommandError, match=r"\d+ migrations have not been applied\. Do it: \S.* migrate"):
        said()


def test_only_the_columns_that_make_no_sense_are_set() -> None:
    Station.objects.filter(stage="baking").update(name="Big oven", capacity=100_000, mean_seconds=300, kind="box")
    assert mend() == ["The station “Oven” has its usual values again: capacity, kind."]
    oven = Station.objects.get(stage="baking")
    assert (oven.name, oven.capacity, oven.mean_seconds, oven.kind) == ("Big oven", 6, 300, "slots")


def test_a_station_whose_times_do_not_fit_together_starts_over() -> None:
    Station.objects.filter(stage="baked").update(distribution="empirical", parameters={"values": "many"}, capacity=3)
    mend()
    assert findings(database.look_now()) == []


def test_a_whole_shop_comes_back() -> None:
    before = everything()
    Station.objects.all().delete()
    Shop.objects.all().delete()
    PeriodicTask.objects.all().delete()
    IntervalSchedule.objects.all().delete()
    assert len(mend()) == 1 + len(stages.WORKED) + len(defaults.JOBS)
    assert findings(database.look_now()) == []
    ignored = {"id": None, "interval": None}
    assert [{**row, **ignored} for row in everything()] == [{**row, **ignored} for row in before]


@pytest.mark.parametrize(
    "change",
    [
        {"enabled": False},
        {"interval": None},
        {"args": "[1]", "one_off": True},
        {"expire_seconds": None},
        {"start_time": timezone.now() + timedelta(days=9)},
    ],
)
def test_a_job_is_sent_again_and_beat_hears_of_it(change: dict[str, Any]) -> None:
    PeriodicTask.objects.filter(task="kitchen.sweep").update(name="My broom", **change)
    changed = PeriodicTasks.last_change()
    assert len(mend()) == 1
    job = PeriodicTask.objects.get(task="kitchen.sweep")
    assert (job.name, job.enabled, job.interval.every, job.interval.period) == ("My broom", True, 2, "seconds")
    assert PeriodicTasks.last_change() != changed
    assert findings(database.look_now()) == []


def test_a_name_that_another_task_took_is_taken_back() -> None:
    PeriodicTask.objects.filter(task="kitchen.sweep").update(task="kitchen.swept")
    mend()
    assert PeriodicTask.objects.get(task="kitchen.sweep").name == "Recovery sweep: new chains for lost ones"


def test_what_the_owner_switched_off_stays_off() -> None:
    PeriodicTask.objects.filter(task="kitchen.demand").update(enabled=False)
    assert mend() == []
    assert said()[0].startswith("The job “Demand: bring simulated customers” is switched off.")


def test_jobs_of_the_future_are_sent_at_once() -> None:
    ahead = timezone.now() + timedelta(hours=1)
    PeriodicTask.objects.filter(task__in=["kitchen.sweep", "kitchen.demand"]).update(last_run_at=ahead)
    assert len(mend()) == 2
    assert not PeriodicTask.objects.filter(last_run_at__gt=timezone.now()).exists()


@pytest.mark.usefixtures("cooked", "sent")
def test_what_stations_work_on_waits_until_no_order_is_open(place: Any, bob: Any) -> None:
    order = place()
    Station.objects.filter(stage="received").update(works_on="order")
    assert mend() == ["What the stations work on can only be mended while no order is open. Try again then."]
    flow.cancel(order.pk, by=bob)
    assert mend() == ["The stations work on pizzas and orders as in a new shop."]
    assert findings(database.look_now()) == []
