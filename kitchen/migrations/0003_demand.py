"""The board's switch for simulated customers: until when they have come, and the job that brings them."""

from django.db import migrations, models

NAME = "Demand: bring simulated customers"


def make_job(apps, schema_editor):
    interval, _ = apps.get_model("django_celery_beat", "IntervalSchedule").objects.get_or_create(
        every=2, period="seconds"
    )
    apps.get_model("django_celery_beat", "PeriodicTask").objects.update_or_create(
        name=NAME, defaults={"task": "kitchen.demand", "interval": interval, "expire_seconds": 1}
    )


def remove_job(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [("kitchen", "0002_default_shop"), ("django_celery_beat", "0019_alter_periodictasks_options")]

    operations = [
        migrations.AddField(
            model_name="shop", name="demand_at", field=models.DateTimeField(editable=False, null=True)
        ),
        migrations.RunPython(make_job, remove_job),
    ]
