"""Thousands of random histories: whatever people, links and accidents do to the kitchen, its rules hold.

Hypothesis writes the histories and shortens the ones that fail. The clock is virtual, and the messages are ours: a
set of links and loadings on their way, any of which can come late, twice or never. What must hold after each step
stands in kitchen.tests.laws. `HISTORIES=3000 pytest kitchen/tests/test_histories.py` plays that many new ones; without
it, a hundred that are the same at every run.
"""

import os
import sys
from collections import Counter
from contextlib import ExitStack, suppress
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

from home.models import Order, OrderEvent, Pizza
from kitchen import flow, locks, stages, tasks, transitions
from kitchen.flow import loading_awaited, work_begun
from kitchen.models import Shop, Station
from kitchen.tests import laws
from kitchen.tests.clock import NOON, works_begun
from kitchen.tests.laws import key, works
from kitchen.verbs import batch

WANTED = os.environ.get("HISTORIES")
SIZE = settings(
    max_examples=int(WANTED or 100),
    stateful_step_count=30,
    derandomize=not WANTED,  # a test that fails now and then, for a change that is not to blame, helps nobody
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
MOST_ORDERS = 6
MOST_PIZZAS = 8
LONGEST_DRAIN = 1000

ITEM_STAGES = ("received", "baking")  # as small_kitchen has it
some_stage = st.sampled_from(stages.WORKED)
any_stage = st.sampled_from([*stages.BY_CODE])
some_way = st.sampled_from([*stages.ROUTES])
which = st.integers(0, MOST_ORDERS - 1)
part = st.none() | st.integers(0, MOST_PIZZAS)  # of an order; None: all of it
some_lines = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 4)), min_size=1, max_size=3).filter(
    lambda lines: sum(quantity for _, quantity in lines) <= MOST_PIZZAS
)


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
        self.world.enter_context(patch.object(batch, "FURTHER", 1))  # so that lines are read in parts
        for name in ("enqueue", "enqueue_loading"):
            self.world.enter_context(patch.object(tasks, name, lambda *args: None))
        for signal, receiver in ((work_begun, self.hand_out), (loading_awaited, self.hand_out_loading)):
            signal.connect(receiver)
            self.world.callback(signal.disconnect, receiver)
        self.world.enter_context(transaction.atomic())
        self.bob = User.objects.get(username="bob")
        self.menu = list(Pizza.objects.all())
        self.links = Counter()  # on their way: {(pk, number or 0, epoch, stage): how often}
        self.loadings = Counter()  # likewise: {(stage, busy_until): how often}
        self.lost = set()
        self.left = set()  # links that have ended where only a tap ends the work
        self.handed_out = set()  # every (pk, number, epoch) that ever got a chain
        self.kitchen = laws.Kitchen()  # as it stood after the step before
        self.log = {}  # {(pk, seq): event}
        self.gone = {}  # {(pk, number): when it was taken out of its order}
        self.last_event = OrderEvent.objects.order_by("pk").values_list("pk", flat=True).last() or 0
        self.changes_nothing = False
        self.is_rehearsal = False  # what is done is undone at once
        self.back = timedelta(0)  # by which the clock was set back, all in all
        # [(since, capacity)]; a belt has a place for everybody
        self.capacities = {stage: [(NOON, row.capacity)] for stage, row in self.kitchen.stations.items()}

    def teardown(self):
        try:
            if sys.exc_info()[0] is None:  # otherwise the history has failed, and its own error is the one to read
                self.drain()
                events = list(self.log.values())
                for event in events:
                    event.at = event.counted_at
                assert laws.crowds(laws.intervals_of(events, self.gone), self.capacity) == []
                assert laws.backwards(events) == []
        finally:
            transaction.set_rollback(True)
            self.world.close()

    # The parts of the rules

    @property
    def orders(self):
        return self.kitchen.orders

    def hand_out(self, order, item=None, **kwargs):
        work = item or order
        if self.is_rehearsal:
            return
        assert (*key(work), work.epoch) not in self.handed_out, "two chains with one epoch"
        self.handed_out.add((*key(work), work.epoch))
        self.links[*key(work), work.epoch, work.stage] += 1

    def hand_out_loading(self, station, **kwargs):
        if self.is_rehearsal:
            return
        self.loadings[station.stage, station.busy_until] += 1

    def do(self, refused, verb, *args, **kwargs):
        """Call a verb, which does its work, or refuses and changes nothing, as the rule says it must."""
        self.changes_nothing = refused
        if refused:
            with pytest.raises(flow.Refused):
                verb(*args, **kwargs)
        else:
            verb(*args, **kwargs)

    def by_person(self, which, part, verb, *args, refused):
        """Let Bob do something with an order, or one item of it; return both as they were and as they are."""
        order = self.order(which)
        item = None if part is None or not order.parts else order.parts[part % len(order.parts)]
        self.do(
            refused(order, item),
            verb,
            order.pk,
            *args,
            by=self.bob,
            reason="So it goes",
            item=item and item.number,
        )
        new = laws.Kitchen().orders[order.pk]
        return (order, new) if item is None else (item, new.item(item.number))

    def capacity(self, stage, moment):
        """Return the largest capacity at that moment, or since the change before it."""
        before = [number for number, (since, _) in enumerate(self.capacities[stage]) if since < moment]
        at_last = self.capacities[stage][before[-1] if before else 0 :]
        return max(capacity for since, capacity in at_last if since <= moment)

    def note_capacity(self, stage):
        station = Station.objects.get(stage=stage)
        self.capacities[stage].append((self.now + self.back, float("inf") if station.is_belt else station.capacity))

    def order(self, which):
        return list(self.orders.values())[which % len(self.orders)]

    def link(self, which):
        links = sorted(+self.links)
        return links[which % len(links)]

    def work(self, link):
        """Return what a link is about, if it is at work and has this epoch there; None: the link is out of date."""
        *work_key, epoch, stage = link
        work = self.kitchen.works.get(tuple(work_key))
        if work is not None and (work.epoch, work.stage, work.state) == (epoch, stage, "working"):
            return work
        return None

    def live_links(self):
        return sorted(filter(self.work, +self.links))

    def due(self, link):
        return self.work(link).due_at

    def deliver(self, link):
        """Run a link as kitchen.tasks does: it is used up, and its chain goes on if its work does."""
        pk, number, epoch, stage = link
        work = self.work(link)
        verb, about = (flow.finish_item, (pk, number)) if number else (flow.finish, (pk,))
        if work and (work.due_at - self.now).total_seconds() > flow.EARLY_SECONDS:
            with pytest.raises(flow.TooEarly):
                verb(*about, epoch, stage)
            self.changes_nothing = True
            return
        goes_on = verb(*about, epoch, stage)
        self.links[link] -= 1
        self.changes_nothing = work is None or self.kitchen.is_left_to_people(work)
        if work is not None and self.is_up_to_people(stage):
            assert not goes_on
            self.left.add(link)
        if goes_on:
            self.links[pk, number, epoch, stages.after(stage, self.orders[pk].way)] += 1

    def is_up_to_people(self, stage):
        station = self.kitchen.stations[stage]
        return station.is_by_hand and station.goes_on_after_times is None

    def deliver_loading(self, loading):
        stage, busy_until = loading
        station = self.kitchen.stations[stage]
        is_meant = station.is_belt and station.busy_until == busy_until
        if is_meant and (busy_until - self.now).total_seconds() > flow.EARLY_SECONDS:
            with pytest.raises(flow.TooEarly):
                flow.load(stage, busy_until)
            self.changes_nothing = True
            return
        flow.load(stage, busy_until)
        self.loadings[loading] -= 1
        self.changes_nothing = not is_meant
        if is_meant:
            self.now = max(self.now, busy_until)  # as the kitchen says it was

    @initialize(
        orders=st.lists(st.tuples(some_lines, some_way), max_size=4),
        belt=st.none() | st.sampled_from([0.0, 3.0, 20.0]),
        places=st.tuples(*[st.integers(1, 3)] * 3),
        hands_over=st.booleans(),
        by_hand=st.sets(some_stage),
        ends_with_taps=st.booleans(),
    )
    def some_are_there_already(self, orders, belt, places, hands_over, by_hand, ends_with_taps):
        """Begin with lines, where most can go wrong."""
        Shop.objects.update(hands_over=hands_over)
        Station.objects.filter(stage__in=by_hand).update(ends_by="hand")
        self.ends_with_taps = ends_with_taps
        for stage, capacity in zip(("received", "baking", "ready"), places, strict=True):
            Station.objects.filter(stage=stage).update(capacity=capacity)
        if belt is not None:
            flow.change_station("baking", kind="belt", headway_seconds=belt)
        for stage in stages.WORKED:
            self.note_capacity(stage)
        self.kitchen = laws.Kitchen()
        for lines, way in orders:
            flow.place(self.pairs(lines), way=way)
            self.the_step_was_right()

    def pairs(self, lines):
        return [(self.menu[pizza], quantity) for pizza, quantity in lines]

    # Time, links and accidents

    @rule(seconds=st.sampled_from([0.5, 2.5, 5, 12, 40]))
    def time_passes(self, seconds):
        self.now += timedelta(seconds=seconds)
        self.changes_nothing = True

    @precondition(lambda self: +self.links)
    @rule(which=st.integers(0, 20))
    def a_link_comes_whenever(self, which):
        self.deliver(self.link(which))

    @precondition(lambda self: self.live_links())
    @rule(which=which)
    def a_link_comes_when_the_work_is_done(self, which):
        links = self.live_links()
        link = links[which % len(links)]
        self.now = max(self.now, self.due(link))
        self.deliver(link)

    @precondition(lambda self: self.live_links())
    @rule(most=st.integers(1, 8))
    def the_next_links_come(self, most):
        for _ in range(most):
            if self.live_links():
                self.the_next_comes()
                self.the_step_was_right()

    def the_next_comes(self):
        """Deliver the link or loading that is due first."""
        link = min(self.live_links(), key=lambda link: (self.due(link), link), default=None)
        loading = min(+self.loadings, key=lambda loading: loading[::-1], default=None)
        if loading is not None and (link is None or loading[1] <= self.due(link)):
            self.now = max(self.now, loading[1])
            self.deliver_loading(loading)
        elif link is not None:
            self.now = max(self.now, self.due(link))
            self.deliver(link)

    @precondition(lambda self: +self.links)
    @rule(which=st.sets(st.integers(0, 20), min_size=1), loadings=st.booleans(), late=st.sampled_from([None, 0, 3]))
    def several_come_at_once(self, which, loadings, late):
        """A worker gathers them: the same comes of it as if they had come one after the other."""
        links = sorted({self.link(one) for one in which})
        due = [self.due(link) for link in links if self.work(link)]
        if late is not None and due:
            self.now = max(self.now, max(due) + timedelta(seconds=late))
        waking = [loading for loading in sorted(+self.loadings) if loadings and loading[1] <= self.now]
        many = [flow.Link(pk, number or None, epoch, stage) for pk, number, epoch, stage in links]
        many += [flow.Loading(*loading) for loading in waking]
        self.does_the_same(lambda: self.one_after_the_other(many), lambda: flow.finish_many(many))
        for link in links:
            work = self.work(link)
            if work is None or not self.is_early(work.due_at):
                self.links[link] -= 1
                self.left |= {link} if work is not None and self.is_up_to_people(work.stage) else set()
        for loading in waking:
            self.loadings[loading] -= 1

    @rule(seconds=st.sampled_from([0, 5, 40]), most=st.integers(1, 8))
    def a_worker_does_all_that_is_due(self, seconds, most):
        self.now += timedelta(seconds=seconds)
        forgiven = self.now + timedelta(seconds=flow.EARLY_SECONDS)
        free = [station.busy_until for station in self.kitchen.stations.values() if station.busy_until]
        self.now = max([self.now, *(moment for moment in free if moment <= forgiven)])  # the log keeps the headway
        self.does_the_same(self.one_due_after_the_other, lambda: self.round_after_round(most))
        self.left |= {(*key(work), work.epoch, work.stage) for work in laws.Kitchen().works.values() if work.overdue}

    def round_after_round(self, most):
        while flow.finish_due(most).links == most:
            pass

    def is_early(self, due_at):
        return (due_at - self.now).total_seconds() > flow.EARLY_SECONDS

    def does_the_same(self, one_by_one, together):
        """Do something one by one, forget that, and do it together; what has begun then has messages on their way."""
        self.is_rehearsal = True
        with transaction.atomic():
            one_by_one()
            expected = laws.everything()
            transaction.set_rollback(True)
        self.is_rehearsal = False
        together()
        assert laws.everything() == expected
        now = laws.Kitchen()
        for work_key, work in now.works.items():
            link = (*work_key, work.epoch, work.stage)
            if work.state == "working" and not self.links[link] and link not in self.left | self.lost:
                self.handed_out.add(link[:3])
                self.links[link] += 1
        for stage, station in now.stations.items():
            if station.is_belt and station.busy_until is not None and now.at(stage, "waiting"):
                self.loadings[stage, station.busy_until] = 1

    def one_after_the_other(self, many):
        def due(link):
            if isinstance(link, flow.Loading):
                return link.busy_until, 0, 0
            work = self.kitchen.works.get((link.pk, link.number or 0))
            return (work and work.due_at) or locks.NEVER, link.pk, link.number or 0

        for link in sorted(many, key=due):
            self.run_alone(link)

    def one_due_after_the_other(self):
        for _ in range(1000):
            now = laws.Kitchen()
            until = self.now + timedelta(seconds=flow.EARLY_SECONDS)
            due = [
                (work.due_at, *work_key, flow.Link(work_key[0], work_key[1] or None, work.epoch, work.stage))
                for work_key, work in now.works.items()
                if work.due_at and work.due_at <= until and not now.is_left_to_people(work)
            ]
            for stage, station in now.stations.items():
                is_waited_for = station.is_belt and station.is_open and now.at(stage, "waiting")
                if is_waited_for and station.busy_until is not None and station.busy_until <= until:
                    due.append((station.busy_until, 0, 0, flow.Loading(stage, station.busy_until)))
            if not due:
                return
            self.run_alone(min(due)[-1])
        raise AssertionError("It never ends.")

    def run_alone(self, link):
        with suppress(flow.TooEarly):
            if isinstance(link, flow.Loading):
                flow.load(*link)
            elif link.number:
                flow.finish_item(*link)
            else:
                flow.finish(link.pk, link.epoch, link.stage)

    @precondition(lambda self: +self.loadings)
    @rule(which=st.integers(0, 5), early=st.booleans(), late=st.sampled_from([-0.01, 0, 0, 4]))
    def a_loading_comes(self, which, early, late):
        loadings = sorted(+self.loadings)
        loading = loadings[which % len(loadings)]
        if not early:
            self.now = max(self.now, loading[1] + timedelta(seconds=late))
        self.deliver_loading(loading)

    @precondition(lambda self: +self.links)
    @rule(which=st.integers(0, 20))
    def a_message_is_doubled(self, which):
        self.links[self.link(which)] += 1
        self.loadings.update(list(+self.loadings)[:1])
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
        self.lost |= set(+self.links) | set(+self.loadings)
        self.links.clear()
        self.loadings.clear()
        self.changes_nothing = True

    @rule(seconds=st.sampled_from([0, 2.5, 5]))
    def the_recovery_sweep_runs(self, seconds):
        self.now += timedelta(seconds=seconds)
        self.sweep()

    @precondition(lambda self: self.orders)
    @rule(seconds=st.sampled_from([3, 10, 3600, 86400]), verb=st.sampled_from([flow.recover, flow.seat_all]))
    def the_clock_is_set_back(self, seconds, verb):
        """Whatever is done next, of each work is left what was left at the newest sign of the clock."""
        sign, now = self.newest_sign(), self.now - timedelta(seconds=seconds)
        by = sign - now
        is_held = locks.not_before(self.newest_in_log(), now) != now
        if is_held or timedelta(0) < by <= timedelta(seconds=locks.HELD_SECONDS):
            self.changes_nothing = True  # the log stands still: kitchen.tests.test_clock
            return
        self.now, self.back = now, self.back + timedelta(seconds=seconds)
        if by <= timedelta(0):
            self.changes_nothing = True  # nothing that is known lies ahead
            return
        for station in self.kitchen.stations.values():
            station.busy_until = station.busy_until and station.busy_until - by
        begun = {key(work) for work in works_begun(verb)}
        for work_key, work in laws.Kitchen().works.items():
            before = self.kitchen.works[work_key]
            assert work.joined_at == before.joined_at - by
            if before.state == "working":
                assert (work.started_at, work.due_at) == (before.started_at - by, before.due_at - by)
                assert work_key in begun

    def newest_sign(self):
        return max(filter(None, [self.newest_in_log(), self.kitchen.shop.seen_at]))

    def newest_in_log(self):
        """Return when the newest event was, behind which the log does not go back; None if there was none lately."""
        event = max(self.log.values(), key=lambda event: event.pk)
        return event.at if event.pk > self.kitchen.shop.clock_event else None

    def sweep(self):
        overdue, again = (
            self.now - timedelta(seconds=seconds) for seconds in (flow.OVERDUE_SECONDS, flow.RECOVER_AGAIN_SECONDS)
        )

        def is_again(work):
            held = timedelta(seconds=locks.HELD_SECONDS)
            return work.recovered_at is None or not again <= work.recovered_at <= self.now + held

        def forgotten(work):
            is_late = work.state == "working" and work.due_at < overdue
            return is_late and not self.kitchen.is_left_to_people(work) and is_again(work)

        expected = {work_key for work_key, work in self.kitchen.works.items() if forgotten(work)}
        assert {key(work) for work in works_begun(flow.recover)} == expected
        loadable = {stage for stage in stages.WORKED if self.is_loadable(stage)}
        assert {work.stage for work in works_begun(flow.seat_all)} <= loadable, "somebody was left waiting"

    def is_loadable(self, stage):
        station = self.kitchen.stations[stage]
        is_free = station.busy_until is None or station.busy_until <= self.now
        return station.is_belt and station.is_open and is_free

    # Customers and staff

    @precondition(lambda self: len(self.orders) < MOST_ORDERS)
    @rule(lines=some_lines, way=some_way)
    def place(self, lines, way):
        self.do(not self.kitchen.shop.is_open, flow.place, self.pairs(lines), way=way)

    @precondition(lambda self: len(self.orders) < MOST_ORDERS)
    @rule(stage=any_stage, way=some_way, pizzas=st.integers(1, 3))
    def an_order_is_saved_past_flow(self, stage, way, pizzas):
        order = Order(stage=stage, way=way, pizzas=pizzas, created_at=self.now, joined_at=self.now)
        if stage not in (*order.route.stages, "cancelled"):
            self.changes_nothing = True
            with pytest.raises(flow.Refused), transaction.atomic():
                order.save()
            return
        with TestCase.captureOnCommitCallbacks(execute=True):
            order.save()
        assert (order.stage, order.seq) == (stage, pizzas if stage in ITEM_STAGES else 1)

    @precondition(lambda self: self.orders)
    @rule(which=which, stage=any_stage)
    def a_stage_is_saved_past_flow(self, which, stage):
        old = self.order(which)
        order = Order.objects.get(pk=old.pk)
        self.changes_nothing = stage == order.stage or self.refuses_override(old, None, stage)
        order.stage = stage
        try:
            with transaction.atomic(), TestCase.captureOnCommitCallbacks(execute=True):
                order.save()
        except flow.Refused:
            assert self.changes_nothing

    @precondition(lambda self: self.orders)
    @rule(which=which, stage=any_stage, part=part)
    def override(self, which, stage, part):
        self.by_person(
            which,
            part,
            flow.override,
            stage,
            refused=lambda order, item: self.refuses_override(order, item, stage),
        )

    def refuses_override(self, order, item, stage):
        if stage == "cancelled":
            return self.refuses_cancel(order, item)
        if stage not in order.route.stages:
            return True
        if item is None:
            return order.stage == stage and all(work.stage == stage for work in works(order))
        is_there = item.stage == stage and (item.is_cooking or item.is_done)
        return is_there or stage not in (*ITEM_STAGES, "baked") or order.stage in stages.ENDED or item.is_struck

    def refuses_cancel(self, order, item):
        if order.stage in stages.ENDED:
            return True
        others = [other for other in order.parts if other is not item and not other.is_struck]
        return item is not None and (item.is_struck or (item.is_done and bool(others)))

    @precondition(lambda self: self.orders)
    @rule(which=which, part=part)
    def advance(self, which, part):
        old, new = self.by_person(which, part, flow.advance, refused=self.is_over)
        if self.changes_nothing:
            return
        if not isinstance(old, Order) or not old.cooking:
            assert new.stage == stages.after(old.stage, laws.way_of(old))
        about = old.front if isinstance(old, Order) else [old]
        under_way = {key(work) for work in about if work.started_at is not None}
        taps = [event for event in laws.events_since(self.last_event) if event.by_person]
        assert {event.event for event in taps} == {"done" if under_way else "overridden"}
        assert {(event.order_id, event.item or 0) for event in taps} == (under_way or set(map(key, about)))

    @precondition(lambda self: self.kitchen.at("out_for_delivery", "waiting"))
    @rule(which=which)
    def take(self, which):
        waiting = self.kitchen.at("out_for_delivery", "waiting")
        self.take_along(waiting[which % len(waiting)])

    @precondition(lambda self: self.orders)
    @rule(which=which, part=part)
    def take_anything(self, which, part):
        self.by_person(which, part, flow.take, refused=self.refuses_take)

    def take_along(self, order):
        self.do(self.refuses_take(order, None), flow.take, order.pk, by=self.bob)

    def refuses_take(self, order, item):
        station = self.kitchen.stations["out_for_delivery"]
        is_there = item is None and order.stage == station.stage and order.state == "waiting"
        is_full = len(self.kitchen.at(station.stage, "working")) >= station.capacity
        return not is_there or not station.is_open or is_full

    def is_over(self, order, item):
        return order.stage in stages.ENDED or (item is not None and item.is_done)

    @precondition(lambda self: self.orders)
    @rule(which=which, part=part)
    def recall(self, which, part):
        def refused(order, item):
            if item is not None and item.is_done and not order.cooking and item.stage != order.stage:
                return True
            return (item or order).stage in ("received", "cancelled")

        self.by_person(which, part, flow.recall, refused=refused)

    @precondition(lambda self: self.orders)
    @rule(which=which, part=part)
    def cancel(self, which, part):
        self.by_person(which, part, flow.cancel, refused=self.refuses_cancel)

    @precondition(lambda self: self.orders)
    @rule(which=which, part=part)
    def remake(self, which, part):
        def begun(item):
            is_begun = item.started_at or item.remaining_seconds is not None or item.stage != "received"
            return is_begun and not item.is_struck

        def refused(order, item):
            return order.stage in stages.ENDED or not any(map(begun, [item] if item else order.parts))

        self.by_person(which, part, flow.remake, refused=refused)

    @precondition(lambda self: self.orders)
    @rule(which=which, part=part)
    def rush(self, which, part):
        old, new = self.by_person(
            which,
            part,
            flow.rush,
            refused=lambda order, item: self.is_over(order, item) or (item or order).rushed,
        )
        assert new.rushed or (new.stage in stages.ENDED or new != old or getattr(new, "is_done", True))

    @precondition(lambda self: self.orders)
    @rule(which=which, lines=some_lines)
    def change(self, which, lines):
        old = self.order(which)
        refused = old.stage != stages.FIRST
        self.do(refused, flow.change, old.pk, self.pairs(lines), by=self.bob, reason="So it goes")
        if refused:
            return
        new = Order.objects.with_items().get(pk=old.pk)
        wanted = Counter()
        for pizza, quantity in lines:
            wanted[self.menu[pizza].name] += quantity
        assert Counter(item.name for item in new.parts) == wanted
        assert (new.pizzas, new.state) == (wanted.total(), new.state)
        numbers = {item.number for item in new.parts}
        self.gone |= {(old.pk, item.number): self.now + self.back for item in old.parts if item.number not in numbers}

    @precondition(lambda self: self.orders)
    @rule(which=which, part=part)
    def hold(self, which, part):
        def refused(order, item):
            return self.is_over(order, item) or all(work.held for work in ([item] if item else works(order)))

        old, new = self.by_person(which, part, flow.hold, refused=refused)
        if old.due_at is not None:
            left = self.seconds_left(old)
            assert new.remaining_seconds == pytest.approx(left, abs=1e-3)

    def seconds_left(self, work):
        """Return the kitchen seconds until work is due; where a tap ends it, that can be over for long."""
        station = self.kitchen.stations[work.stage]
        if station.is_by_hand:
            usual = transitions.work_seconds(work, station) - (self.now - work.started_at).total_seconds()
            return usual * station.speed
        return max(0, (work.due_at - self.now).total_seconds()) * station.speed

    @precondition(lambda self: self.orders)
    @rule(which=which, part=part)
    def resume(self, which, part):
        def refused(order, item):
            return not any(work.held for work in ([item] if item else works(order)))

        old, new = self.by_person(which, part, flow.resume, refused=refused)
        is_kept = old.held and old.remaining_seconds is not None and not self.kitchen.stations[old.stage].is_belt
        if is_kept and new.due_at is not None:
            left = (new.due_at - self.now).total_seconds() * self.kitchen.shop.speed
            assert left == pytest.approx(old.remaining_seconds, abs=1e-3)

    @precondition(lambda self: self.orders)
    @rule(which=which, back=st.sampled_from([0, 0, 0, 1, 2]))
    def undo(self, which, back):
        undoable = [order for order in self.orders.values() if self.last_act(order.pk, order.seq)]
        order = undoable[which % len(undoable)] if undoable else self.order(which)
        seq = order.seq - back
        event = self.last_act(order.pk, seq)
        refused = event is None or self.refuses_undo(event)
        self.do(refused, flow.undo, order.pk, seq, self.bob)
        if not refused:
            self.has_restored(event, Order.objects.with_items().get(pk=order.pk))

    def last_act(self, pk, seq):
        """Return the last event up to this seq that Bob could undo."""
        acts = (self.log.get((pk, number)) for number in range(seq, 0, -1))
        return next((event for event in acts if event and event.before and event.by_id == self.bob.pk), None)

    def refuses_undo(self, event):
        if not timedelta(0) <= self.now - event.at <= timedelta(seconds=flow.UNDO_SECONDS):
            return True
        numbers = [None, *map(int, event.before["items"])]
        later = [self.log[event.order_id, seq] for seq in range(event.seq + 1, self.orders[event.order_id].seq + 1)]
        later = [each for each in later if each.event != "overran"]
        of_it = [each for each in later if event.before["order"] or each.item in numbers]
        if event.event == "rushed":
            natural = (*laws.NATURAL, *laws.COMPLETIONS, "overran", "retimed")
            return self.orders[event.order_id].stage in stages.ENDED or any(one.event not in natural for one in of_it)
        return any(each.at > event.at or each.event not in laws.NATURAL for each in of_it)

    def has_restored(self, event, order):
        before, was_rush = event.before, event.event == "rushed"
        assert order.rushed == before["rushed"]
        rows = [(order.item(int(number)), row) for number, row in before["items"].items()]
        rows += [(order, before["order"])] if before["order"] else []
        for work, row in rows:
            assert work.rushed == row["rushed"]
            if not was_rush:
                assert (work.stage, work.held, work.joined_at.isoformat()) == (
                    row["stage"],
                    row["held"],
                    row["joined_at"],
                )
                assert isinstance(work, Order) or work.is_done == row["is_done"]
        assert event.event != "started" or order.state == "waiting", "what is put back is still on its way"

    # The stations and the shop

    @rule(stage=some_stage, places=st.integers(1, 3))
    def change_places(self, stage, places):
        flow.change_station(stage, capacity=places)
        self.note_capacity(stage)

    @rule(stage=some_stage, is_open=st.booleans())
    def close_or_open_a_station(self, stage, is_open):
        flow.change_station(stage, is_open=is_open)

    @rule(stage=some_stage, seconds=st.sampled_from([2.0, 20.0, 60.0]))
    def change_the_mean(self, stage, seconds):
        flow.change_station(stage, mean_seconds=seconds)

    @rule(
        stage=st.sampled_from(ITEM_STAGES),
        kind=st.sampled_from(["belt", "belt", "slots"]),
        headway=st.sampled_from([0.0, 3.0, 20.0]),
    )
    def change_the_kind(self, stage, kind, headway):
        flow.change_station(stage, kind=kind, headway_seconds=headway)
        self.note_capacity(stage)

    @rule(stage=some_stage, places=st.integers(1, 3))
    def a_station_is_saved_past_flow_and_the_recovery_sweep_runs(self, stage, places):
        Station.objects.filter(stage=stage).update(capacity=places)
        self.note_capacity(stage)
        flow.seat_all()

    @rule(is_open=st.booleans())
    def close_or_open_the_shop(self, is_open):
        Shop.objects.update(is_open=is_open)
        self.changes_nothing = True

    @rule(hands_over=st.booleans())
    def hand_over_by_itself_or_by_a_tap(self, hands_over):
        Shop.objects.update(hands_over=hands_over)
        self.changes_nothing = True

    @rule(
        stage=some_stage,
        ends_by=st.sampled_from(["hand", "hand", "clock"]),
        times=st.sampled_from([None, None, 1.0, 3.0]),
    )
    def change_who_ends_the_work(self, stage, ends_by, times):
        flow.change_station(stage, ends_by=ends_by, goes_on_after_times=times)

    @rule(speed=st.sampled_from([0.5, 1.0, 2.0, 60.0]))
    def change_the_speed(self, speed):
        old = self.kitchen.shop.speed
        flow.set_speed(speed)
        for work_key, work in laws.Kitchen().works.items():
            before = self.kitchen.works[work_key]
            if before.due_at:
                left = (before.due_at - self.now) * (old / speed)
                assert abs(work.due_at - self.now - left) < timedelta(milliseconds=1)

    # What must hold after every step

    @invariant()
    def the_step_was_right(self):
        old, self.kitchen = self.kitchen, laws.Kitchen()
        events = laws.events_since(self.last_event)
        if self.changes_nothing:
            assert not events and list(map(laws.facts, old.orders.values())) == list(
                map(laws.facts, self.orders.values())
            )
        self.changes_nothing = False
        for event in events:
            assert event.at == self.now
            assert (event.by_id == self.bob.pk) == event.by_person
            self.note(event)
        laws.check_step(old, self.kitchen, events)
        self.each_work_has_one_live_chain()
        self.each_belt_will_be_loaded()

    def note(self, event):
        self.last_event = event.pk
        event.counted_at = event.at + self.back
        if event.event == "undone":
            undone = self.last_act(event.order_id, event.seq - 1)
            event.is_unrush = undone is not None and undone.event == "rushed"
        self.log[event.order_id, event.seq] = event

    def each_work_has_one_live_chain(self):
        for work_key, work in self.kitchen.works.items():
            if work.state == "working":
                link = (*work_key, work.epoch, work.stage)
                assert link[:3] in self.handed_out
                is_late = link in self.left and work.overdue
                assert self.links[link] or link in self.lost or is_late, "its chain was never made, or ended too soon"

    def each_belt_will_be_loaded(self):
        for stage, station in self.kitchen.stations.items():
            if station.is_belt and station.is_open and self.kitchen.at(stage, "waiting"):
                loading = (stage, station.busy_until)
                assert self.loadings[loading] or loading in self.lost, "nobody wakes the belt"

    # The end of a history

    def drain(self):
        """Open everything, deliver messages, tap, run the recovery sweep: everyone must get their pizza."""
        if not self.ends_with_taps:
            self.leave_all_to_the_clock()
        for stage, station in self.kitchen.stations.items():
            if not station.is_open:
                flow.change_station(stage, is_open=True)
                self.the_step_was_right()
        for order in list(self.orders.values()):
            if any(work.held for work in works(order)):
                flow.resume(order.pk)
                self.the_step_was_right()
        for _ in range(LONGEST_DRAIN):
            if not self.kitchen.works:
                break
            if not (self.ends_with_taps and self.a_hand_helps()):
                self.a_message_comes_or_the_sweep()
            self.the_step_was_right()
        assert all(order.stage in stages.ENDED for order in self.orders.values()), "someone waits for ever"

    def a_message_comes_or_the_sweep(self):
        if self.live_links() or +self.loadings:
            self.the_next_comes()
            return
        self.now = max([self.now, *(work.due_at for work in self.kitchen.works.values() if work.due_at)])
        self.now += timedelta(seconds=5)
        self.sweep()

    def leave_all_to_the_clock(self):
        Shop.objects.update(hands_over=True)
        self.kitchen = laws.Kitchen()
        for stage in self.kitchen.stations:
            flow.change_station(stage, ends_by="clock")
            self.the_step_was_right()

    def a_hand_helps(self):
        """Take an order along, or end what takes too long; return whether there was any."""
        station = self.kitchen.stations["out_for_delivery"]
        waiting = self.kitchen.at(station.stage, "waiting")
        late = list(filter(self.kitchen.is_left_to_people, self.kitchen.works.values()))
        if waiting and station.is_taken and not self.refuses_take(waiting[-1], None):
            self.take_along(waiting[-1])
            return True
        if late:
            pk, number = key(late[0])
            flow.advance(pk, by=self.bob, item=number or None)
        return bool(late)


@pytest.mark.database
@pytest.mark.timeout(0 if WANTED else 600)
@pytest.mark.usefixtures("sent", "small_kitchen", "bob", "margherita", "diavola")
def test_the_rules_hold_in_every_history():
    for stage in ("baking", "out_for_delivery"):
        station = Station.objects.get(stage=stage)
        station.distribution, station.spread_seconds, station.per_pizza = "lognormal", station.mean_seconds / 2, True
        station.save()
    run_state_machine_as_test(Kitchen, settings=SIZE)
