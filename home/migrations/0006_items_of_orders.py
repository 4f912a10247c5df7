"""Every order gets its pizzas as items, where it stands. Nobody is thrown out: thirty can be in an oven for six.

In SQL, as a shop can have years of orders. It is a migration of its own because PostgreSQL does not change tables in a
transaction that has written to them.
"""

from django.db import migrations
from django.db.models import F

MOST_OF_A_LINE = 20
MOST_WITHOUT_LINES = 400  # pizzas; an order that was saved without lines says only how many

# The stations that work on items from now on. From the bench on an order is whole.
AT_ITEMS = "home_order.stage IN ('received', 'baking')"
STATE = f"""
    CASE WHEN {AT_ITEMS} OR home_order.stage = 'cancelled' THEN home_order.stage ELSE 'baked' END,
    home_order.epoch, NOT ({AT_ITEMS} OR home_order.stage = 'cancelled'),
    home_order.held AND {AT_ITEMS}, home_order.rushed, CASE WHEN {AT_ITEMS} THEN home_order.recovered_at END,
    CASE WHEN {AT_ITEMS} THEN home_order.remaining_seconds END, home_order.joined_at,
    CASE WHEN {AT_ITEMS} THEN home_order.started_at END, CASE WHEN {AT_ITEMS} THEN home_order.due_at END"""
INTO = """
    INSERT INTO home_orderitem (order_id, number, line_id, name, stage, epoch, is_done, held, rushed, recovered_at,
    remaining_seconds, joined_at, started_at, due_at)
    WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < {most})"""

BY_LINES = f"""
    {INTO.format(most=MOST_OF_A_LINE)}
    SELECT home_order.id, line.before + numbers.number, line.id, home_pizza.name, {STATE}
    FROM (
        SELECT id, order_id, pizza_id, quantity,
        SUM(quantity) OVER (PARTITION BY order_id ORDER BY id ROWS UNBOUNDED PRECEDING) - quantity AS before
        FROM home_orderline
    ) line
    JOIN home_order ON home_order.id = line.order_id
    JOIN home_pizza ON home_pizza.id = line.pizza_id
    JOIN numbers ON numbers.number <= line.quantity
    ORDER BY home_order.id, line.id, numbers.number"""
WITHOUT_LINES = f"""
    {INTO.format(most=MOST_WITHOUT_LINES)}
    SELECT home_order.id, numbers.number, NULL, '', {STATE}
    FROM home_order
    JOIN numbers ON numbers.number <= home_order.pizzas OR numbers.number = 1
    WHERE NOT EXISTS (SELECT 1 FROM home_orderline WHERE home_orderline.order_id = home_order.id)"""
NO_LONGER_ITSELF = f"""
    UPDATE home_order SET started_at = NULL, due_at = NULL, held = {{no}}, recovered_at = NULL, remaining_seconds = NULL
    WHERE {AT_ITEMS}"""


def give_items(apps, schema_editor):
    no = "false" if schema_editor.connection.vendor == "postgresql" else "0"
    with schema_editor.connection.cursor() as cursor:
        for sql in (BY_LINES, WITHOUT_LINES, NO_LONGER_ITSELF.format(no=no)):
            cursor.execute(sql)


def take_items(apps, schema_editor):
    """Give each order back the work of its least advanced item that is at work, and its turn."""
    order_model, item_model = (apps.get_model("home", name) for name in ("Order", "OrderItem"))
    cooking = item_model.objects.filter(is_done=False).exclude(stage="cancelled")
    waiting_first = F("started_at").asc(nulls_first=True)  # the databases differ in where they put nulls
    for order in order_model.objects.filter(stage__in=("received", "baking")).iterator():
        item = cooking.filter(order=order, stage=order.stage).order_by(waiting_first, "number").last()
        if item is not None:
            for name in ("held", "remaining_seconds", "joined_at", "started_at", "due_at"):
                setattr(order, name, getattr(item, name))
            order.epoch = max(order.epoch, item.epoch) + 1
            order.save()
    item_model.objects.all().delete()
    order_model.objects.filter(stage="ready").update(stage="out_for_delivery")  # the last stop before there was one


class Migration(migrations.Migration):
    dependencies = [("home", "0005_items")]

    operations = [migrations.RunPython(give_items, take_items)]
