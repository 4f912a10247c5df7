"""Rename columns to the words of queueing theory and statistics, and let a distribution have parameters of its own."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("kitchen", "0005_studies")]

    operations = [
        migrations.RemoveConstraint("station", "station_has_a_place"),
        migrations.RenameField("station", "places", "capacity"),
        migrations.RenameField("station", "law", "distribution"),
        migrations.RenameField("station", "measured_law", "measured_distribution"),
        migrations.RenameField("station", "measured_works", "measured_samples"),
        migrations.RenameField("outcome", "touched", "intervened"),
        migrations.RenameField("study", "asked", "request"),
        migrations.AddConstraint(
            "station", models.CheckConstraint(condition=models.Q(capacity__gte=1), name="station_has_a_place")
        ),
        migrations.AddField(
            "station",
            "parameters",
            models.JSONField(
                "own parameters",
                default=dict,
                blank=True,
                help_text="Of the distribution, besides mean and spread.",
            ),
        ),
        # Words alone: nothing in the database changes.
        migrations.AlterField(
            "station",
            "as_measured",
            models.BooleanField(
                "forecast as measured",
                default=False,
                help_text="Promises and the planner use the times that were measured here, not the distribution as it is set.",
            ),
        ),
        migrations.AlterField(
            "station",
            "capacity",
            models.PositiveIntegerField(
                "places",
                validators=[MinValueValidator(1), MaxValueValidator(1000)],
                help_text="How many orders at once.",
            ),
        ),
        migrations.AlterField(
            "station",
            "distribution",
            models.CharField(
                "service-time distribution",
                max_length=20,
                choices=[
                    ("fixed", "Fixed"),
                    ("exponential", "Exponential"),
                    ("lognormal", "Lognormal"),
                    ("uniform", "Uniform"),
                    ("gamma", "Gamma"),
                    ("erlang", "Erlang"),
                    ("hyperexponential", "Hyperexponential"),
                    ("weibull", "Weibull"),
                    ("triangular", "Triangular"),
                    ("pert", "PERT"),
                    ("truncated_normal", "Truncated normal"),
                    ("shifted_lognormal", "Shifted lognormal"),
                    ("discrete", "Discrete"),
                    ("empirical", "Empirical"),
                ],
            ),
        ),
    ]
