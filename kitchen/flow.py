"""The rules of the kitchen, and the only writer of an order's live state.

Every verb is one transaction: take the kitchen's lock, read, check, write, one event for each change. Everything it
reads, including the time, it reads behind the lock (kitchen.locks). The time comes from a clock: the database's, or a
test's own.

Those for people are in kitchen.verbs, and can be called from here like all others.

No Celery here: `work_begun` is sent, inside the transaction, for each work that has just begun, and kitchen.tasks
makes its chain after the commit.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.dispatch import Signal

from home.models import FORECAST_FIELDS, ORDER_ROWS, Order, OrderItem, Pizza
from kitchen import as_measured, counted, stages
from kitchen.locks import HELD_SECONDS, Clock, Kitchen, Work, lock_kitchen
from kitchen.models import Promise, Shop, Station
from kitchen.transitions import (
    Cause,
    Event,
    enter,
    is_loadable,
    join,
    note,
    seat,
)
from kitchen.transitions import Refused as Refused
from kitchen.verbs import lost, set_back
from kitchen.verbs.changing import add_items, make_items, write_lines
from kitchen.verbs.changing import facts as facts
from kitchen.verbs.due import soonest as soonest
from kitchen.verbs.hands import *  # noqa: F403  the taps
from kitchen.verbs.hands import waits_for_ever
from kitchen.verbs.links import EARLY_SECONDS as EARLY_SECONDS
from kitchen.verbs.links import go_on, is_over, load_belt
from kitchen.verbs.many import Link as Link
from kitchen.verbs.many import Loading as Loading
from kitchen.verbs.many import Round as Round
from kitchen.verbs.many import due as due
from kitchen.verbs.many import finish_due as finish_due
from kitchen.verbs.many import finish_many as finish_many
from kitchen.verbs.staff import *  # noqa: F403  the verbs for people
from kitchen.verbs.staff import in_hand
from kitchen.verbs.transaction import TooEarly as TooEarly
from kitchen.verbs.transaction import loading_awaited as loading_awaited
from kitchen.verbs.transaction import locked, repeatable
from kitchen.verbs.transaction import work_begun as work_begun
from telemetry import trace

OVERDUE_SECONDS = 2.0  # the recovery sweep gives a link this long to arrive
RECOVER_AGAIN_SECONDS = 4.0  # and its new chain this long, before it makes another
RECOVERY_BATCH = 500

# Sent inside the transaction.
order_placed = Signal()  # order, promise: what the customer was told, or None


# Into the kitchen


@repeatable
def place(
    items: Sequence[tuple[Pizza, int]],
    *,
    way: str = stages.DELIVERY,
    user: Any = None,
    guest: str = "",
    idempotency_key: str | None = None,
    simulated: bool = False,
    promise: Promise | None = None,
    clock: Clock | None = None,
) -> Order:
    """Place a new order of (pizza, quantity) pairs in the make line. Refused while the shop is closed.

    A promise (kitchen.promises.forecast) counts from this moment and is kept with the order for good.
    """
    with locked(clock) as kitchen:
        kitchen.read()
        if not kitchen.shop_is_open:
            raise Refused("We are closed right now and take no orders.")
        if way not in stages.ROUTES:
            raise Refused(f"There is no way out called “{way}”.")
        order = Order(
            user=user,
            guest=guest,
            way=way,
            idempotency_key=idempotency_key,
            simulated=simulated,
            request_id=trace.present().request,
            created_at=kitchen.now,
            joined_at=kitchen.now,
            **facts(items),
        )
        if promise is not None:
            promise.at = kitchen.now
            order.promised_low, order.promised_median, order.promised_high = promise.times
            order.eta_low, order.eta_median, order.eta_high = promise.times
        order.save()
        order.parts = make_items(order, write_lines(order, items))
        order_placed.send(Order, order=order, promise=promise)
        counted.after_commit(counted.placed, order)
        begin_order(kitchen, order, stages.FIRST)
    return order


def begin_order(kitchen: Kitchen, order: Order, stage: str) -> None:
    """Let a new order in, with its items, at a stage."""
    if kitchen.is_of_items(stage):
        for item in order.parts:
            enter(kitchen, item, stage)
    else:
        for item in order.parts:
            item.stage, item.is_done = kitchen.first_of_orders(order), True
        join(kitchen, order, stage)
    add_items([item for item in order.parts if item.pk is None])


def admit(pk: int, *, clock: Clock | None = None) -> None:
    """Let an order that was saved without `place` (in a shell, say) join the kitchen at the stage that it has."""
    with locked(clock) as kitchen:
        order = kitchen.read_order(pk)
        if order.seq == 0:
            order.parts = order.parts or make_items(order, list(order.lines.select_related("pizza")))
            station = kitchen.stations.get(order.stage)
            if station is not None:  # its own row was counted as one that waits
                station.has_line = any(work != order for work in kitchen.next_in_line(station, 2))
            begin_order(kitchen, order, order.stage)


# Through it by itself


@repeatable
def finish(pk: int, epoch: int, stage: str, *, clock: Clock | None = None) -> Order | None:
    """Finish the work of a stage on an order: move it on, and give its place to the next in line.

    The link of a chain calls this. Return the order if its next work has begun, for which the chain goes on by itself.
    Do nothing if the epoch or the stage is out of date: a person, or another link, was first. TooEarly if the work
    takes longer than the link thought.
    """
    with locked(clock) as kitchen:
        order = kitchen.read_order(pk, stage, *behind(stage))
        if is_over(kitchen, order, epoch, stage):
            return None
        return go_on(kitchen, order, stages.after(stage, order.way))


@repeatable
def finish_item(pk: int, number: int, epoch: int, stage: str, *, clock: Clock | None = None) -> OrderItem | None:
    """Do the same for one item of an order."""
    with locked(clock) as kitchen:
        order = kitchen.read_order(pk, stage, *behind(stage))
        item = next((item for item in order.parts if item.number == number), None)
        if item is None or is_over(kitchen, item, epoch, stage):
            return None
        return go_on(kitchen, item, stages.after(stage, order.way))


def behind(stage: str) -> list[str]:
    """Return the stages that can follow, whichever way an order goes."""
    return [stages.after(stage, way) for way, route in stages.ROUTES.items() if stage in route.stages]


@repeatable
def load(stage: str, busy_until: datetime, *, clock: Clock | None = None) -> None:
    """Load a belt with the next in line, now that it can take something again.

    Do nothing if it has been loaded since: whoever did that has asked for the next loading. TooEarly before then.
    """
    with locked(clock) as kitchen:
        kitchen.read(stage)
        load_belt(kitchen, stage, busy_until)


@repeatable
def recover(lag_seconds: float = 0, *, clock: Clock | None = None) -> int:
    """Give a new epoch and chain to works that are overdue (a lost link), a batch at most; return how many.

    A work that was recovered a moment ago is left alone: a worker that is only slow must not get more work for it.
    Nor is a link lost that can still come, for `lag_seconds`, as it is in the queue, or a worker will look for what is
    due: a new epoch would only make it run for nothing.
    """
    lag = timedelta(seconds=lag_seconds)
    with locked(clock) as kitchen:
        kitchen.read()
        set_back.leave_sign(kitchen)
        set_back.pull_back_strays(kitchen)
        overdue = kitchen.now - timedelta(seconds=OVERDUE_SECONDS) - lag
        again = kitchen.now - timedelta(seconds=RECOVER_AGAIN_SECONDS) - lag
        is_lost = (
            Q(recovered_at__isnull=True)
            | Q(recovered_at__lt=again)
            | Q(recovered_at__gt=kitchen.now + timedelta(seconds=HELD_SECONDS))
        )
        is_lost &= ~waits_for_ever(kitchen) & Q(due_at__lt=overdue)
        orders = Order.objects.working().filter(is_lost)
        items = OrderItem.objects.working().filter(is_lost).select_related("order")
        found = renew_chains(kitchen, orders, RECOVERY_BATCH)
        found += renew_chains(kitchen, items, RECOVERY_BATCH - len(found))
        lost.tell_of_links(found, kitchen.now, lag_seconds)
    return len(found)


def renew_chains(kitchen: Kitchen, works: "QuerySet[Any]", most: int) -> list[Work]:
    found: list[Work] = list(works.order_by("due_at")[:most])
    # This is not an event: nothing that anyone sees has changed, so there is neither a new seq nor a signal.
    rows = works.model.objects.filter(pk__in=[work.pk for work in found])
    if found:
        rows.update(epoch=F("epoch") + 1, recovered_at=kitchen.now)
    for work in found:
        work.epoch += 1
        kitchen.begin_chain(work)
    return found


@repeatable
def seat_all(*, clock: Clock | None = None) -> None:
    """Fill every free place, after a station got more of them or someone bypassed `flow`."""
    with locked(clock) as kitchen:
        kitchen.read()
        for station in kitchen.stations.values():
            seat(kitchen, station)
        lost.tell_of_places(kitchen.begun)


# The stations and the clock


def change_station(stage: str, *, by: Any = None, clock: Clock | None = None, **changes: Any) -> None:
    """Change columns of a stage's station. More places: the line moves at once. Fewer: nobody is thrown out.

    Work that is under way takes as long as was drawn for it. Where people set the times, promises use these, and no
    longer what was measured. ValidationError if a value is not valid; Refused if the kitchen would not know what to do
    with the orders that are open.
    """
    if stage not in stages.WORKED:
        raise Refused(f"There is no station for “{stage}”.")
    with locked(clock) as kitchen:
        kitchen.read()
        before = kitchen.stations[stage]
        # A copy: what is refused must not be what pages know of the station (kitchen.outlook).
        station = kitchen.stations[stage] = copy(before)
        for name, value in changes.items():
            setattr(station, name, value)
        station.full_clean()
        if station.works_on != before.works_on:
            refuse_mixture(kitchen)
        as_measured.note_choice(before, station, changes, by, kitchen.now)
        also = {"spread_seconds"}  # `clean` can adapt it to the mean
        if any(getattr(station, name) != getattr(before, name) for name in as_measured.COLUMNS):
            also.update(as_measured.COLUMNS)
        station.save(update_fields={*changes, *also})
        if station.capacity > before.capacity:
            kitchen.count(station)
        seat_or_wake(kitchen, station)


def seat_or_wake(kitchen: Kitchen, station: Station) -> None:
    """Seat at a station that has changed; nobody may have asked to be woken for its next loading."""
    seat(kitchen, station)
    if station.is_belt and station.is_open and station.has_line:
        kitchen.awaited[station.stage] = station


def refuse_mixture(kitchen: Kitchen) -> None:
    """Refuse that a station works on something else at the wrong place of a route, or while orders are open."""
    for route in stages.ROUTES.values():
        units = [kitchen.stations[code].is_of_items for code in route.stages if code in kitchen.stations]
        if units != sorted(units, reverse=True):
            raise Refused("Stations that work on pizzas must come before those that work on orders.")
        if kitchen.is_of_items(route.stages[-2]):
            raise Refused("Drivers and the counter work on whole orders.")
    if Order.objects.open().exists():
        raise Refused("What a station works on can change only while no order is open.")


def set_speed(speed: float, *, clock: Clock | None = None) -> None:
    """Change the speed of the kitchen clock: the work that is left takes its kitchen seconds at the new speed."""
    with locked(clock) as kitchen:
        kitchen.read()
        shop = Shop.objects.get()
        old, shop.speed = shop.speed, speed
        shop.full_clean()  # ValidationError
        if speed == old:
            return
        shop.speed_since = kitchen.now
        shop.save(update_fields=["speed", "speed_since"])
        for order in kitchen.read_orders(Order.objects.open().order_by("pk").values_list("pk", flat=True)):
            for work in in_hand(order):
                if work.started_at is not None:
                    stretch(kitchen, work, old / speed)
        for station in kitchen.stations.values():
            if station.is_belt and station.busy_until is not None and not is_loadable(kitchen, station):
                kitchen.occupy(station, kitchen.now + (station.busy_until - kitchen.now) * (old / speed))
                seat_or_wake(kitchen, station)


def stretch(kitchen: Kitchen, work: Work, factor: float) -> None:
    """Make work that is under way take `factor` times as long."""
    assert work.started_at is not None and work.due_at is not None
    work.started_at = kitchen.now - (kitchen.now - work.started_at) * factor
    work.due_at = kitchen.now + (work.due_at - kitchen.now) * factor
    work.epoch += 1
    note(kitchen, work, Cause(Event.RETIMED))
    kitchen.begin_chain(work)


# These write several orders at once, and nothing of their live state. They need the same lock: two statements that
# each write several rows, in different orders, would deadlock.


def adopt(guest: str, user: Any) -> None:
    """Move a visitor's orders to the account that they sign up with or log in to."""
    with lock_kitchen():
        Order.objects.filter(guest=guest, user=None).update(user=user)


def disown(user: Any) -> None:
    """Leave the orders of an account that is deleted to nobody, not even to the visitor that it was before."""
    with lock_kitchen():
        Order.objects.filter(user=user).update(user=None, guest="", idempotency_key=None)


def disown_visitor(guest: str) -> None:
    """Do the same with the orders of a visitor without an account."""
    with lock_kitchen():
        Order.objects.filter(user=None, guest=guest).update(guest="", idempotency_key=None)


def write_forecasts(etas: Mapping[int, tuple[int, Sequence[datetime | None]]]) -> list[Order]:
    """Write {pk: (seq, (low, median, high))} to the orders that are still at that seq; return these."""
    with lock_kitchen():
        orders = [order for order in Order.objects.filter(pk__in=etas).with_items() if order.seq == etas[order.pk][0]]
        for order in orders:
            order.eta_low, order.eta_median, order.eta_high = etas[order.pk][1]
        ORDER_ROWS.update_all(orders, FORECAST_FIELDS)
    return orders
