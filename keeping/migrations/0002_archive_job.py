"""The daily job that moves old orders into the archive."""

from django.db import migrations

NAME = "Move old orders into the archive"


def make_job(apps, schema_editor):
    interval, _ = apps.get_model("django_celery_beat", "IntervalSchedule").objects.get_or_create(
        every=1, period="days"
    )
    apps.get_model("django_celery_beat", "PeriodicTask").objects.update_or_create(
        name=NAME, defaults={"task": "keeping.archive", "interval": interval, "expire_seconds": 3600}
    )


def remove_job(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [("keeping", "0001_job"), ("archive", "0001_tables")]

    operations = [migrations.RunPython(make_job, remove_job)]
