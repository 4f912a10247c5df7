"""The rules of the kitchen, and the only writer of an order's live state.

Every verb is one transaction: take the kitchen's lock, read, check, write, one event. Everything it
reads, including the time, it reads behind the lock (kitchen.locks). The time comes from a clock: the database's, or a
test's own.

A verb for people takes `seen`, the seq of what they saw when they clicked: if the order has reached another stage
since, the click was not meant for that one and is refused.

No Celery here: `work_begun` is sent, inside the transaction, for each order whose work has just begun, and
kitchen.tasks makes its chain after the commit.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q
from django.dispatch import Signal

from home.models import FORECAST_FIELDS, ORDER_ROWS, Order, OrderEvent, OrderLine, Pizza
from kitchen import stages
from kitchen.locks import Clock, Kitchen, lock_kitchen
from kitchen.models import Promise, Shop
from kitchen.transitions import (
    Cause,
    Event,
    before,
    enter,
    leave,
    move,
    refuse_ended,
    refuse_stale,
    renew,
    restore,
    seat,
    settle,
    work_left,
    write,
)
from kitchen.transitions import Refused as Refused

EARLY_SECONDS = 0.02  # a link can be this early: clocks of two machines, rounding
OVERDUE_SECONDS = 2.0  # the recovery sweep gives a link this long to arrive
RECOVER_AGAIN_SECONDS = 4.0  # and its new chain this long, before it makes another
RECOVERY_BATCH = 500
UNDO_SECONDS = 10.0
NOTHING_TO_UNDO = "There is nothing to undo any more."

# Sent inside the transaction.
work_begun = Signal()  # order: needs a chain for the stages that are left
order_placed = Signal()  # order, promise: what the customer was told, or None


class TooEarly(Exception):
    """The work is not done yet: come back in `seconds` (wall)."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Not due for another {seconds:.3f} s")
        self.seconds = seconds


@contextmanager
def locked(clock: Clock | None) -> Iterator[Kitchen]:
    """Open the transaction of a verb, and send `work_begun` at its end."""
    with lock_kitchen(clock) as kitchen:
        yield kitchen
        for order in kitchen.begun:
            work_begun.send(Order, order=order)


def place(
    items: Iterable[tuple[Pizza, int]],
    *,
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
    items = list(items)
    with locked(clock) as kitchen:
        kitchen.read(stages.FIRST)
        if not kitchen.shop_is_open:
            raise Refused("We are closed right now and take no orders.")
        order = Order(
            user=user,
            guest=guest,
            idempotency_key=idempotency_key,
            simulated=simulated,
            created_at=kitchen.now,
            **facts(items),
        )
        if promise is not None:
            promise.at = kitchen.now
            order.promised_low, order.promised_median, order.promised_high = promise.times
            order.eta_low, order.eta_median, order.eta_high = promise.times
        order.save()
        write_lines(order, items)
        order_placed.send(Order, order=order, promise=promise)
        enter(kitchen, order, stages.FIRST, Cause())
    return order


def facts(items: Iterable[tuple[Pizza, int]]) -> dict[str, Any]:
    """Return the columns of an order that sum up its (pizza, quantity) pairs, for lists."""
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


def admit(pk: int, *, clock: Clock | None = None) -> None:
    """Let an order that was saved without `place` (in a shell, say) join the kitchen at the stage that it has."""
    with locked(clock) as kitchen:
        order = kitchen.read_order(pk)
        if order.seq == 0:
            enter(kitchen, order, order.stage, Cause())


def finish(pk: int, epoch: int, stage: str, *, clock: Clock | None = None) -> Order | None:
    """Finish the work of a stage: move the order on, and give its place to the next in line.

    The link of a chain calls this. Return the order if its next work has begun, for which the chain goes on by itself.
    Do nothing if the epoch or the stage is out of date: a person, or another link, was first. TooEarly if the work
    takes longer than the link thought.
    """
    target = stages.after(stage)
    with locked(clock) as kitchen:
        order = kitchen.read_order(pk, stage, target)
        if order.epoch != epoch or order.stage != stage or order.due_at is None:
            return None
        wait_seconds = (order.due_at - kitchen.now).total_seconds()
        if wait_seconds > EARLY_SECONDS:
            raise TooEarly(wait_seconds)
        move(kitchen, order, target, Cause())
        if order not in kitchen.begun:
            return None
        kitchen.begun.remove(order)
    return order


def override(
    pk: int,
    target: str,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    clock: Clock | None = None,
) -> None:
    """Move an order to any stage by hand; its work there starts over. A stale chain can't undo it."""
    if target == stages.CANCELLED.code:
        return cancel(pk, by, reason, seen, clock=clock)
    if target not in stages.BY_CODE:
        raise Refused(f"There is no stage “{target}”.")
    with locked(clock) as kitchen:
        order = find(kitchen, pk, seen)
        if order.stage == target:
            raise Refused(f"{order} is already at “{stages.BY_CODE[target].label}”.")
        move(kitchen, order, target, Cause(Event.OVERRIDDEN, by, reason))


def find(kitchen: Kitchen, pk: int, seen: int | None = None) -> Order:
    """Read the order that a person means. Refused if it does not exist, or if what they saw is out of date."""
    try:
        order = kitchen.read_order(pk)
    except Order.DoesNotExist:
        raise Refused("There is no such order.") from None
    refuse_stale(order, seen)
    return order


def advance(pk: int, by: Any = None, reason: str = "", seen: int | None = None, *, clock: Clock | None = None) -> None:
    """End the present stage by hand."""
    with locked(clock) as kitchen:
        order = find(kitchen, pk, seen)
        refuse_ended(order)
        move(kitchen, order, stages.after(order.stage), Cause(Event.OVERRIDDEN, by, reason))


def recall(pk: int, by: Any = None, reason: str = "", seen: int | None = None, *, clock: Clock | None = None) -> None:
    """Send an order one stage back by hand; its work there starts over."""
    with locked(clock) as kitchen:
        order = find(kitchen, pk, seen)
        if order.stage in (stages.FIRST, stages.CANCELLED.code):
            raise Refused(f"{order} can't go back: it is {stages.BY_CODE[order.stage].label.lower()}.")
        move(kitchen, order, stages.before(order.stage)[0], Cause(Event.RECALLED, by, reason))


def cancel(pk: int, by: Any = None, reason: str = "", seen: int | None = None, *, clock: Clock | None = None) -> None:
    """End an order that is not delivered; its place goes to the next."""
    with locked(clock) as kitchen:
        order = find(kitchen, pk, seen)
        refuse_ended(order)
        move(kitchen, order, stages.CANCELLED.code, Cause(Event.CANCELLED, by, reason))


def change(
    pk: int,
    items: Iterable[tuple[Pizza, int]],
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    clock: Clock | None = None,
) -> None:
    """Replace the (pizza, quantity) pairs, at today's prices, as long as nothing is in the oven.

    Work that had begun starts over, in the same place; an order in the line keeps its turn.
    """
    items = list(items)
    with locked(clock) as kitchen:
        order = find(kitchen, pk, seen)
        if order.stage != stages.FIRST:
            raise Refused(f"{order} can no longer be changed: it is {stages.BY_CODE[order.stage].label.lower()}.")
        for name, value in facts(items).items():
            setattr(order, name, value)
        # Bypass `save`: its signal would announce the new pizzas before the work that goes with them.
        Order.objects.filter(pk=pk).update(**facts(items))
        order.lines.all().delete()
        write_lines(order, items)
        renew(kitchen, order, Cause(Event.CHANGED, by, reason))


def rush(pk: int, by: Any = None, reason: str = "", seen: int | None = None, *, clock: Clock | None = None) -> None:
    """Put an order before all others, in this line and every later one. Nobody loses a place for it."""
    with locked(clock) as kitchen:
        order = find(kitchen, pk, seen)
        refuse_ended(order)
        if order.rushed:
            raise Refused(f"{order} is rushed already.")
        cause = Cause(Event.RUSHED, by, reason, before(kitchen, order))
        order.rushed = True
        write(kitchen, order, cause)


def undo(pk: int, seq: int, by: Any, *, clock: Clock | None = None) -> None:
    """Undo a person's last action: the order returns to where it was, with its turn and the work left.

    Refused if something has happened since, if it was someone else's, or after UNDO_SECONDS.
    """
    with locked(clock) as kitchen:
        event = OrderEvent.objects.filter(order=pk, seq=seq, by=by).first()
        if event is None or event.before is None:
            raise Refused(NOTHING_TO_UNDO)
        order = find(kitchen, pk)
        if kitchen.now - event.at > timedelta(seconds=UNDO_SECONDS):
            raise Refused(NOTHING_TO_UNDO)
        if order.seq != seq:
            raise Refused(f"{order} has moved on, it is too late to undo that.")
        if event.event == Event.RUSHED:  # it might have a place by now, and keeps it
            order.rushed = False
            write(kitchen, order, Cause(Event.UNDONE, by))
        else:
            restore(kitchen, order, event.before, Cause(Event.UNDONE, by))


def hold(pk: int, by: Any = None, reason: str = "", seen: int | None = None, *, clock: Clock | None = None) -> None:
    """Put an order aside, with the work that is left; its place goes to the next."""
    with locked(clock) as kitchen:
        order = find(kitchen, pk, seen)
        refuse_ended(order)
        if order.held:
            raise Refused(f"{order} is on hold already.")
        cause = Cause(Event.HELD, by, reason, before(kitchen, order))
        order.remaining_seconds = work_left(kitchen, order)
        left = leave(kitchen, order)
        order.held = True
        order.epoch += 1
        write(kitchen, order, cause)
        seat(kitchen, left)


def resume(pk: int, by: Any = None, reason: str = "", seen: int | None = None, *, clock: Clock | None = None) -> None:
    """Continue the work that was left when it was put aside, at once or, without a free place, in its old turn."""
    with locked(clock) as kitchen:
        order = find(kitchen, pk, seen)
        if not order.held:
            raise Refused(f"{order} is not on hold.")
        order.held = False
        settle(kitchen, order, Cause(Event.RESUMED, by, reason))


def recover(lag_seconds: float = 0, *, clock: Clock | None = None) -> int:
    """Give a new epoch and chain to orders whose work is overdue (a lost link), a batch at most; return how many.

    An order that was recovered a moment ago is left alone: a worker that is only slow must not get more work for it.
    Nor is a link lost that can still be in the queue, for `lag_seconds`: a new epoch would only make it run for
    nothing.
    """
    lag = timedelta(seconds=lag_seconds)
    with locked(clock) as kitchen:
        kitchen.read()
        overdue = kitchen.now - timedelta(seconds=OVERDUE_SECONDS) - lag
        again = kitchen.now - timedelta(seconds=RECOVER_AGAIN_SECONDS) - lag
        lost = Q(recovered_at__isnull=True) | Q(recovered_at__lt=again)
        orders = list(Order.objects.working().filter(lost, due_at__lt=overdue).order_by("due_at")[:RECOVERY_BATCH])
        # This is not an event: nothing that anyone sees has changed, so there is neither a new seq nor a signal.
        recovered = Order.objects.filter(pk__in=[order.pk for order in orders])
        recovered.update(epoch=F("epoch") + 1, recovered_at=kitchen.now)
        for order in orders:
            order.epoch += 1
            kitchen.begin_chain(order)
    return len(orders)


def seat_all(*, clock: Clock | None = None) -> None:
    """Fill every free place, after a station got more of them or someone bypassed `flow`."""
    with locked(clock) as kitchen:
        kitchen.read()
        for station in kitchen.stations.values():
            seat(kitchen, station)


def change_station(stage: str, *, clock: Clock | None = None, **changes: Any) -> None:
    """Change columns of a stage's station. More places: the line moves at once. Fewer: nobody is thrown out.

    Work that is under way takes as long as was drawn for it. ValidationError if a value is not valid.
    """
    if stage not in stages.WORKED:
        raise Refused(f"There is no station for “{stage}”.")
    with locked(clock) as kitchen:
        kitchen.read(stage)
        station = kitchen.stations[stage]
        for name, value in changes.items():
            setattr(station, name, value)
        station.full_clean()
        station.save(update_fields={*changes, "spread_seconds"})  # `clean` can adapt the spread to the mean
        seat(kitchen, station)


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
        for order in Order.objects.working():
            stretch(kitchen, order, old / speed)


def stretch(kitchen: Kitchen, order: Order, factor: float) -> None:
    """Make work that is under way take `factor` times as long."""
    assert order.started_at is not None and order.due_at is not None
    order.started_at = kitchen.now - (kitchen.now - order.started_at) * factor
    order.due_at = kitchen.now + (order.due_at - kitchen.now) * factor
    order.epoch += 1
    write(kitchen, order, Cause(Event.RETIMED))
    kitchen.begin_chain(order)


# These write several orders at once, and nothing of their live state. They need the same lock: two statements that
# each write several rows, in different orders, would deadlock.


def adopt(guest: str, user: Any) -> None:
    """Move a visitor's orders to the account that they sign up with or log in to."""
    with lock_kitchen():
        Order.objects.filter(guest=guest, user=None).update(user=user)


def disown(user: Any) -> None:
    """Leave the orders of an account that is deleted to nobody, not even to the visitor that it was before."""
    with lock_kitchen():
        Order.objects.filter(user=user).update(user=None, guest="")


def write_forecasts(etas: Mapping[int, tuple[int, Sequence[datetime | None]]]) -> list[Order]:
    """Write {pk: (seq, (low, median, high))} to the orders that are still at that seq; return these."""
    with lock_kitchen():
        orders = [order for order in Order.objects.filter(pk__in=etas) if order.seq == etas[order.pk][0]]
        for order in orders:
            order.eta_low, order.eta_median, order.eta_high = etas[order.pk][1]
        ORDER_ROWS.update_all(orders, FORECAST_FIELDS)
    return orders
