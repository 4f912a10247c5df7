"""Is what the database holds complete and sane: tables, the shop's row, stations, periodic jobs?"""

from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from archive import months
from kitchen import stages
from kitchen.clock import offset_seconds, the_databases
from kitchen.defaults import JOBS, Job
from kitchen.models import Shop, Station
from operations.findings import Check, Finding
from operations.words import command
from pizzaProj import waits

ARCHIVE_LATE_DAYS = 3
AHEAD_SECONDS = 10.0  # a job that was sent later than this from now, says its row, was sent by a wrong clock


def mend() -> str:
    return f"Mend it: {command('mend')}"


def find_away() -> Iterator[Finding]:
    """Raise DatabaseError if the database does not answer or can't be read."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    yield from ()


def find_unapplied() -> Iterator[Finding]:
    missing = known_migrations() - set(MigrationRecorder(connection).applied_migrations())
    if missing:
        what = "One migration has" if len(missing) == 1 else f"{len(missing)} migrations have"
        yield Finding(f"{what} not been applied.", f"Do it: {command('migrate')}")


@lru_cache(maxsize=1)
def known_migrations() -> set[tuple[str, str]]:
    """Return the migrations of this version that are not replaced by others."""
    return set(MigrationLoader(None).graph.nodes)


def clock_figures() -> dict[str, float | None]:
    return {"offset_seconds": round(offset_seconds(), 3)}


def find_wrong_clock() -> Iterator[Finding]:
    """Compare this machine's clock with the database's, which all machines share. SQLite has none of its own."""
    the_databases.ask()
    seconds = offset_seconds()
    if abs(seconds) > waits.CLOCK_OFF_SECONDS:
        direction = "ahead of" if seconds > 0 else "behind"
        yield Finding(
            f"The clock here is {abs(seconds):.1f} s {direction} the database's.",
            "Set both by a time server (NTP).",
        )


# The kitchen


def find_no_shop() -> Iterator[Finding]:
    shop = Shop.objects.first()
    if shop is None:
        yield Finding("The shop's own settings are gone: no order is taken.", mend())
    else:
        for sentence in wrong_columns(shop).values():
            yield Finding(f"The shop's settings: {sentence}", mend())


def find_broken_stations() -> Iterator[Finding]:
    """Find stages without a station, stations that make no sense, and stations without a stage."""
    found = {station.stage: station for station in Station.objects.all()}
    for code in stages.WORKED:
        name = stages.BY_CODE[code].station
        if code not in found:
            yield Finding(f"The station “{name}” is gone: no order is taken, and none goes on.", mend())
            continue
        for sentence in wrong_columns(found[code]).values():
            yield Finding(f"The station “{name}” is set to nonsense. {sentence}", mend())
    if is_mixed(found):
        yield Finding("Stations that work on pizzas must come before those that work on whole orders.", mend())
    for code in sorted(found.keys() - set(stages.WORKED)):
        remedy = "It does no harm. It can belong to another version of the shop."
        yield Finding(f"There is a station for “{code}”, which is no stage here.", remedy, is_bad=False)


def wrong_columns(row: Shop | Station) -> dict[str, str]:
    """Return {column: what is wrong with it} for a row that nobody could have saved in the admin."""
    try:
        row.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        return {name: f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items()}
    except Exception as error:  # nonsense that the validators did not think of
        return {"parameters": f"parameters: {error}"}
    return {}


def is_mixed(stations: dict[str, Station]) -> bool:
    """Return whether an order would have to come apart again, as `flow.change_station` allows nobody to say."""
    for route in stages.ROUTES.values():
        units = [stations[code].is_of_items for code in route.stages if code in stations]
        if units != sorted(units, reverse=True) or (units and units[-1]):
            return True
    return False


# Periodic jobs


def find_broken_jobs() -> Iterator[Finding]:
    rows = jobs_by_task()
    for job in JOBS:
        why = min((what_is_wrong(job, row) for row in rows.get(job.task, ())), default="it is gone", key=len)
        if why:
            yield Finding(f"The job “{job.name}” does not run: {why}. So {job.what} stands still.", mend())


def find_jobs_ahead() -> Iterator[Finding]:
    late = timezone.now() + timedelta(seconds=AHEAD_SECONDS)
    tasks = [job.task for job in JOBS]
    if PeriodicTask.objects.filter(task__in=tasks, enabled=True, last_run_at__gt=late).exists():
        yield Finding("Jobs were last sent in the future, it seems: the clock was set back.", mend())


def find_switched_off() -> Iterator[Finding]:
    rows = jobs_by_task()
    for job in JOBS:
        if job.can_be_off and rows.get(job.task) and not any(row.enabled for row in rows[job.task]):
            remedy = "If that is not meant, switch it on under Periodic tasks."
            yield Finding(f"The job “{job.name}” is switched off.", remedy, is_bad=False)


def jobs_by_task() -> dict[str, list[PeriodicTask]]:
    """Return the periodic jobs with tasks of ours, whatever they are called."""
    found: dict[str, list[PeriodicTask]] = {}
    rows = PeriodicTask.objects.filter(task__in=[job.task for job in JOBS])
    for row in rows.select_related("interval", "crontab", "solar", "clocked").order_by("pk"):
        found.setdefault(row.task, []).append(row)
    return found


def what_is_wrong(job: Job, row: PeriodicTask) -> str:
    """Return why a job is of no use as it is; empty if it is of use."""
    if not row.enabled:
        return "" if job.can_be_off else "it is switched off"
    if row.one_off:
        return "it runs only once"
    if row.start_time is not None and row.start_time > timezone.now():
        return "it begins in the future"
    if row.expires is not None or not row.expire_seconds:
        return "its messages expire wrongly"
    if (row.args, row.kwargs) != ("[]", "{}"):
        return "its task takes no arguments"
    if row.crontab is not None and job.period == "days":
        return ""  # at a time of the owner's choice
    if row.interval is None:
        return "it has no interval"
    seconds = row.interval.every * timedelta(**{row.interval.period: 1}).total_seconds()
    return "" if 0.5 <= seconds <= job.most_seconds else "its interval makes no sense"


def find_archive_behind() -> Iterator[Finding]:
    """Find that the daily job which moves old orders has not come to its end for days."""
    if not settings.ARCHIVE_MONTHS:
        return
    moved = Shop.objects.values_list("archived_before", flat=True).first()
    due = months.due_before(timezone.now() - timedelta(days=ARCHIVE_LATE_DAYS), settings.ARCHIVE_MONTHS)
    if moved < due if moved is not None else was_sent_for_days():
        yield Finding(
            f"Orders from before {months.named(due)} are not in the archive yet.",
            f"The worker's log says why. Try it: {command('archive')}",
            is_bad=False,
        )


def was_sent_for_days() -> bool:
    """Return whether the job was sent more often than on so many days: then it should have come to its end once."""
    return any(row.total_run_count > ARCHIVE_LATE_DAYS for row in PeriodicTask.objects.filter(task="keeping.archive"))


def find_all_jobs() -> Iterator[Finding]:
    yield from find_broken_jobs()
    yield from find_jobs_ahead()
    yield from find_switched_off()
    yield from find_archive_behind()


CHECKS = (
    Check("database", find_away, "The database answers."),
    Check("migrations", find_unapplied, "All migrations are applied."),
    Check("clock", find_wrong_clock, "The clock here agrees with the database's.", clock_figures),
    Check("shop", find_no_shop, "The shop's settings are there."),
    Check("stations", find_broken_stations, "Every stage has its station."),
    Check("jobs", find_all_jobs, "Every periodic job is there."),
)
