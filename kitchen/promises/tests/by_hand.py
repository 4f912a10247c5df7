"""A shift by hand on a virtual clock: people make, bake, cut, drive and hand over, and their taps alone end work."""

import heapq
from collections import deque
from collections.abc import Callable
from datetime import datetime
from itertools import count
from random import Random
from typing import Any

from home.models import Order, OrderItem
from kitchen import flow, stages
from kitchen.locks import Work
from kitchen.models import Station
from kitchen.promises import forecast, ledger, measure
from kitchen.tests.clock import at, link_of
from kitchen.verbs.transaction import work_begun

RENEW_EVERY = 10  # orders
PIZZAS = (1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5)  # as often as people order them
COUNTER_SECONDS = 300.0
UNEVEN = 0.15  # nobody works like a clock


class Shift:
    """People who are `slower` times as slow as the stations say, and customers who come at random."""

    def __init__(self, margherita: Any, bob: Any, seed: int, slower: float, per_hour: float) -> None:
        self.margherita, self.bob, self.dice = margherita, bob, Random(seed)
        self.slower, self.per_hour = slower, per_hour
        self.stations = {row.stage: row for row in Station.objects.select_related("shop")}
        self.queue: list[tuple[float, int, Callable[[], None]]] = []
        self.numbers, self.seconds = count(), 0.0
        self.to_drive: deque[int] = deque()
        self.driving = 0

    def run(self, orders: int) -> None:
        """Let this many orders come, and everybody work until all of them are done."""
        moment = self.seconds
        for number in range(orders):
            moment += self.dice.expovariate(self.per_hour / 3600)
            self.later(moment, lambda number=number: self.order(number))
        work_begun.connect(self.begun)
        try:
            while self.queue:
                self.seconds, _, act = heapq.heappop(self.queue)
                act()
                self.drive()
        finally:
            work_begun.disconnect(self.begun)
        self.seconds += ledger.SETTLED_SECONDS + 1
        self.renew()

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self.queue, (seconds, next(self.numbers), act))

    @property
    def now(self) -> datetime:
        return at(self.seconds)

    def order(self, number: int) -> None:
        if number % RENEW_EVERY == 0:
            self.renew()
        pizzas, way = self.dice.choice(PIZZAS), self.dice.choice([*stages.ROUTES])
        promise = forecast.promise(pizzas, self.now, way)
        flow.place([(self.margherita, pizzas)], way=way, promise=promise, clock=self.now)

    def renew(self) -> None:
        """Do what the periodic jobs do."""
        ledger.settle(self.now)
        measure.renew()
        forecast.learned.forget()

    # Work

    def begun(self, order: Order, item: OrderItem | None = None, **kwargs: Any) -> None:
        """Let whoever does this work tap when it is done, and its chain come when it is due."""
        work = item or order
        assert work.started_at is not None and work.due_at is not None
        key = order.pk, item and item.number, work.stage, work.epoch
        due = (work.due_at - at(0)).total_seconds()
        self.later(due, lambda: self.link(work, *key[1:]))
        if not work.overdue:
            self.later(self.seconds + self.takes(work), lambda: self.tap(*key[:3]))

    def takes(self, work: Work) -> float:
        station = self.stations[work.stage]
        if work.stage == stages.READY:
            return self.dice.expovariate(1 / COUNTER_SECONDS)
        drawn = sum(station.drawn.one(self.dice) for _ in range(station.pieces(work.pieces)))
        return drawn * self.slower * self.dice.uniform(1 - UNEVEN, 1 + UNEVEN)

    def link(self, work: Work, number: int | None, stage: str, epoch: int) -> None:
        begun = Order.objects.get(pk=work.pk if isinstance(work, Order) else work.order.pk)
        there = begun if number is None else begun.item(number)
        if (there.stage, there.epoch) == (stage, epoch) and there.due_at is not None:
            verb, *about = link_of(there)
            verb(*about, clock=self.now)

    def tap(self, pk: int, number: int | None, stage: str) -> None:
        flow.advance(pk, self.bob, item=number, clock=self.now)
        order = Order.objects.get(pk=pk)
        if stage == "out_for_delivery":
            self.driving -= 1
        elif order.stage == "out_for_delivery":
            self.to_drive.append(pk)

    def drive(self) -> None:
        """Let drivers who are there take along what waits."""
        while self.to_drive and self.driving < self.stations["out_for_delivery"].capacity:
            self.driving += 1
            flow.take(self.to_drive.popleft(), self.bob, clock=self.now)
