"""The ledger of promises, what was measured at the stations, and the jobs that look ahead and measure."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

LAWS = ("fixed", "exponential", "lognormal", "uniform", "gamma")
# (name, task, every, period, expires after seconds)
JOBS = [
    ("Forecast: when every open order will be there", "kitchen.forecast", 2, "seconds", 1),
    ("Measure: how long the work takes", "kitchen.measure", 30, "seconds", 10),
]


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
    dependencies = [("kitchen", "0003_demand"), ("django_celery_beat", "0019_alter_periodictasks_options")]

    operations = [
        migrations.AlterField(
            model_name="station",
            name="law",
            field=models.CharField(
                choices=[(law, law.capitalize()) for law in LAWS], max_length=20, verbose_name="service-time law"
            ),
        ),
        migrations.AddField(
            model_name="shop",
            name="speed_since",
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False),
        ),
        migrations.AddField(
            model_name="shop", name="settled", field=models.BigIntegerField(default=0, editable=False)
        ),
        migrations.AddField(
            model_name="station",
            name="as_measured",
            field=models.BooleanField(
                default=False,
                help_text="Promises and the planner use the times that were measured here, not the law as it is set.",
                verbose_name="forecast as measured",
            ),
        ),
        migrations.AddField(
            model_name="station",
            name="measured_law",
            field=models.CharField(blank=True, editable=False, max_length=20),
        ),
        migrations.AddField(
            model_name="station", name="measured_mean_seconds", field=models.FloatField(editable=False, null=True)
        ),
        migrations.AddField(
            model_name="station", name="measured_spread_seconds", field=models.FloatField(editable=False, null=True)
        ),
        migrations.AddField(
            model_name="station",
            name="measured_works",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.CreateModel(
            name="Promise",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("order_pk", models.BigIntegerField(unique=True)),
                ("at", models.DateTimeField()),
                ("speed", models.FloatField()),
                ("pizzas", models.PositiveSmallIntegerField()),
                ("open_orders", models.PositiveIntegerField()),
                ("simulated", models.BooleanField()),
                ("low_seconds", models.FloatField()),
                ("median_seconds", models.FloatField()),
                ("high_seconds", models.FloatField()),
                ("model_low_seconds", models.FloatField()),
                ("model_median_seconds", models.FloatField()),
                ("model_high_seconds", models.FloatField()),
            ],
            options={"abstract": False},
        ),
        migrations.CreateModel(
            name="Outcome",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_index=True)),
                ("simulated", models.BooleanField()),
                ("seconds", models.FloatField(null=True)),
                ("kept", models.BooleanField(null=True)),
                ("touched", models.BooleanField()),
                (
                    "promise",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="outcome", to="kitchen.promise"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["simulated", "-id"], name="newest_outcomes")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kept__isnull", True), ("seconds__isnull", True)),
                            models.Q(("kept__isnull", False), ("seconds__isnull", False)),
                            _connector="OR",
                        ),
                        name="kept_if_it_came",
                    )
                ],
            },
        ),
        migrations.RunPython(make_jobs, remove_jobs),
    ]
