"""The stations of the shop work on pizzas or on orders, and there is a counter for orders that are collected."""

from django.db import migrations

COUNTER = dict(
    stage="ready",
    name="Counter",
    capacity=1000,
    distribution="fixed",
    mean_seconds=600,  # then an order is handed over by itself, unless the shop says otherwise
)


def open_counter(apps, schema_editor):
    shop, station = (apps.get_model("kitchen", name) for name in ("Shop", "Station"))
    station.objects.filter(stage__in=("received", "baking")).update(works_on="item")
    if shop.objects.filter(pk=1).exists():
        station.objects.get_or_create(stage=COUNTER["stage"], defaults={**COUNTER, "shop_id": 1})


def close_counter(apps, schema_editor):
    apps.get_model("kitchen", "Station").objects.filter(stage=COUNTER["stage"]).delete()


class Migration(migrations.Migration):
    dependencies = [("kitchen", "0008_items")]

    operations = [migrations.RunPython(open_counter, close_counter)]
