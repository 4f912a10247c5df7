"""The rules of the kitchen, and the only writer of an order's live state.

Every verb is one transaction: lock the stations (in stage order), lock the order, check, write, one event.
Stations first: whoever leaves a place also writes the next in that station's line, so an order changes only
under the lock of the station where it stands; locking orders first would deadlock those two.

A verb for people takes `seen`, the seq of what they saw when they clicked: if the order has reached another stage
since, the click was not meant for that one and is refused.

Each verb returns the orders whose work has just begun; the caller asks `tasks.cook` for their chains. No Celery
here, and no clock: `now` comes in, so that a test can drive the kitchen with a virtual one.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from home.models import Order, OrderEvent, OrderLine, Pizza
from kitchen import stages
from kitchen.locks import lock_order, lock_order_before, lock_stations
from kitchen.models import Promise, Shop
from kitchen.promises import ledger
from kitchen.transitions import (
    Cause,
    Event,
    before,
    enter,
    lock_order_where_it_stands,
    move,
    refuse_ended,
    renew,
    restore,
    seat,
    settle,
    work_left,
    write,
)
from kitchen.transitions import Refused as Refused

EARLY_SECONDS = 0.02  # a link may be this early: clocks of two machines, rounding
OVERDUE_SECONDS = 2.0  # the recovery sweep gives a link this long to arrive
RECOVER_AGAIN_SECONDS = 4.0  # and the chain that the recovery sweep made gets so long, before it makes another
RECOVERY_BATCH = 500
UNDO_SECONDS = 10.0


class TooEarly(Exception):
    """The work is not done yet: come back in `seconds` (wall)."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Not due for another {seconds:.3f} s")
        self.seconds = seconds


@transaction.atomic
def place(
    items: Iterable[tuple[Pizza, int]],
    now: datetime,
    *,
    user: Any = None,
    guest: str = "",
    idempotency_key: str | None = None,
    simulated: bool = False,
    promise: Promise | None = None,
) -> tuple[Order, list[Order]]:
    """A new order of (pizza, quantity) pairs joins the make line. Returns it, and the orders that began.

    A promise (kitchen.forecast) is kept with it for good. Refused while the shop is closed.
    """
    items = list(items)
    stations = lock_stations(stages.FIRST)
    if not stations[stages.FIRST].shop_is_open:
        raise Refused("We are closed right now and take no orders.")
    order = Order(
        user=user,
        guest=guest,
        idempotency_key=idempotency_key,
        simulated=simulated,
        created_at=now,
        **facts(items),
    )
    if promise is not None:
        order.promised_low, order.promised_median, order.promised_high = promise.times
        order.eta_low, order.eta_median, order.eta_high = promise.times
    order.save()
    write_lines(order, items)
    if promise is not None:
        ledger.write_down(promise, order)
    return order, enter(order, stages.FIRST, stations, now, Cause())


def facts(items: Iterable[tuple[Pizza, int]]) -> dict[str, Any]:
    """What an order says of its (pizza, quantity) pairs by itself, for lists."""
    items = list(items)
    return {
        "amount": sum(pizza.price * quantity for pizza, quantity in items),
        "pizzas": sum(quantity for _, quantity in items),
        "summary": ", ".join(f"{quantity} × {pizza.name}" for pizza, quantity in items),
    }


def write_lines(order: Order, items: Iterable[tuple[Pizza, int]]) -> None:
    OrderLine.objects.bulk_create(
        OrderLine(order=order, pizza=pizza, quantity=quantity, unit_price=pizza.price) for pizza, quantity in items
    )


@transaction.atomic
def admit(pk: int, now: datetime) -> list[Order]:
    """An order that was saved without `place` (in a shell, say) joins the kitchen where it says it stands."""
    stage = Order.objects.get(pk=pk).stage
    stations = lock_stations(stage)
    order = lock_order(pk)
    return [] if order.seq else enter(order, stage, stations, now, Cause())


@transaction.atomic
def finish(pk: int, epoch: int, stage: str, now: datetime) -> list[Order]:
    """The work of a stage is done: the order goes on, and the next in line takes its place.

    The link of a chain calls this. If the epoch or the stage is no longer true it does nothing: a person, or
    another link, was first. TooEarly if the work takes longer than the link thought.
    """
    target = stages.after(stage)
    stations = lock_stations(stage, target)
    order = lock_order_before(pk, stations[target]) if target in stations else lock_order(pk)
    if order.epoch != epoch or order.stage != stage or order.due_at is None:
        return []
    wait_seconds = (order.due_at - now).total_seconds()
    if wait_seconds > EARLY_SECONDS:
        raise TooEarly(wait_seconds)
    return move(order, target, stations, now, Cause())


@transaction.atomic
def override(
    pk: int, target: str, now: datetime, by: Any = None, reason: str = "", seen: int | None = None
) -> list[Order]:
    """A person moves an order to any stage; its work there begins anew. A stale chain can't undo it."""
    if target == stages.CANCELLED.code:
        return cancel(pk, now, by, reason, seen)
    if target not in stages.BY_CODE:
        raise Refused(f"There is no stage “{target}”.")
    order, stations = lock_order_where_it_stands(pk, lambda stage: (target,), seen)
    if order.stage == target:
        raise Refused(f"{order} is already at “{stages.BY_CODE[target].label}”.")
    return move(order, target, stations, now, Cause(Event.OVERRIDDEN, by, reason))


@transaction.atomic
def advance(pk: int, now: datetime, by: Any = None, reason: str = "", seen: int | None = None) -> list[Order]:
    """A person says: this stage is done."""
    order, stations = lock_order_where_it_stands(pk, stages.remaining, seen)
    refuse_ended(order)
    return move(order, stages.after(order.stage), stations, now, Cause(Event.OVERRIDDEN, by, reason))


@transaction.atomic
def recall(pk: int, now: datetime, by: Any = None, reason: str = "", seen: int | None = None) -> list[Order]:
    """A person sends an order one stage back; the work there begins anew."""
    order, stations = lock_order_where_it_stands(pk, stages.before, seen)
    if order.stage in (stages.FIRST, stages.CANCELLED.code):
        raise Refused(f"{order} can't go back: it is {stages.BY_CODE[order.stage].label.lower()}.")
    return move(order, stages.before(order.stage)[0], stations, now, Cause(Event.RECALLED, by, reason))


@transaction.atomic
def cancel(pk: int, now: datetime, by: Any = None, reason: str = "", seen: int | None = None) -> list[Order]:
    """An order that is not delivered ends here; its place goes to the next."""
    order, stations = lock_order_where_it_stands(pk, seen=seen)
    refuse_ended(order)
    return move(order, stages.CANCELLED.code, stations, now, Cause(Event.CANCELLED, by, reason))


@transaction.atomic
def change(
    pk: int,
    items: Iterable[tuple[Pizza, int]],
    now: datetime,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
) -> list[Order]:
    """Other (pizza, quantity) pairs, as long as nothing is in the oven. At today's prices.

    Work that had begun begins anew, in the same place; an order in the line keeps its turn.
    """
    items = list(items)
    order, stations = lock_order_where_it_stands(pk, seen=seen)
    if order.stage != stages.FIRST:
        raise Refused(f"{order} can't be changed any more: it is {stages.BY_CODE[order.stage].label.lower()}.")
    for name, value in facts(items).items():
        setattr(order, name, value)
    # Past `save`, whose signal would announce the new pizzas before the work that goes with them.
    Order.objects.filter(pk=pk).update(**facts(items))
    order.lines.all().delete()
    write_lines(order, items)
    return renew(order, stations[order.stage], now, Cause(Event.CHANGED, by, reason))


@transaction.atomic
def rush(pk: int, now: datetime, by: Any = None, reason: str = "", seen: int | None = None) -> list[Order]:
    """A person puts an order before all others, in this line and every later one. Nobody loses a place for it."""
    order, _ = lock_order_where_it_stands(pk, seen=seen)
    refuse_ended(order)
    if order.rushed:
        raise Refused(f"{order} is rushed already.")
    cause = Cause(Event.RUSHED, by, reason, before(order, 1, now))
    order.rushed = True
    write(order, now, cause)
    return []


@transaction.atomic
def undo(pk: int, seq: int, now: datetime, by: Any) -> list[Order]:
    """A person takes their last word back: the order returns to where it was, with its turn and the work left.

    Refused if something has happened since, if it was someone else's, or after UNDO_SECONDS.
    """
    event = OrderEvent.objects.filter(order=pk, seq=seq, by=by).first()
    if event is None or event.before is None or now - event.at > timedelta(seconds=UNDO_SECONDS):
        raise Refused("There is nothing to undo any more.")
    target: str = event.before["stage"]
    order, stations = lock_order_where_it_stands(pk, lambda stage: (target,))
    if order.seq != seq:
        raise Refused(f"{order} has moved on, it is too late to undo that.")
    if event.event == Event.RUSHED:  # it may have its place by now, and keeps it
        order.rushed = False
        write(order, now, Cause(Event.UNDONE, by))
        return []
    return restore(order, event.before, stations, now, Cause(Event.UNDONE, by))


@transaction.atomic
def hold(pk: int, now: datetime, by: Any = None, reason: str = "", seen: int | None = None) -> list[Order]:
    """Put an order aside, with the work that is left; its place goes to the next."""
    order, stations = lock_order_where_it_stands(pk, seen=seen)
    refuse_ended(order)
    if order.held:
        raise Refused(f"{order} is on hold already.")
    station = stations[order.stage]
    cause = Cause(Event.HELD, by, reason, before(order, station.speed, now))
    order.remaining_seconds = work_left(order, station.speed, now)
    order.held = True
    order.started_at = order.due_at = None
    order.epoch += 1
    write(order, now, cause)
    return seat(station, now)


@transaction.atomic
def resume(pk: int, now: datetime, by: Any = None, reason: str = "", seen: int | None = None) -> list[Order]:
    """Go on with what was left when it was put aside, at once or, without a free place, in its old turn."""
    order, stations = lock_order_where_it_stands(pk, seen=seen)
    if not order.held:
        raise Refused(f"{order} is not on hold.")
    order.held = False
    return settle(order, stations, now, Cause(Event.RESUMED, by, reason))


@transaction.atomic
def recover(now: datetime, lag_seconds: float = 0) -> list[Order]:
    """The recovery sweep: a new epoch for every order whose work is overdue (its link was lost), at most a batch.

    Who was woken a moment ago is left alone: a worker that is only slow must not get more work for it. A link that
    stands in a queue as long as `lag_seconds` is not lost either: a new epoch would only make it run for nothing.
    """
    lag = timedelta(seconds=lag_seconds)
    overdue = Order.objects.working().filter(due_at__lt=now - timedelta(seconds=OVERDUE_SECONDS) - lag)
    forgotten = overdue.filter(
        Q(recovered_at__isnull=True) | Q(recovered_at__lt=now - timedelta(seconds=RECOVER_AGAIN_SECONDS) - lag)
    ).order_by("due_at")
    # skip_locked: whoever holds the order is just moving it. Waiting here could deadlock with a verb.
    orders = list(forgotten.select_for_update(skip_locked=True)[:RECOVERY_BATCH])
    # Not an event: nothing that anyone sees has changed, so neither seq nor signal.
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(epoch=F("epoch") + 1, recovered_at=now)
    for order in orders:
        order.epoch += 1
    return orders


@transaction.atomic
def seat_all(now: datetime) -> list[Order]:
    """Fill every free place: after a station got more of them, or after someone wrote past `flow`."""
    return [order for station in lock_stations(*stages.WORKED).values() for order in seat(station, now)]


@transaction.atomic
def change_station(stage: str, now: datetime, **changes: Any) -> list[Order]:
    """Change columns of a stage's station. More places: the line moves at once. Fewer: nobody is thrown out.

    Work that is under way takes as long as was drawn for it. ValidationError if there can be no such station.
    """
    if stage not in stages.WORKED:
        raise Refused(f"Nobody works at “{stage}”.")
    station = lock_stations(stage)[stage]
    for name, value in changes.items():
        setattr(station, name, value)
    station.full_clean()
    station.save(update_fields={*changes, "spread_seconds"})  # which follows the mean, where `clean` says so
    return seat(station, now)


@transaction.atomic
def set_speed(speed: float, now: datetime) -> list[Order]:
    """Turn the kitchen clock: the work that is left takes its kitchen seconds at the new speed."""
    lock_stations(*stages.WORKED)
    shop = Shop.objects.get()
    old, shop.speed = shop.speed, speed
    shop.full_clean()  # ValidationError
    if speed == old:
        return []
    shop.speed_since = now
    shop.save(update_fields=["speed", "speed_since"])
    stretch = old / speed
    begun = []
    for order in Order.objects.working().select_for_update():
        assert order.started_at is not None and order.due_at is not None
        order.started_at = now - (now - order.started_at) * stretch
        order.due_at = now + (order.due_at - now) * stretch
        order.epoch += 1
        write(order, now, Cause(Event.RETIMED))
        begun.append(order)
    return begun
