"""Stations work on pizzas or on orders, in places or on a belt."""

import django.core.validators
from django.db import migrations, models

import kitchen.models
import kitchen.stages


class Migration(migrations.Migration):
    dependencies = [
        ("kitchen", "0007_station_stage"),
    ]

    operations = [
        migrations.AddField(
            model_name="promise",
            name="way",
            field=models.CharField(choices=kitchen.stages.ways, default="delivery", max_length=10),
        ),
        migrations.AddField(
            model_name="shop",
            name="carry_out_share",
            field=models.FloatField(
                default=0,
                help_text="The share of simulated customers who collect their order, from 0 to 1.",
                validators=[
                    kitchen.models.finite,
                    django.core.validators.MinValueValidator(0),
                    django.core.validators.MaxValueValidator(1),
                ],
            ),
        ),
        migrations.AddField(
            model_name="shop",
            name="hands_over",
            field=models.BooleanField(
                default=True,
                help_text="An order that is ready is handed over after the counter's time. Off: only with a tap.",
                verbose_name="hand over by itself",
            ),
        ),
        migrations.AddField(
            model_name="station",
            name="busy_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="station",
            name="headway_seconds",
            field=models.FloatField(
                default=60,
                help_text="Of a belt, in kitchen seconds. What goes in comes out after the mean, all in the same time.",
                validators=[
                    kitchen.models.finite,
                    django.core.validators.MinValueValidator(0),
                    django.core.validators.MaxValueValidator(86400.0),
                ],
                verbose_name="time between loadings",
            ),
        ),
        migrations.AddField(
            model_name="station",
            name="kind",
            field=models.CharField(
                choices=[("slots", "places"), ("belt", "a belt")],
                default="slots",
                help_text="On a belt nothing waits for a place, only for the time between two loadings.",
                max_length=5,
            ),
        ),
        migrations.AddField(
            model_name="station",
            name="works_on",
            field=models.CharField(
                choices=[("item", "each pizza by itself"), ("order", "whole orders")],
                default="order",
                help_text="Stations of pizzas come first: an order goes on as a whole once all its pizzas have left them.",
                max_length=5,
            ),
        ),
        migrations.AlterField(
            model_name="station",
            name="capacity",
            field=models.PositiveIntegerField(
                help_text="How many pizzas, or orders, at once. A belt has no such limit.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(1000),
                ],
                verbose_name="places",
            ),
        ),
    ]
