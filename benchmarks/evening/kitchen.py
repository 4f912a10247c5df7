"""Open the kitchen of an evening, with as many places as make a given load: `python -m benchmarks.drive` runs this."""

import math
from decimal import Decimal

from home.models import Order, Pizza
from kitchen.demand import PIZZAS
from kitchen.models import Shop, Station
from kitchen.stages import READY

PRICE = Decimal("9.50")
MENU = ("Margherita", "Marinara", "Diavola")
PIZZAS_AN_ORDER = sum(pizzas * share for pizzas, share in PIZZAS.items()) / sum(PIZZAS.values())


def open_kitchen(speed: float, orders_per_second: float, load: float, carry_out: float) -> list[int]:
    """Set speed and places, and empty the kitchen. Return the pizzas on the menu."""
    Order.objects.all().delete()
    Shop.objects.update(speed=speed)
    for station in Station.objects.all():
        at_work = works_per_second(station, orders_per_second, carry_out) * station.mean_seconds / speed
        Station.objects.filter(pk=station.pk).update(capacity=math.ceil(at_work / load))
    return [Pizza.objects.get_or_create(name=name, defaults={"price": PRICE})[0].pk for name in MENU]


def works_per_second(station: Station, orders_per_second: float, carry_out: float) -> float:
    """Return how many pizzas, or whole orders, come to a station."""
    if station.is_of_items:
        return orders_per_second * PIZZAS_AN_ORDER
    shares = {"out_for_delivery": 1 - carry_out, READY: carry_out}
    return orders_per_second * shares.get(station.stage, 1.0)
