"""The planner's studies, and the job that sends again what a worker has lost."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

NAME = "Planner: send lost parts of studies again"


def make_job(apps, schema_editor):
    interval, _ = apps.get_model("django_celery_beat", "IntervalSchedule").objects.get_or_create(
        every=5, period="seconds"
    )
    apps.get_model("django_celery_beat", "PeriodicTask").objects.update_or_create(
        name=NAME, defaults={"task": "kitchen.study_sweep", "interval": interval, "expire_seconds": 4}
    )


def remove_job(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("kitchen", "0004_promises"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Study",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("title", models.CharField(max_length=80)),
                ("asked", models.JSONField()),
                ("plan", models.JSONField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("done", "Done"),
                            ("cancelled", "Cancelled"),
                            ("failed", "Failed"),
                        ],
                        default="running",
                        max_length=10,
                    ),
                ),
                ("ended_at", models.DateTimeField(null=True)),
                ("answer", models.JSONField(null=True)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "studies",
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="StudyPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                ("crew", models.JSONField(default=list)),
                ("first_block", models.PositiveIntegerField()),
                ("blocks", models.PositiveIntegerField()),
                ("sent_at", models.DateTimeField(null=True)),
                ("figures", models.BinaryField(null=True)),
                (
                    "study",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="parts", to="kitchen.study"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="study",
            index=models.Index(condition=models.Q(("status", "running")), fields=["id"], name="running_studies"),
        ),
        migrations.AddConstraint(
            model_name="studypart",
            constraint=models.UniqueConstraint(fields=("study", "key"), name="one_part_a_key"),
        ),
        migrations.RunPython(make_job, remove_job),
    ]
