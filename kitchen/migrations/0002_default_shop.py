"""The shop as it opens: its stations, and its periodic jobs."""

from django.db import migrations

# A real kitchen: 1.5 to 2 minutes a pizza at the make line, 7 to 8 in the oven, 3 drives an hour.
STATIONS = [
    dict(
        stage="received",
        name="Make line",
        places=2,
        law="lognormal",
        mean_seconds=120,
        cv=0.4,
        per_pizza=True,
    ),
    dict(stage="baking", name="Oven", places=6, law="fixed", mean_seconds=450, cv=0),
    dict(stage="baked", name="Cutting bench", places=1, law="lognormal", mean_seconds=40, cv=0.3),
    dict(stage="out_for_delivery", name="Drivers", places=8, law="lognormal", mean_seconds=1200, cv=0.35),
]
# (name, task, every, period, expires after seconds): beat may be late or run twice, so a job that waited too
# long is dropped before the next one comes.
JOBS = [
    ("Broom: wake forgotten orders", "kitchen.sweep", 2, "seconds", 1),
    ("Clear old sessions", "kitchen.clear_sessions", 1, "days", 3600),
]


def open_shop(apps, schema_editor):
    shop = apps.get_model("kitchen", "Shop").objects.create(pk=1)
    for row in STATIONS:
        spread_seconds = row["cv"] * row["mean_seconds"]
        columns = {name: value for name, value in row.items() if name != "cv"}
        apps.get_model("kitchen", "Station").objects.create(shop=shop, spread_seconds=spread_seconds, **columns)


def make_jobs(apps, schema_editor):
    for name, task, every, period, expire_seconds in JOBS:
        interval, _ = apps.get_model("django_celery_beat", "IntervalSchedule").objects.get_or_create(
            every=every, period=period
        )
        apps.get_model("django_celery_beat", "PeriodicTask").objects.update_or_create(
            name=name, defaults={"task": task, "interval": interval, "expire_seconds": expire_seconds}
        )


def remove_jobs(apps, schema_editor):
    names = [name for name, *_ in JOBS]
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name__in=names).delete()


class Migration(migrations.Migration):
    dependencies = [("kitchen", "0001_initial"), ("django_celery_beat", "0019_alter_periodictasks_options")]

    operations = [
        migrations.RunPython(open_shop, migrations.RunPython.noop),
        migrations.RunPython(make_jobs, remove_jobs),
    ]
