"""The pizzas of an order: the lines that it was ordered with, and the items that are made of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import Max

from home.models import Order, OrderItem, OrderLine, Pizza
from kitchen import stages
from kitchen.locks import Kitchen
from kitchen.models import Station
from kitchen.transitions import Cause, Event, enter, join, leave, note, renew, seat_each

Pairs = Sequence[tuple[Pizza, int]]


def facts(items: Iterable[tuple[Pizza, int]]) -> dict[str, Any]:
    """Return the columns of an order that sum up its (pizza, quantity) pairs, for lists."""
    items = list(items)
    return summed_up([(pizza.name, quantity, pizza.price) for pizza, quantity in items])


def summed_up(rows: Sequence[tuple[str, int, Decimal]]) -> dict[str, Any]:
    """Return the same for rows of (name, quantity, price of one). Lines of the same pizza are one in the summary."""
    counts = Counter[str]()
    for name, quantity, _ in rows:
        counts[name] += quantity
    return {
        "amount": sum((price * quantity for _, quantity, price in rows), Decimal(0)),
        "pizzas": sum(counts.values()),
        "summary": ", ".join(f"{quantity} × {name}" for name, quantity in counts.items()),
    }


def write_lines(order: Order, items: Pairs) -> list[OrderLine]:
    return OrderLine.objects.bulk_create(
        OrderLine(order=order, pizza=pizza, quantity=quantity, unit_price=pizza.price) for pizza, quantity in items
    )


def make_items(order: Order, lines: Sequence[OrderLine]) -> list[OrderItem]:
    """Make the items of an order, not yet written. An order that was saved without lines says only how many."""
    each: list[OrderLine | None] = [line for line in lines for _ in range(line.quantity)]
    return [
        OrderItem(order=order, number=number, line=line, name=line.pizza.name if line else "", rushed=order.rushed)
        for number, line in enumerate(each or [None] * max(1, order.pizzas), 1)
    ]


def add_items(items: Sequence[OrderItem]) -> None:
    """Write new items as they are by now."""
    for item in OrderItem.objects.bulk_create(items):
        item.remember()


def strike(order: Order) -> None:
    """Sum the order up again, without the pizzas that were cancelled."""
    lines = {line.pk: line for line in order.lines.select_related("pizza")}
    left = Counter(item.line_id for item in order.parts if not item.is_struck)
    if None in left:  # saved without lines: there are no prices
        return write_facts(order, {"pizzas": left.total()})
    rows = [(line.pizza.name, left[pk], line.unit_price) for pk, line in lines.items() if left[pk]]
    write_facts(order, summed_up(rows))


def write_facts(order: Order, values: dict[str, Any]) -> None:
    """Write columns that sum an order up. Bypass `save`: its signal would announce them before what goes with them."""
    for name, value in values.items():
        setattr(order, name, value)
    Order.objects.filter(pk=order.pk).update(**values)


def exchange(kitchen: Kitchen, order: Order, items: Pairs, cause: Cause) -> None:
    """Replace the pizzas of an order. What is in both is kept as it is; see flow.change."""
    write_facts(order, facts(items))
    old_lines = dict(order.lines.values_list("pk", "pizza"))
    wanted = [line for line in write_lines(order, items) for _ in range(line.quantity)]
    highest = max([item.number for item in order.parts] + [order.events.aggregate(most=Max("item"))["most"] or 0])
    is_whole, is_held = not order.cooking, all(item.held for item in order.cooking)
    missing, spare = keep(order, wanted, old_lines)
    left = list[Station | None]()
    while missing and spare and (is_whole or spare[0].stage == stages.FIRST):
        item = spare.pop(0)
        give(item, missing.pop(0))
        if not is_whole:
            renew(kitchen, item)
    for item in spare:
        left.append(leave(kitchen, item))
        order.parts.remove(item)
    order.parts = [item for item in order.parts if not item.is_struck]
    new = [
        give(OrderItem(order=order, number=highest + number, rushed=order.rushed), line)
        for number, line in enumerate(missing, 1)
    ]
    write_items(order, old_lines, new)
    if is_whole:  # the make line works on orders
        for item in new:
            item.stage, item.is_done = kitchen.first_of_orders(order), True
        renew(kitchen, order)
    note(kitchen, order, cause)
    for item in [] if is_whole else new:
        if is_held:  # as a whole, and so are its new pizzas
            item.held, item.joined_at = True, kitchen.now
            note(kitchen, item, Cause(Event.HELD))
        else:
            enter(kitchen, item, stages.FIRST)
    if not is_whole and not order.cooking:
        join(kitchen, order, kitchen.first_of_orders(order))
    seat_each(kitchen, left)


def keep(
    order: Order, wanted: Sequence[OrderLine], old_lines: dict[int, int]
) -> tuple[list[OrderLine], list[OrderItem]]:
    """Give items to the lines that want the same pizza, the most advanced first.

    Return the lines that got none, once for each pizza, and the items that nobody wants, the least advanced first.
    """
    spare = sorted((item for item in order.parts if not item.is_struck), key=progress)
    missing = []
    for line in wanted:
        same = [item for item in spare if old_lines.get(item.line_id or 0) == line.pizza_id]
        if same:
            spare.remove(same[-1])
            give(same[-1], line)
        else:
            missing.append(line)
    return missing, spare


def progress(item: OrderItem) -> tuple[bool, int, bool]:
    return item.is_done, stages.number(item.stage), item.started_at is not None


def give(item: OrderItem, line: OrderLine) -> OrderItem:
    """Let an item be one of a line's pizzas."""
    item.line, item.name = line, line.pizza.name
    return item


def write_items(order: Order, old_lines: Iterable[int], new: Sequence[OrderItem]) -> None:
    """Write which items there are, and drop the lines of before."""
    OrderItem.objects.bulk_update(order.parts, ["line", "name"])
    order.parts += OrderItem.objects.bulk_create(new)
    OrderLine.objects.filter(pk__in=list(old_lines)).delete()  # and with them the items that were theirs
    OrderItem.objects.filter(order=order).exclude(pk__in=[item.pk for item in order.parts]).delete()
