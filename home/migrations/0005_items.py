"""Orders have items, and two ways out of the kitchen."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import kitchen.stages


class Migration(migrations.Migration):
    dependencies = [
        ("home", "0004_open_orders"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="OrderItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                ("name", models.CharField(blank=True, max_length=80)),
                ("stage", models.CharField(choices=kitchen.stages.choices, default="received", max_length=20)),
                ("epoch", models.PositiveIntegerField(default=0)),
                ("is_done", models.BooleanField(default=False)),
                ("held", models.BooleanField(default=False)),
                ("rushed", models.BooleanField(default=False)),
                ("recovered_at", models.DateTimeField(null=True)),
                ("remaining_seconds", models.FloatField(null=True)),
                ("joined_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(null=True)),
                ("due_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["order", "number"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="order",
            name="order_stage_known",
        ),
        migrations.RemoveConstraint(
            model_name="orderline",
            name="one_line_a_pizza",
        ),
        migrations.RemoveIndex(
            model_name="order",
            name="order_lines",
        ),
        migrations.RemoveIndex(
            model_name="order",
            name="order_open",
        ),
        migrations.AddField(
            model_name="order",
            name="ready_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="way",
            field=models.CharField(choices=kitchen.stages.ways, default="delivery", editable=False, max_length=10),
        ),
        migrations.AddField(
            model_name="orderevent",
            name="item",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="orderevent",
            name="order_stage",
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.AlterField(
            model_name="orderevent",
            name="event",
            field=models.CharField(
                choices=[
                    ("joined", "Joined"),
                    ("started", "Started"),
                    ("delivered", "Delivered"),
                    ("overridden", "Overridden"),
                    ("recalled", "Recalled"),
                    ("rushed", "Rushed"),
                    ("retimed", "Retimed"),
                    ("undone", "Undone"),
                    ("held", "Held"),
                    ("resumed", "Resumed"),
                    ("changed", "Changed"),
                    ("remade", "Remade"),
                    ("cancelled", "Cancelled"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(
                    ("held", False),
                    ("stage__in", ("received", "baking", "baked", "out_for_delivery", "ready")),
                    ("started_at__isnull", True),
                ),
                fields=["stage", "-rushed", "joined_at", "id"],
                name="order_lines",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("stage__in", ("received", "baking", "baked", "out_for_delivery", "ready"))),
                fields=["stage", "due_at"],
                name="order_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "stage__in",
                        ["received", "baking", "baked", "out_for_delivery", "ready", "delivered", "cancelled"],
                    )
                ),
                name="order_stage_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("way__in", ["delivery", "carry_out"])), name="order_way_known"
            ),
        ),
        migrations.AddField(
            model_name="orderitem",
            name="line",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="items", to="home.orderline"
            ),
        ),
        migrations.AddField(
            model_name="orderitem",
            name="order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="items", to="home.order"
            ),
        ),
        migrations.AddIndex(
            model_name="orderitem",
            index=models.Index(
                condition=models.Q(
                    ("held", False),
                    ("is_done", False),
                    ("stage__in", ("received", "baking", "baked", "out_for_delivery", "ready")),
                    ("started_at__isnull", True),
                ),
                fields=["stage", "-rushed", "joined_at", "order", "number"],
                name="item_lines",
            ),
        ),
        migrations.AddIndex(
            model_name="orderitem",
            index=models.Index(
                condition=models.Q(
                    ("is_done", False), ("stage__in", ("received", "baking", "baked", "out_for_delivery", "ready"))
                ),
                fields=["stage", "due_at"],
                name="item_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderitem",
            constraint=models.UniqueConstraint(fields=("order", "number"), name="one_item_a_number"),
        ),
        migrations.AddConstraint(
            model_name="orderitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "stage__in",
                        ["received", "baking", "baked", "out_for_delivery", "ready", "delivered", "cancelled"],
                    )
                ),
                name="item_stage_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("due_at__isnull", True), ("started_at__isnull", True)),
                    models.Q(
                        ("due_at__isnull", False), ("held", False), ("is_done", False), ("started_at__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="item_due_when_started",
            ),
        ),
    ]
