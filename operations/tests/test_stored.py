"""What the database lacks or has wrong is found, and nothing else is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from archive import months
from kitchen.models import Shop, Station
from operations import stored
from operations.lookout import database, findings, is_ready

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def found() -> list[str]:
    return [one.sentence for one in findings(database.look_now())]


def test_a_new_shop_is_well() -> None:
    assert found() == []
    assert list(database.look_now()) == ["database", "migrations", "clock", "shop", "stations", "jobs"]


def station(stage: str = "baking", **columns: Any) -> Callable[[], Any]:
    return lambda: Station.objects.filter(stage=stage).update(**columns)


def job(task: str = "kitchen.sweep", **columns: Any) -> Callable[[], Any]:
    return lambda: PeriodicTask.objects.filter(task=task).update(**columns)


def every(number: int, period: str) -> Callable[[], Any]:
    def change() -> None:
        interval = IntervalSchedule.objects.create(every=number, period=period)
        PeriodicTask.objects.filter(task="kitchen.sweep").update(interval=interval)

    return change


SWEEP = "The job “Recovery sweep: new chains for lost ones” does not run: {}. So the recovery sweep stands still."
OVEN = "The station “Oven” is set to nonsense. {}"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda: Station.objects.filter(stage="baking").delete(),
            "The station “Oven” is gone: no order is taken, and none goes on.",
        ),
        (station(capacity=100_000), OVEN.format("capacity: Ensure this value is less than or equal to 1000.")),
        (station(mean_seconds=1e30), OVEN.format("mean_seconds: Ensure this value is less than or equal to 86400.0.")),
        (station(distribution="poisson"), OVEN.format("distribution: Value 'poisson' is not a valid choice.")),
        (station(kind="box"), OVEN.format("kind: Value 'box' is not a valid choice.")),
        (
            station(parameters=["low"], distribution="uniform"),
            OVEN.format("parameters: The station must be an object."),
        ),
        (
            station("received", works_on="order"),
            "Stations that work on pizzas must come before those that work on whole orders.",
        ),
        (
            lambda: Shop.objects.update(demand_per_hour=-3),
            "The shop's settings: demand_per_hour: Ensure this value is greater than or equal to 0.",
        ),
        (lambda: PeriodicTask.objects.filter(task="kitchen.sweep").delete(), SWEEP.format("it is gone")),
        (job(enabled=False), SWEEP.format("it is switched off")),
        (job(one_off=True), SWEEP.format("it runs only once")),
        (job(start_time=timezone.now() + timedelta(days=1)), SWEEP.format("it begins in the future")),
        (job(args="[1]"), SWEEP.format("its task takes no arguments")),
        (job(expire_seconds=None), SWEEP.format("its messages expire wrongly")),
        (job(interval=None), SWEEP.format("it has no interval")),
        (every(2, "hours"), SWEEP.format("its interval makes no sense")),
        (every(2, "microseconds"), SWEEP.format("its interval makes no sense")),
        (
            job("kitchen.forecast", last_run_at=timezone.now() + timedelta(hours=1)),
            "Jobs were last sent in the future, it seems: the clock was set back.",
        ),
        (
            lambda: MigrationRecorder.Migration.objects.filter(app="kitchen", name__startswith="0012").delete(),
            "One migration has not been applied.",
        ),
    ],
)
def test_what_is_wrong_is_found(change: Callable[[], Any], sentence: str) -> None:
    change()
    look = database.look_now()
    assert [one.sentence for one in findings(look)] == [sentence]
    assert not is_ready(look)
    assert findings(look)[0].remedy


@pytest.mark.parametrize(
    "change",
    [
        station(capacity=7, mean_seconds=300, distribution="lognormal", spread_seconds=90),
        station(is_open=False),
        station("baked", works_on="item"),
        every(5, "seconds"),
        job(name="The broom"),
        lambda: PeriodicTask.objects.filter(task="kitchen.clear_sessions").update(
            interval=None, crontab=CrontabSchedule.objects.create(minute="0", hour="4")
        ),
        lambda: PeriodicTask.objects.create(
            name="The owner's own",
            task="kitchen.sweep",
            interval=IntervalSchedule.objects.create(every=9, period="days"),
        ),
    ],
)
def test_what_the_owner_chose_is_well(change: Callable[[], Any]) -> None:
    change()
    assert found() == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            job("kitchen.demand", enabled=False),
            "The job “Demand: bring simulated customers” is switched off.",
        ),
        (
            lambda: Station.objects.create(
                stage="plated", name="Pass", capacity=1, distribution="fixed", mean_seconds=1, shop_id=1
            ),
            "There is a station for “plated”, which is no stage here.",
        ),
    ],
)
def test_what_is_odd_is_said_and_the_shop_is_ready(change: Callable[[], Any], sentence: str) -> None:
    change()
    look = database.look_now()
    assert [one.sentence for one in findings(look)] == [sentence]
    assert is_ready(look)


def test_a_wrong_clock_is_found_by_how_far_it_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = []
    for seconds in (0.5, -1.9, 5.04, -3600.0):
        monkeypatch.setattr(stored, "offset_seconds", lambda seconds=seconds: seconds)
        sentences += [one.sentence for one in stored.find_wrong_clock()]
    assert sentences == [
        "The clock here is 5.0 s ahead of the database's.",
        "The clock here is 3600.0 s behind the database's.",
    ]


def test_the_clocks_of_one_machine_agree() -> None:
    stored.the_databases.ask()
    assert abs(stored.offset_seconds()) < stored.waits.CLOCK_OFF_SECONDS


def test_an_archive_that_stands_still_is_told_and_ends_nothing(settings: Any) -> None:
    month = months.later(months.month_of(timezone.now() - timedelta(days=3)), -settings.ARCHIVE_MONTHS)
    said = []
    for moved in (None, month, months.later(month, -1)):
        Shop.objects.update(archived_before=moved)
        look = database.look_now()
        said.append(([one.sentence for one in findings(look)], is_ready(look)))
    late = f"Orders from before {months.named(month)} are not in the archive yet."
    assert said == [([], True), ([], True), ([late], True)]
    Shop.objects.update(archived_before=None)  # not once in four days
    PeriodicTask.objects.filter(task="keeping.archive").update(total_run_count=4)
    assert [one.sentence for one in findings(database.look_now())] == [late]
    settings.ARCHIVE_MONTHS = 0
    assert findings(database.look_now()) == []
