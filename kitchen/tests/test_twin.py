"""The kitchen and its twin: the same orders through `flow` and through the engine end alike, to the microsecond."""

import heapq
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from itertools import count, groupby
from random import Random
from unittest.mock import patch

import hypothesis.strategies as st
import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings

from home.models import Order, OrderEvent, Pizza
from kitchen import flow, stages
from kitchen.flow import loading_awaited, work_begun
from kitchen.models import Shop
from kitchen.models import Station as Row
from kitchen.tests.clock import NOON
from kitchen.tests.laws import key
from kitchen.tests.twin import WHOLE, Station, Twin
from kitchen.tests.twin import Order as TwinOrder

pytestmark = pytest.mark.usefixtures("sent", "cooked")

ORDERS = 1000
SEED = 20261120
GAP_SECONDS = 2.6  # at speed 60: a customer every 156 kitchen seconds keeps the stations busy
PIZZAS, WEIGHTS = range(1, 9), (30, 25, 15, 10, 5, 5, 5, 5)
PLACES = {"received": 4, "baking": 8, "baked": 2, "out_for_delivery": 12, "ready": 6}
MEANS = {"received": 120, "baking": 240, "baked": 60, "out_for_delivery": 900, "ready": 300}
MICROSECOND = timedelta(microseconds=1)
VERBS = ("hold", "hold", "rush", "rush", "remake")


def moment(microseconds):
    return NOON + timedelta(microseconds=microseconds)


def microseconds(when):
    return (when - NOON) // MICROSECOND


class Both:
    """Both kitchens at once: what is done to the one is done to the other. Times are microseconds after noon."""

    def __init__(self, random):
        self.random, self.menu = random, list(Pizza.objects.all())
        self.due = []  # links and loadings on their way, the next first
        self.orders = {}  # {pk: order of the twin}
        self.keys = []  # order ids, by number
        self.held = []  # (pk, item)
        self.resumed = set()  # (pk, number, when) of works that began at once as they were resumed
        self.rows = self.read_stations()
        self.twin = Twin([self.station(stage) for stage in stages.WORKED], self.draw)
        self.world = ExitStack()
        number = count(1)
        self.world.enter_context(patch("home.models.new_order_id", lambda: f"{next(number) * 7919:020d}"))
        for signal, receiver in ((work_begun, self.note_work), (loading_awaited, self.note_loading)):
            signal.connect(receiver)
            self.world.callback(signal.disconnect, receiver)

    def read_stations(self):
        return {row.stage: row.with_shop() for row in Row.objects.select_related("shop")}

    def station(self, stage):
        row = self.rows[stage]
        headway = self.exactly(row.loading_seconds(1)) if row.is_belt else None
        return Station(stage, row.is_of_items, row.capacity, headway=headway)

    def draw(self, station, number, item):
        """Return what flow draws: it rounds to whole microseconds."""
        order_id = self.keys[number] if self.keys else ""
        return self.exactly(
            self.rows[stages.WORKED[station]].wall_seconds(f"{order_id}:{item}" if item else order_id, 1)
        )

    def exactly(self, seconds):
        return timedelta(seconds=seconds) // MICROSECOND

    # The live kitchen

    def note_work(self, order, item=None, **kwargs):
        work = item or order
        heapq.heappush(self.due, (microseconds(work.due_at), 1, *key(work), work.epoch, work.stage))

    def note_loading(self, station, **kwargs):
        heapq.heappush(self.due, (microseconds(station.busy_until), 0, 0, 0, 0, station.stage))

    def run_until(self, until=None):
        """Let links and loadings arrive when they are due, up to a moment."""
        while self.due and (until is None or self.due[0][0] <= until):
            now, is_link, pk, number, epoch, stage = heapq.heappop(self.due)
            if not is_link:
                flow.load(stage, moment(now), clock=moment(now))
                continue
            verb, about = (flow.finish_item, (pk, number)) if number else (flow.finish, (pk,))
            work = verb(*about, epoch, stage, clock=moment(now))
            if work is not None:
                self.note_work(*((work, None) if number == WHOLE else (work.order, work)))

    # Both

    def place(self, now, pizzas, way):
        self.run_until(now)
        cut = self.random.randint(1, pizzas)
        lines = [(self.menu[0], cut), (self.menu[1], pizzas - cut)]
        order = flow.place([line for line in lines if line[1]], way=way, clock=moment(now))
        route = tuple(number for number, stage in enumerate(stages.WORKED) if stage in order.route.stages)
        twin = TwinOrder(len(self.keys), now, route)
        self.keys.append(order.order_id)
        self.orders[order.pk] = twin
        self.twin.place(twin, pizzas)

    def intervene(self, now, verb, pk, item):
        """Do it to both, if flow allows it."""
        self.run_until(now)
        begun = []

        def note(order, item=None, **kwargs):
            begun.append((*key(item or order), now))

        work_begun.connect(note)
        try:
            getattr(flow, verb)(pk, item=item, clock=moment(now))
        except flow.Refused:
            return False
        finally:
            work_begun.disconnect(note)
        if verb == "resume":
            self.resumed.update(begun)
        self.twin.forward(now)
        getattr(self.twin, verb)(self.orders[pk].number, item)
        return True

    def meddle(self, now):
        """Do something to some open order, or to one of its pizzas."""
        random = self.random
        self.run_until(now)
        open_orders = list(Order.objects.open().with_items().order_by("pk"))
        if not open_orders:
            return
        if self.held and random.random() < 0.4:
            self.intervene(now, "resume", *self.held.pop(0))
            return
        order, verb = random.choice(open_orders), random.choice(VERBS)
        item = random.choice([None, random.choice(order.parts).number])
        if self.intervene(now, verb, order.pk, item) and verb == "hold":
            self.held.append((order.pk, item))

    def change_places(self, now, stage, capacity):
        self.run_until(now)
        flow.change_station(stage, capacity=capacity, clock=moment(now))
        self.twin.stations[stages.WORKED.index(stage)].changes.append((now, capacity))

    def change_kind(self, now, stage, kind, headway_seconds=60):
        self.run_until(now)
        flow.change_station(stage, kind=kind, headway_seconds=headway_seconds, clock=moment(now))
        self.twin.forward(now)
        self.rows = self.read_stations()
        old, new = self.twin.stations[stages.WORKED.index(stage)], self.station(stage)
        old.headway = new.headway

    def end(self, now):
        """Let everybody go on, and return the spans of work that both tell."""
        while self.held:
            now += 1_000_003
            self.intervene(now, "resume", *self.held.pop(0))
        self.run_until()
        self.twin.forward()
        assert not Order.objects.open().exists()
        return self.told_by_events(), self.told_by_twin()

    def told_by_twin(self):
        pks = {twin.number: pk for pk, twin in self.orders.items()}
        return {
            (pks[number], item): sorted((stages.WORKED[station], start, end) for station, start, end in spans)
            for (number, item), spans in self.twin.spans.items()
        }

    def told_by_events(self):
        """Return {(pk, item): [(stage, start, end)]} as the event log tells it."""
        spans = {}
        for pk, rows in groupby(OrderEvent.objects.order_by("order", "seq"), lambda event: event.order_id):
            began = {}
            for event in rows:
                number, now = event.item or WHOLE, microseconds(event.at)
                if event.event == "rushed":
                    continue
                for ended in {number, WHOLE} if event.event == "remade" else {number}:
                    if ended in began:
                        spans.setdefault((pk, ended), []).append((*began.pop(ended), now))
                if event.event == "started" or (event.event == "resumed" and (pk, number, now) in self.resumed):
                    began[number] = (event.stage, now)
        return {work: sorted(told) for work, told in spans.items()}


def set_up_stations(places, spread=0.4):
    Shop.objects.update(speed=60, hands_over=True)
    for row in Row.objects.all():
        row.capacity, row.distribution, row.mean_seconds = places[row.stage], "lognormal", MEANS[row.stage]
        row.spread_seconds, row.per_pizza = row.mean_seconds * spread, False
        row.save()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.django_db
def test_both_clocks_are_one_kitchen(margherita, diavola):
    """A thousand orders, both ways out, slots and belt, places that change, and people who meddle."""
    random = Random(SEED)
    set_up_stations(PLACES)
    both = Both(random)
    with both.world:
        now = 0
        for number in range(ORDERS):
            now += 1 + round(random.expovariate(1 / GAP_SECONDS) * 1e6)
            both.place(now, *random.choices(PIZZAS, WEIGHTS), random.choice([*stages.ROUTES]))
            if number % 7 == 3:
                both.meddle(now + 1)
            if number % 90 == 50:
                stage = random.choice(stages.WORKED)
                both.change_places(now + 2, stage, PLACES[stage] + random.choice([-1, 0, 1, 3]))
            if number in (300, 600, 800):
                both.change_kind(now + 3, "baking", "belt" if number != 600 else "slots", 50)
        told, expected = both.end(now)

    events = Counter(OrderEvent.objects.values_list("event", flat=True))
    assert min(events[event] for event in ("held", "resumed", "rushed", "remade")) > 10, "nobody meddled"
    assert events["joined"] > 2 * ORDERS, "nobody waited"
    assert told == expected


some_orders = st.lists(
    st.tuples(st.integers(1, 5_000_000), st.sampled_from([1, 1, 2, 3, 8]), st.sampled_from([*stages.ROUTES])),
    min_size=1,
    max_size=10,
)


@pytest.mark.database
@pytest.mark.timeout(300)
@pytest.mark.django_db
@settings(max_examples=50, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    orders=some_orders,
    places=st.tuples(*[st.integers(1, 3)] * 5),
    belt=st.none() | st.sampled_from([5, 60, 400]),
    seed=st.integers(0, 1000),
    meddles=st.integers(0, 12),
)
def test_no_small_kitchen_tells_them_apart(margherita, diavola, orders, places, belt, seed, meddles):
    random = Random(seed)
    with transaction.atomic():
        set_up_stations(dict(zip(stages.WORKED, places, strict=True)))
        if belt:
            flow.change_station("baking", kind="belt", headway_seconds=belt, clock=NOON)
        both = Both(random)
        with both.world:
            now = 0
            for gap, pizzas, way in orders:
                now += gap
                both.place(now, pizzas, way)
                for _ in range(random.randint(0, 2) if meddles else 0):
                    now += random.randint(1, 3_000_000)
                    both.meddle(now)
                if random.random() < 0.2:
                    now += 1
                    both.change_places(now, random.choice(stages.WORKED), random.randint(1, 3))
            for _ in range(meddles):
                now += random.randint(1, 20_000_000)
                both.meddle(now)
            told, expected = both.end(now)
        transaction.set_rollback(True)
    assert told == expected
