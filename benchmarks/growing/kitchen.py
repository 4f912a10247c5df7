"""A kitchen with so many open orders, some of them at each station, in a process of its own (benchmarks.drive)."""

import gc
import time
from datetime import timedelta
from decimal import Decimal
from random import Random
from unittest import mock

from django.utils import timezone

from benchmarks.growing.cooking import at, cook
from benchmarks.growing.measures import MEASURES
from home import live
from home.models import Order, Pizza
from kitchen import flow, stages, tasks
from kitchen.models import Shop
from kitchen.promises import forecast
from realtime.broadcast import broadcaster

MIX = (1, 1, 2, 2, 3, 4)  # pizzas an order, 2.2 on average
COOKED_SECONDS = 3600  # of the kitchen: until then lines have come up before the oven, too


def begin(orders: int) -> float:
    """Open a kitchen and place so many orders; return how long that took. Nothing leaves this process."""
    began = time.monotonic()
    mock.patch.object(tasks, "enqueue").start()
    mock.patch.object(broadcaster, "send").start()
    mock.patch.object(live.boards, "add").start()
    Shop.objects.update(speed=1)
    pizza = Pizza.objects.create(name="Margherita", price=Decimal("9.50"))
    answer = forecast.ask(1, timezone.now())  # one promise for all: the ledger has a row of each
    dice, now = Random(1), timezone.now()
    opened = now - timedelta(seconds=COOKED_SECONDS)
    for number in range(orders):
        moment = opened + timedelta(seconds=number / max(orders, 1))
        way = dice.choice([*stages.ROUTES])
        flow.place([(pizza, dice.choice(MIX))], way=way, clock=at(moment), promise=answer.promise(1, moment))
    cook(now)
    gc.collect()
    gc.freeze()  # as a worker and a web do when they begin
    return time.monotonic() - began


def open_orders() -> int:
    return Order.objects.open().count()


def names() -> list[str]:
    return list(MEASURES)


def measure(name: str) -> dict[str, float]:
    """Return the figures of a measure by name, in ms of processor time."""
    forecast.recent.forget()
    return MEASURES[name]()
