"""What `mend` puts back is what the migrations made."""

import pytest
from django_celery_beat.models import PeriodicTask

from kitchen import defaults, stages
from kitchen.defaults import JOBS, STATIONS
from kitchen.models import Station
from kitchen.tasks import SWEEP_EXPIRE_SECONDS
from operations.stored import what_is_wrong

pytestmark = [pytest.mark.django_db, pytest.mark.database]
MEASURED = {"id", "_state", "busy_until"}


def columns(station: Station) -> dict[str, object]:
    return {name: value for name, value in vars(station).items() if name not in MEASURED}


def test_the_stations_are_those_of_a_new_shop() -> None:
    made = {station.stage: columns(station) for station in Station.objects.all()}
    usual = {code: columns(Station(stage=code, shop_id=1, **defaults.station(code))) for code in STATIONS}
    assert list(made) == list(stages.WORKED)
    assert usual == made


def test_a_stage_of_somebody_elses_has_a_plain_station(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(STATIONS, "baking")
    oven = Station(stage="baking", shop_id=1, **defaults.station("baking"))
    oven.full_clean(validate_unique=False)
    assert (oven.name, oven.capacity, oven.works_on) == ("Oven", 1, "order")


def test_the_jobs_are_those_of_a_new_shop() -> None:
    rows = PeriodicTask.objects.select_related("interval").exclude(task__startswith="celery.")
    made = {(row.name, row.task, row.interval.every, row.interval.period, row.expire_seconds) for row in rows}
    assert {(job.name, job.task, job.every, job.period, job.expire_seconds) for job in JOBS} == made
    assert {job.task: what_is_wrong(job, PeriodicTask.objects.get(task=job.task)) for job in JOBS} == dict.fromkeys(
        (job.task for job in JOBS), ""
    )
    assert next(job for job in JOBS if job.task == "kitchen.sweep").expire_seconds == SWEEP_EXPIRE_SECONDS
