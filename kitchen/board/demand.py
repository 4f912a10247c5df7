"""The board's demand switch: simulated customers keep arriving while it is on."""

from datetime import datetime, timedelta
from random import Random

from home.models import Pizza
from kitchen import flow
from kitchen.demand import basket, draw_way
from kitchen.locks import not_before
from kitchen.models import Shop
from kitchen.promises import forecast

CATCH_UP_SECONDS = 60.0  # wall: the arrivals of a longer pause are dropped
MOST_AT_ONCE = 100  # customers of one run of the job; more would keep the worker from the kitchen's own work


def place_arrivals(now: datetime, random: Random) -> int:
    """Place the orders of all who have arrived since the last run; return how many."""
    expected = claim(now)
    if not expected:
        return 0
    menu = {pizza.pk: pizza for pizza in Pizza.objects.filter(on_menu=True)}
    share = Shop.objects.get().carry_out_share
    placed = 0
    for _ in range(draw_poisson(random, expected) if menu else 0):
        items = [(menu[pk], quantity) for pk, quantity in basket(random, list(menu)).items()]
        way = draw_way(random, share)
        promise = forecast.promise(sum(quantity for _, quantity in items), now, way)
        try:
            flow.place(items, way=way, simulated=True, promise=promise)
        except flow.Refused:  # closed a moment ago
            break
        placed += 1
    return placed


def claim(now: datetime) -> float:
    """Claim the time since the last run; return how many customers to expect in it. Of two runs at once one gets it.

    It is compared and set in one statement, without the kitchen's lock.
    """
    shop = Shop.objects.get()
    wanted = shop.demand_per_hour if shop.is_open else 0
    moment = not_before(shop.demand_at, now) if wanted else None  # two clocks
    if moment == shop.demand_at or not Shop.objects.filter(demand_at=shop.demand_at).update(demand_at=moment):
        return 0
    if moment is None or shop.demand_at is None:  # just switched off, or on
        return 0
    since_seconds = max(0.0, (moment - shop.demand_at) / timedelta(seconds=1))  # the clock was set back
    return wanted / 3600 * shop.speed * min(since_seconds, CATCH_UP_SECONDS)


def draw_poisson(random: Random, expected: float) -> int:
    """Draw a Poisson number: how many steps of mean 1 fit into `expected`; at most MOST_AT_ONCE."""
    number, reached = 0, random.expovariate(1)
    while reached < expected and number < MOST_AT_ONCE:
        number += 1
        reached += random.expovariate(1)
    return number
