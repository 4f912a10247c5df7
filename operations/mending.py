"""Put back what the shop needs in its database and somebody deleted or set to nonsense: stations, jobs, its own row.

Only what a check finds is touched, column by column, so what the owner has chosen stays. What is missing comes back as
in a new shop (kitchen.defaults).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Field
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from home.models import Order
from kitchen import defaults, outlook, stages
from kitchen.defaults import JOBS, Job
from kitchen.locks import lock_kitchen
from kitchen.models import Shop, Station
from operations.stored import AHEAD_SECONDS, is_mixed, jobs_by_task, what_is_wrong, wrong_columns

SHOP_PK = 1


def mend() -> list[str]:
    """Mend everything, in one transaction behind the kitchen's lock. Return what was done, in sentences."""
    with lock_kitchen():
        done = [*mend_shop(), *mend_stations(), *mend_mixture(), *mend_jobs()]
    outlook.stations.forget()
    return done


# The kitchen


def mend_shop() -> Iterator[str]:
    shop = Shop.objects.first()
    if shop is None:
        Shop.objects.create(pk=SHOP_PK)
        yield "The shop's settings are as in a new shop."
    else:
        yield from reset(shop, "The shop", {})


def mend_stations() -> Iterator[str]:
    found = {station.stage: station for station in Station.objects.all()}
    for code in stages.WORKED:
        name, usual = stages.BY_CODE[code].station, defaults.station(code)
        if code in found:
            yield from reset(found[code], f"The station “{name}”", usual)
        else:
            Station.objects.create(stage=code, shop_id=SHOP_PK, **usual)
            yield f"The station “{name}” is there again, as in a new shop."


def reset(row: Shop | Station, name: str, usual: dict[str, Any]) -> Iterator[str]:
    """Give the columns that make no sense their usual values; if that is not enough, all of them."""
    wrong = set(wrong_columns(row))
    if not wrong:
        return
    set_to(row, wrong, usual)
    rest = wrong_columns(row)
    if rest:
        wrong |= {field.name for field in row._meta.concrete_fields if field.editable and not field.unique}
        set_to(row, wrong, usual)
    row.save(update_fields=wrong)
    yield f"{name} has its usual values again: {', '.join(sorted(wrong))}."


def set_to(row: Shop | Station, names: set[str], usual: dict[str, Any]) -> None:
    for name in names:
        field: Field[Any, Any] = row._meta.get_field(name)  # type: ignore[assignment]
        setattr(row, name, usual.get(name, field.get_default()))


def mend_mixture() -> Iterator[str]:
    """Let the stations work on pizzas or orders as usual, where an order would have to come apart again."""
    stations = {station.stage: station for station in Station.objects.filter(stage__in=stages.WORKED)}
    if not is_mixed(stations):
        return
    if Order.objects.open().exists():
        yield "What the stations work on can only be mended while no order is open. Try again then."
        return
    for code, station in stations.items():
        station.works_on = defaults.station(code).get("works_on", Station.Unit.ORDER)
        station.save(update_fields=["works_on"])
    yield "The stations work on pizzas and orders as in a new shop."


# Periodic jobs


def mend_jobs() -> Iterator[str]:
    rows = jobs_by_task()
    for job in JOBS:
        ours = rows.get(job.task, [])
        if not any(what_is_wrong(job, row) == "" for row in ours):
            why = what_is_wrong(job, ours[0]) if ours else "it was gone"
            put_back(job, ours[0] if ours else PeriodicTask.objects.filter(name=job.name).first())
            yield f"The job “{job.name}” runs again: {why}."
        for row in ours:
            yield from forget_the_future(row)


def put_back(job: Job, row: PeriodicTask | None) -> None:
    """Let a job be sent as in a new shop. Its name stays, and beat hears of it (PeriodicTask.save)."""
    interval, _ = IntervalSchedule.objects.get_or_create(every=job.every, period=job.period)
    row = row or PeriodicTask(name=job.name)
    row.task, row.interval, row.expire_seconds, row.enabled = job.task, interval, job.expire_seconds, True
    row.crontab = row.solar = row.clocked = row.expires = row.start_time = row.last_run_at = None
    row.args, row.kwargs, row.one_off = "[]", "{}", False
    row.save()


def forget_the_future(row: PeriodicTask) -> Iterator[str]:
    """Let beat send a job that was last sent by a clock that was ahead."""
    if row.last_run_at is not None and row.last_run_at > timezone.now() + timedelta(seconds=AHEAD_SECONDS):
        row.last_run_at = None
        row.save(update_fields=["last_run_at"])
        yield f"The job “{row.name}” is sent at once: it was last sent in the future, it seems."
