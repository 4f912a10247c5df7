"""Thousands of random histories: whatever people, links and accidents do to the kitchen, its rules hold.

Hypothesis writes the histories and shortens the ones that fail. The clock is virtual, and the messages are ours: a
set of links on their way, any of which can come late, twice or never. `HISTORIES=3000 pytest
kitchen/tests/test_histories.py` plays that many new ones; without it, a hundred that are the same at every run.
"""

import os
import sys
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from unittest.mock import patch

import hypothesis.strategies as st
import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import TestCase
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from benchmarks.chaos import audit
from home.models import STATE_FIELDS, Order, OrderEvent, Pizza
from kitchen import flow, locks, stages
from kitchen.flow import work_begun
from kitchen.models import Shop, Station
from kitchen.tests.clock import NOON, begins

WANTED = os.environ.get("HISTORIES")
SIZE = settings(
    max_examples=int(WANTED or 100),
    stateful_step_count=30,
    derandomize=not WANTED,  # a test that fails now and then, for a change that is not to blame, helps nobody
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
MOST_ORDERS = 8
LONGEST_DRAIN = 500
NATURAL = ("joined", "started", "delivered")  # what the kitchen writes by itself

some_stage = st.sampled_from(stages.WORKED)
any_stage = st.sampled_from([*stages.BY_CODE])
which = st.integers(0, MOST_ORDERS - 1)


def facts(order):
    return {name: getattr(order, name) for name in STATE_FIELDS}


def turn(order):
    """Return the sort key of its turn in a line, ties included."""
    return (not order.rushed, order.joined_at, order.pk)


def legal(event, old, undone):
    """Return True if this event can follow that state. `old` is None for an order that the kitchen did not know."""
    if old is None:
        return event.event == event.stage if event.stage in stages.ENDED else event.event in ("joined", "started")
    same = event.stage == old.stage
    done = old.state == "working" and event.stage == stages.after(old.stage)
    return {
        "joined": done,
        "started": done or (same and old.state == "waiting"),
        "delivered": done and event.stage == stages.LAST,
        "overridden": not same,
        "recalled": stages.before(old.stage) == (event.stage,),
        "rushed": same and not old.rushed and old.stage in stages.WORKED,
        "retimed": same and old.state == "working",
        "changed": same and old.stage == stages.FIRST,
        "held": same and old.state in ("waiting", "working"),
        "resumed": same and old.state == "held",
        "cancelled": old.stage in stages.WORKED and event.stage == "cancelled",
        "undone": undone is not None and (undone.before or {}).get("stage") == event.stage,
    }[event.event]


class Kitchen(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.world = ExitStack()
        self.now = NOON
        number = count(1)
        # Seeds of the service times: the same history must be the same kitchen again.
        self.world.enter_context(patch("home.models.new_order_id", lambda: f"{next(number):020d}"))
        self.world.enter_context(patch("django.utils.timezone.now", lambda: self.now))
        self.world.enter_context(patch.object(locks, "read_clock", lambda told: self.now))
        work_begun.connect(self.hand_out)
        self.world.callback(work_begun.disconnect, self.hand_out)
        self.world.enter_context(transaction.atomic())
        self.bob = User.objects.get(username="bob")
        self.menu = list(Pizza.objects.all())
        self.links = Counter()  # on their way: {(pk, epoch, stage): how often}
        self.lost = set()
        self.handed_out = set()  # every (pk, epoch) that ever got a chain
        self.orders = {}  # as they stood after the step before
        self.log = {}  # {(pk, seq): event}
        self.last_event = OrderEvent.objects.order_by("pk").values_list("pk", flat=True).last() or 0
        self.changes_nothing = False
        self.capacities = {row.stage: [(NOON, row.capacity)] for row in Station.objects.all()}  # [(since, capacity)]

    def teardown(self):
        try:
            if sys.exc_info()[0] is None:  # otherwise the history has failed, and its own error is the one to read
                self.drain()
                assert audit.crowds(audit.log(), self.capacity) == []
                assert audit.backwards(audit.log()) == []
        finally:
            transaction.set_rollback(True)
            self.world.close()

    # The parts of the rules

    def hand_out(self, order, **kwargs):
        assert (order.pk, order.epoch) not in self.handed_out, "two chains with one epoch"
        self.handed_out.add((order.pk, order.epoch))
        self.links[order.pk, order.epoch, order.stage] += 1

    def do(self, refused, verb, *args, **kwargs):
        """Call a verb, which does its work, or refuses and changes nothing, as the rule says it must."""
        self.changes_nothing = refused
        if refused:
            with pytest.raises(flow.Refused):
                verb(*args, **kwargs)
        else:
            verb(*args, **kwargs)

    def by_person(self, which, verb, *args, refused):
        order = self.order(which)
        self.do(refused(order), verb, order.pk, *args, by=self.bob, reason="So it goes")
        return order, Order.objects.get(pk=order.pk)

    def capacity(self, stage, moment):
        """Return the largest capacity at that moment, or since the change before it."""
        before = [number for number, (since, _) in enumerate(self.capacities[stage]) if since < moment]
        at_last = self.capacities[stage][before[-1] if before else 0 :]
        return max(capacity for since, capacity in at_last if since <= moment)

    def order(self, which):
        return list(self.orders.values())[which % len(self.orders)]

    def link(self, which):
        links = sorted(+self.links)
        return links[which % len(links)]

    def is_live(self, link):
        pk, epoch, stage = link
        order = self.orders[pk]
        return (order.epoch, order.stage, order.state) == (epoch, stage, "working")

    def deliver(self, link):
        """Run a link as `tasks.finish` does: it is used up, and its chain goes on if its order does."""
        pk, epoch, stage = link
        live = self.is_live(link)
        due_at = self.orders[pk].due_at
        if live and (due_at - self.now).total_seconds() > flow.EARLY_SECONDS:
            with pytest.raises(flow.TooEarly):
                flow.finish(pk, epoch, stage)
            self.changes_nothing = True
            return
        goes_on = flow.finish(pk, epoch, stage)
        self.links[link] -= 1
        self.changes_nothing = not live
        if goes_on:
            self.links[pk, epoch, stages.after(stage)] += 1

    @initialize(orders=st.lists(st.integers(1, 3), max_size=5))
    def some_are_there_already(self, orders):
        """Begin with lines, where most can go wrong."""
        for pizzas in orders:
            flow.place([(self.menu[0], pizzas)])

    # Time, links and accidents

    @rule(seconds=st.sampled_from([0.5, 2.5, 5, 12, 40]))
    def time_passes(self, seconds):
        self.now += timedelta(seconds=seconds)
        self.changes_nothing = True

    @precondition(lambda self: +self.links)
    @rule(which=st.integers(0, 20))
    def a_link_comes_whenever(self, which):
        self.deliver(self.link(which))

    @precondition(lambda self: any(map(self.is_live, +self.links)))
    @rule(which=which)
    def a_link_comes_when_the_work_is_done(self, which):
        links = sorted(filter(self.is_live, +self.links))
        link = links[which % len(links)]
        self.now = max(self.now, self.orders[link[0]].due_at)
        self.deliver(link)

    @precondition(lambda self: any(map(self.is_live, +self.links)))
    @rule()
    def the_next_link_comes(self):
        link = min(filter(self.is_live, +self.links), key=lambda link: (self.orders[link[0]].due_at, link))
        self.now = max(self.now, self.orders[link[0]].due_at)
        self.deliver(link)

    @precondition(lambda self: +self.links)
    @rule(which=st.integers(0, 20))
    def a_message_is_doubled(self, which):
        self.links[self.link(which)] += 1
        self.changes_nothing = True

    @precondition(lambda self: +self.links)
    @rule(which=st.integers(0, 20))
    def a_message_is_lost(self, which):
        link = self.link(which)
        del self.links[link]
        self.lost.add(link)
        self.changes_nothing = True

    @rule()
    def all_messages_are_lost(self):
        self.lost |= set(+self.links)
        self.links.clear()
        self.changes_nothing = True

    @rule(seconds=st.sampled_from([0, 2.5, 5]))
    def the_recovery_sweep_runs(self, seconds):
        self.now += timedelta(seconds=seconds)
        self.sweep()

    def sweep(self):
        def forgotten(order):
            return (
                order.state == "working"
                and order.due_at < self.now - timedelta(seconds=flow.OVERDUE_SECONDS)
                and (
                    order.recovered_at is None
                    or order.recovered_at < self.now - timedelta(seconds=flow.RECOVER_AGAIN_SECONDS)
                )
            )

        expected = {order.pk for order in self.orders.values() if forgotten(order)}
        assert {order.pk for order in begins(flow.recover)} == expected
        assert begins(flow.seat_all) == []  # nobody was left waiting

    # Customers and staff

    @precondition(lambda self: len(self.orders) < MOST_ORDERS)
    @rule(quantities=st.lists(st.integers(1, 3), min_size=1, max_size=2))
    def place(self, quantities):
        items = list(zip(self.menu, quantities, strict=False))
        self.do(not Shop.objects.get().is_open, flow.place, items)

    @precondition(lambda self: len(self.orders) < MOST_ORDERS)
    @rule(stage=any_stage)
    def an_order_is_saved_past_flow(self, stage):
        with TestCase.captureOnCommitCallbacks(execute=True):
            order = Order(stage=stage)
            order.save()
        assert (order.stage, order.seq) == (stage, 1)

    @precondition(lambda self: self.orders)
    @rule(which=which, stage=any_stage)
    def a_stage_is_saved_past_flow(self, which, stage):
        order = Order.objects.get(pk=self.order(which).pk)
        self.changes_nothing = stage == order.stage or (stage == "cancelled" and order.stage == "delivered")
        order.stage = stage
        try:
            with transaction.atomic(), TestCase.captureOnCommitCallbacks(execute=True):
                order.save()
        except flow.Refused:
            assert self.changes_nothing

    @precondition(lambda self: self.orders)
    @rule(which=which, stage=any_stage)
    def override(self, which, stage):
        def refused(order):
            return stage == order.stage or (stage == "cancelled" and order.stage in stages.ENDED)

        self.by_person(which, flow.override, stage, refused=refused)

    @precondition(lambda self: self.orders)
    @rule(which=which)
    def advance(self, which):
        old, new = self.by_person(which, flow.advance, refused=lambda order: order.stage in stages.ENDED)
        assert old.stage in stages.ENDED or new.stage == stages.after(old.stage)

    @precondition(lambda self: self.orders)
    @rule(which=which)
    def recall(self, which):
        self.by_person(which, flow.recall, refused=lambda order: order.stage in ("received", "cancelled"))

    @precondition(lambda self: self.orders)
    @rule(which=which)
    def cancel(self, which):
        self.by_person(which, flow.cancel, refused=lambda order: order.stage in stages.ENDED)

    @precondition(lambda self: self.orders)
    @rule(which=which)
    def rush(self, which):
        _, new = self.by_person(which, flow.rush, refused=lambda order: order.stage in stages.ENDED or order.rushed)
        assert new.rushed or new.stage in stages.ENDED

    @precondition(lambda self: self.orders)
    @rule(which=which, quantities=st.lists(st.integers(1, 3), min_size=1, max_size=2))
    def change(self, which, quantities):
        items = list(zip(self.menu, quantities, strict=False))
        old, new = self.by_person(which, flow.change, items, refused=lambda order: order.stage != stages.FIRST)
        if old.stage == stages.FIRST:
            assert (new.pizzas, new.state, turn(new)) == (sum(quantities), old.state, turn(old))
            assert new.remaining_seconds is None
            assert new.started_at in (None, self.now)

    @precondition(lambda self: self.orders)
    @rule(which=which)
    def hold(self, which):
        old, new = self.by_person(which, flow.hold, refused=lambda order: order.stage in stages.ENDED or order.held)
        if old.state == "working":
            left = max(0, (old.due_at - self.now).total_seconds()) * Shop.objects.get().speed
            assert new.remaining_seconds == pytest.approx(left)

    @precondition(lambda self: self.orders)
    @rule(which=which)
    def resume(self, which):
        old, new = self.by_person(which, flow.resume, refused=lambda order: not order.held)
        if old.held and old.remaining_seconds is not None and new.state == "working":
            left = (new.due_at - self.now).total_seconds() * Shop.objects.get().speed
            assert left == pytest.approx(old.remaining_seconds, abs=1e-3)

    @precondition(lambda self: self.orders)
    @rule(which=which, back=st.sampled_from([0, 0, 0, 1, 2]))
    def undo(self, which, back):
        last_words = [order for order in self.orders.values() if self.log[order.pk, order.seq].before]
        order = last_words[which % len(last_words)] if last_words else self.order(which)
        seq = order.seq - back
        event = self.log.get((order.pk, seq))
        refused = (
            event is None
            or event.before is None
            or event.by_id != self.bob.pk
            or back > 0
            or self.now - event.at > timedelta(seconds=flow.UNDO_SECONDS)
        )
        self.do(refused, flow.undo, order.pk, seq, self.bob)
        new = Order.objects.get(pk=order.pk)
        if not refused:
            assert (new.stage, new.rushed) == (event.before["stage"], event.before["rushed"])
            assert event.event == "rushed" or new.held == event.before["held"]
            assert event.event == "rushed" or new.joined_at.isoformat() == event.before["joined_at"]

    # The stations and the shop

    @rule(stage=some_stage, places=st.integers(1, 3))
    def change_places(self, stage, places):
        self.capacities[stage].append((self.now, places))
        flow.change_station(stage, capacity=places)

    @rule(stage=some_stage, is_open=st.booleans())
    def close_or_open_a_station(self, stage, is_open):
        flow.change_station(stage, is_open=is_open)

    @rule(stage=some_stage, seconds=st.sampled_from([2.0, 20.0, 60.0]))
    def change_the_mean(self, stage, seconds):
        flow.change_station(stage, mean_seconds=seconds)

    @rule(stage=some_stage, places=st.integers(1, 3))
    def a_station_is_saved_past_flow_and_the_recovery_sweep_runs(self, stage, places):
        self.capacities[stage].append((self.now, places))
        Station.objects.filter(stage=stage).update(capacity=places)
        flow.seat_all()

    @rule(is_open=st.booleans())
    def close_or_open_the_shop(self, is_open):
        Shop.objects.update(is_open=is_open)
        self.changes_nothing = True

    @rule(speed=st.sampled_from([0.5, 1.0, 2.0, 60.0]))
    def change_the_speed(self, speed):
        old = Shop.objects.get().speed
        flow.set_speed(speed)
        for order in Order.objects.working():
            left = (self.orders[order.pk].due_at - self.now) * (old / speed)
            assert abs(order.due_at - self.now - left) < timedelta(milliseconds=1)

    # What must hold after every step

    @invariant()
    def the_step_was_right(self):
        old, self.orders = self.orders, {order.pk: order for order in Order.objects.order_by("pk")}
        events = list(OrderEvent.objects.filter(pk__gt=self.last_event).order_by("pk"))
        if self.changes_nothing:
            assert not events and list(map(facts, old.values())) == list(map(facts, self.orders.values()))
        self.changes_nothing = False
        self.each_change_is_one_event(old, events)
        self.each_event_is_legal(old, events)
        self.stations_are_fair(old)
        self.each_working_order_has_one_live_chain()

    def each_change_is_one_event(self, old, events):
        counts = Counter(event.order_id for event in events)
        for pk, order in self.orders.items():
            seq = old[pk].seq if pk in old else 0
            assert order.seq - seq == counts[pk] <= 1
            if pk in old and not counts[pk]:
                silent = ("epoch", "recovered_at", "started_at", "due_at")  # the recovery sweep, and the speed
                assert all(facts(order)[name] == facts(old[pk])[name] for name in STATE_FIELDS if name not in silent)
                assert order.state == old[pk].state

    def each_event_is_legal(self, old, events):
        for event in events:
            pk, order = event.order_id, self.orders[event.order_id]
            assert (event.seq, event.stage, event.at) == (order.seq, order.stage, self.now)
            assert legal(event, old.get(pk), self.log.get((pk, event.seq - 1))), (event, old.get(pk))
            assert event.event not in NATURAL or not event.by_person
            self.log[pk, event.seq] = event
            self.last_event = event.pk
        assert sum(event.by_person for event in events) <= 1
        assert all((event.by_id == self.bob.pk) == event.by_person for event in events)

    def stations_are_fair(self, old):
        for station in Station.objects.all():
            here = [order for order in self.orders.values() if order.stage == station.stage]
            working = [order for order in here if order.state == "working"]
            waiting = [order for order in here if order.state == "waiting"]
            seated = [order for order in working if not self.worked_here(old, order)]
            if seated:
                assert station.is_open and len(working) <= station.capacity, "a place was exceeded"
            if waiting:
                assert not station.is_open or len(working) >= station.capacity, "someone waits before a free place"
            for order in seated:
                stood_before = [other for other in waiting if other.pk in old and self.waited_here(old, other)]
                assert all(turn(order) < turn(other) for other in stood_before), "not first come first served"
            for order in here:
                assert (order.started_at is None) == (order.due_at is None) == (order.state != "working")

    def worked_here(self, old, order):
        return order.pk in old and (old[order.pk].stage, old[order.pk].state) == (order.stage, "working")

    def waited_here(self, old, order):
        return (old[order.pk].stage, old[order.pk].state) == (order.stage, "waiting")

    def each_working_order_has_one_live_chain(self):
        for order in self.orders.values():
            if order.state == "working":
                link = (order.pk, order.epoch, order.stage)
                assert (order.pk, order.epoch) in self.handed_out
                assert self.links[link] or link in self.lost, "its chain was never made, or has ended too soon"

    # The end of a history

    def drain(self):
        """Open everything, deliver messages, run the recovery sweep: everyone must get their pizza."""
        for stage in stages.WORKED:
            flow.change_station(stage, is_open=True)
            self.the_step_was_right()
        for order in list(self.orders.values()):
            if order.held:
                flow.resume(order.pk)
                self.the_step_was_right()
        for _ in range(LONGEST_DRAIN):
            if all(order.stage in stages.ENDED for order in self.orders.values()):
                break
            if any(map(self.is_live, +self.links)):
                self.the_next_link_comes()
            else:
                self.now = max([self.now, *(order.due_at for order in self.orders.values() if order.due_at)])
                self.now += timedelta(seconds=5)
                self.sweep()
            self.the_step_was_right()
        assert all(order.stage in stages.ENDED for order in self.orders.values()), "someone waits for ever"


@pytest.mark.database
@pytest.mark.timeout(0 if WANTED else 300)
@pytest.mark.usefixtures("sent", "small_kitchen", "bob", "margherita", "diavola")
def test_the_rules_hold_in_every_history():
    for stage in ("baking", "out_for_delivery"):
        station = Station.objects.get(stage=stage)
        station.distribution, station.spread_seconds, station.per_pizza = "lognormal", station.mean_seconds / 2, True
        station.save()
    run_state_machine_as_test(Kitchen, settings=SIZE)
