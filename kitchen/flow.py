"""The rules of the kitchen, and the only writer of an order's live state.

Every verb is one transaction: take the kitchen's lock, read, check, write, one event for each change. Everything it
reads, including the time, it reads behind the lock (kitchen.locks). The time comes from a clock: the database's, or a
test's own.

A verb for people is about an order or, with `item`, about one pizza of it. It takes `seen`, the seq of what they saw
when they clicked: if that has reached another stage since, the click was not meant for it and is refused.

No Celery here: `work_begun` is sent, inside the transaction, for each work that has just begun, and kitchen.tasks
makes its chain after the commit.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db.models import F, Q, QuerySet
from django.dispatch import Signal

from home.models import FORECAST_FIELDS, ORDER_ROWS, Order, OrderItem, Pizza
from kitchen import stages
from kitchen.changing import add_items, exchange, make_items, strike, write_lines
from kitchen.changing import facts as facts
from kitchen.locks import Clock, Kitchen, Work, lock_kitchen
from kitchen.models import Promise, Shop
from kitchen.transitions import (
    Cause,
    Event,
    enter,
    is_loadable,
    join,
    leave,
    move,
    move_all,
    note,
    part,
    seat,
    seat_each,
    settle,
    work_left,
)
from kitchen.transitions import Refused as Refused
from kitchen.undoing import NOTHING_TO_UNDO, before, refuse_stale, refuse_undo, restore

EARLY_SECONDS = 0.02  # a link can be this early: clocks of two machines, rounding
OVERDUE_SECONDS = 2.0  # the recovery sweep gives a link this long to arrive
RECOVER_AGAIN_SECONDS = 4.0  # and its new chain this long, before it makes another
RECOVERY_BATCH = 500
UNDO_SECONDS = 10.0

# Sent inside the transaction.
work_begun = Signal()  # order, item (None: the order itself): needs a chain for the stages that are left
loading_awaited = Signal()  # station (a belt), due_monotonic: somebody waits for its next loading
order_placed = Signal()  # order, promise: what the customer was told, or None


W = TypeVar("W", Order, OrderItem)


class TooEarly(Exception):
    """The work is not done yet: come back in `seconds` (wall)."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Not due for another {seconds:.3f} s")
        self.seconds = seconds


@contextmanager
def locked(clock: Clock | None) -> Iterator[Kitchen]:
    """Open the transaction of a verb; at its end, write what it noted and send what it began."""
    with lock_kitchen(clock) as kitchen:
        yield kitchen
        seat_each(kitchen, kitchen.unseated.values())
        kitchen.write()
        for work in kitchen.begun:
            order, item = (work, None) if isinstance(work, Order) else (work.order, work)
            work_begun.send(Order, order=order, item=item)
        for station in kitchen.awaited.values():
            if station.busy_until is not None and station.busy_until > kitchen.now:
                loading_awaited.send(Order, station=station, due_monotonic=kitchen.monotonic(station.busy_until))


# Into the kitchen


def place(
    items: Iterable[tuple[Pizza, int]],
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
    items = list(items)
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
            created_at=kitchen.now,
            **facts(items),
        )
        if promise is not None:
            promise.at = kitchen.now
            order.promised_low, order.promised_median, order.promised_high = promise.times
            order.eta_low, order.eta_median, order.eta_high = promise.times
        order.save()
        order.parts = make_items(order, write_lines(order, items))
        order_placed.send(Order, order=order, promise=promise)
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


def finish(pk: int, epoch: int, stage: str, *, clock: Clock | None = None) -> Order | None:
    """Finish the work of a stage on an order: move it on, and give its place to the next in line.

    The link of a chain calls this. Return the order if its next work has begun, for which the chain goes on by itself.
    Do nothing if the epoch or the stage is out of date: a person, or another link, was first. TooEarly if the work
    takes longer than the link thought.
    """
    targets = [stages.after(stage, way) for way, route in stages.ROUTES.items() if stage in route.stages]
    with locked(clock) as kitchen:
        order = kitchen.read_order(pk, stage, *targets)
        if is_over(kitchen, order, epoch, stage):
            return None
        return go_on(kitchen, order, stages.after(stage, order.way))


def finish_item(pk: int, number: int, epoch: int, stage: str, *, clock: Clock | None = None) -> OrderItem | None:
    """Do the same for one item of an order."""
    target = stages.after(stage)
    with locked(clock) as kitchen:
        order = kitchen.read_order(pk, stage, target)
        item = next((item for item in order.parts if item.number == number), None)
        if item is None or is_over(kitchen, item, epoch, stage):
            return None
        return go_on(kitchen, item, target)


def is_over(kitchen: Kitchen, work: Work, epoch: int, stage: str) -> bool:
    """Return whether a link is out of date. TooEarly if its work is not done yet."""
    if work.epoch != epoch or work.stage != stage or work.due_at is None:
        return True
    if stage == stages.READY and not kitchen.stations[stage].hands_over:
        return True  # this work ends with a tap
    wait_seconds = (work.due_at - kitchen.now).total_seconds()
    if wait_seconds > EARLY_SECONDS:
        raise TooEarly(wait_seconds)
    return False


def go_on(kitchen: Kitchen, work: W, target: str) -> W | None:
    """Move a work on; return it if its next work has begun."""
    move(kitchen, work, target)
    if work not in kitchen.begun:
        return None
    kitchen.begun.remove(work)
    return work


def load(stage: str, busy_until: datetime, *, clock: Clock | None = None) -> None:
    """Load a belt with the next in line, now that it can take something again.

    Do nothing if it has been loaded since: whoever did that has asked for the next loading. TooEarly before then.
    """
    with locked(clock) as kitchen:
        kitchen.read(stage)
        station = kitchen.stations[stage]
        if not station.is_belt or station.busy_until != busy_until:
            return
        wait_seconds = (busy_until - kitchen.now).total_seconds()
        if wait_seconds > EARLY_SECONDS:
            raise TooEarly(wait_seconds)
        kitchen.now = max(kitchen.now, busy_until)  # the log keeps the headway
        seat(kitchen, station)


def recover(lag_seconds: float = 0, *, clock: Clock | None = None) -> int:
    """Give a new epoch and chain to works that are overdue (a lost link), a batch at most; return how many.

    A work that was recovered a moment ago is left alone: a worker that is only slow must not get more work for it.
    Nor is a link lost that can still be in the queue, for `lag_seconds`: a new epoch would only make it run for
    nothing.
    """
    lag = timedelta(seconds=lag_seconds)
    with locked(clock) as kitchen:
        kitchen.read()
        overdue = kitchen.now - timedelta(seconds=OVERDUE_SECONDS) - lag
        again = kitchen.now - timedelta(seconds=RECOVER_AGAIN_SECONDS) - lag
        lost = Q(recovered_at__isnull=True) | Q(recovered_at__lt=again)
        orders = Order.objects.working().filter(lost, due_at__lt=overdue)
        if not kitchen.stations[stages.READY].hands_over:
            orders = orders.exclude(stage=stages.READY)
        items = OrderItem.objects.working().filter(lost, due_at__lt=overdue).select_related("order")
        found = renew_chains(kitchen, orders, RECOVERY_BATCH)
        return found + renew_chains(kitchen, items, RECOVERY_BATCH - found)


def renew_chains(kitchen: Kitchen, works: "QuerySet[Any]", most: int) -> int:
    found = list(works.order_by("due_at")[:most])
    # This is not an event: nothing that anyone sees has changed, so there is neither a new seq nor a signal.
    rows = works.model.objects.filter(pk__in=[work.pk for work in found])
    if found:
        rows.update(epoch=F("epoch") + 1, recovered_at=kitchen.now)
    for work in found:
        work.epoch += 1
        kitchen.begin_chain(work)
    return len(found)


def seat_all(*, clock: Clock | None = None) -> None:
    """Fill every free place, after a station got more of them or someone bypassed `flow`."""
    with locked(clock) as kitchen:
        kitchen.read()
        for station in kitchen.stations.values():
            seat(kitchen, station)


# By people


def find(
    kitchen: Kitchen, pk: int, seen: int | None = None, item: int | None = None
) -> tuple[Order, OrderItem | None]:
    """Read the order, and the item of it, that a person means.

    Refused if it does not exist, or if what they saw is out of date.
    """
    try:
        order = kitchen.read_order(pk)
        found = None if item is None else order.item(item)
    except Order.DoesNotExist:
        raise Refused("There is no such order.") from None
    except OrderItem.DoesNotExist:
        raise Refused("There is no such pizza in this order.") from None
    refuse_stale(order, seen, found)
    return order, found


def refuse_ended(order: Order, item: OrderItem | None = None) -> None:
    if order.stage in stages.ENDED:
        raise Refused(f"{order} is {stages.label(order.stage, order.way).lower()} already.")
    if item is not None and item.is_struck:
        raise Refused(f"{item} is cancelled already.")


def refuse_done(item: OrderItem | None) -> None:
    if item is not None and item.is_done:
        raise Refused(f"{item} is done already: the order goes on as a whole.")


def in_hand(order: Order, item: OrderItem | None = None) -> list[Work]:
    """Return what a verb is about: an item, all items that go on by themselves, or the order as a whole."""
    if item is not None:
        return [item]
    return [*order.cooking] or [order]


def at_hand(order: Order, item: OrderItem | None = None) -> list[Work]:
    """Return the works whose stage a person ends: those under way at the order's stage, else all that are there."""
    if item is not None:
        return [item]
    front: list[Work] = [*order.front]
    return [work for work in front if work.started_at is not None] or front


def advance(
    pk: int,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """End the present stage by hand: of an item, or of all that the order has under way there."""
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        refuse_ended(order, one)
        refuse_done(one)
        works = at_hand(order, one)
        target = stages.after(works[0].stage, order.way)
        move_all(kitchen, works, target, Cause(Event.OVERRIDDEN, by, reason, before(kitchen, order, works)))


def recall(
    pk: int,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """Send an order, or an item, one stage back by hand; its work there starts over."""
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        work = one or order
        if work.stage in (stages.FIRST, stages.CANCELLED.code):
            raise Refused(f"{work} can't go back: it is {stages.BY_CODE[work.stage].label.lower()}.")
        if one is not None and one.is_done and not order.cooking and order.stage != one.stage:
            raise Refused(f"{one} can't go back alone: {order} is {stages.label(order.stage, order.way).lower()}.")
        (target,) = stages.before(work.stage, order.way)
        if one is not None:
            send_items(kitchen, order, [one], target, Cause(Event.RECALLED, by, reason))
        elif order.cooking:
            send_items(kitchen, order, [*order.front], target, Cause(Event.RECALLED, by, reason))
        else:
            send(kitchen, order, target, Cause(Event.RECALLED, by, reason))


def override(
    pk: int,
    target: str,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """Move an order with all its items, or one item, to any stage by hand; work there starts over.

    A stale chain can't undo it.
    """
    if target == stages.CANCELLED.code:
        return cancel(pk, by, reason, seen, item=item, clock=clock)
    if target not in stages.BY_CODE:
        raise Refused(f"There is no stage “{target}”.")
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        if target not in order.route.stages:
            raise Refused(f"{order} never is “{stages.BY_CODE[target].label}”: it is for {order.route.label.lower()}.")
        cause = Cause(Event.OVERRIDDEN, by, reason)
        if one is None:
            if order.stage == target and not any(work.stage != target for work in in_hand(order)):
                raise Refused(f"{order} is already at “{stages.label(target, order.way)}”.")
            return send(kitchen, order, target, cause)
        if one.stage == target and (one.is_cooking or one.is_done):
            raise Refused(f"{one} is already at “{stages.BY_CODE[target].label}”.")
        if not kitchen.is_of_items(target) and target != kitchen.first_of_orders(order):
            raise Refused(f"A pizza alone can't be “{stages.label(target, order.way)}”.")
        refuse_ended(order, one)
        send_items(kitchen, order, [one], target, cause)


def send(kitchen: Kitchen, order: Order, target: str, cause: Cause) -> None:
    """Send an order to a stage, with all its items."""
    items = [item for item in order.parts if not item.is_struck]
    if kitchen.is_of_items(target):
        return send_items(
            kitchen, order, [item for item in items if item.is_done or item.stage != target], target, cause
        )
    cooking = [item for item in items if not item.is_done]
    own = [] if order.cooking else [order]
    cause = Cause(cause.event, cause.by, cause.reason, before(kitchen, order, [*own, *cooking]))
    works: list[Work] = [*own, *cooking]
    left = [leave(kitchen, work) for work in works]
    for item in cooking:
        item.stage = stages.CANCELLED.code if target == stages.CANCELLED.code else kitchen.first_of_orders(order)
        item.is_done = item.stage != stages.CANCELLED.code
        item.held, item.remaining_seconds = False, None
        item.epoch += 1
    order.epoch += 1
    enter(kitchen, order, target, cause)
    seat_each(kitchen, left)


def send_items(kitchen: Kitchen, order: Order, items: Sequence[OrderItem], target: str, cause: Cause) -> None:
    """Send items to a stage. If the order went on as a whole, its items go on by themselves again."""
    is_whole = not order.cooking
    works: list[Work] = [*([order] if is_whole else []), *items]
    cause = Cause(cause.event, cause.by, cause.reason, before(kitchen, order, works))
    left = part(kitchen, order) if is_whole else None
    move_all(kitchen, items, target, cause)
    seat_each(kitchen, [left])


def cancel(
    pk: int,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """End an order that is not delivered, or strike a pizza that is not done; its place goes to the next."""
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        refuse_ended(order, one)
        others = [other for other in order.parts if other != one and not other.is_struck]
        if one is None or not others:
            return send(kitchen, order, stages.CANCELLED.code, Cause(Event.CANCELLED, by, reason))
        refuse_done(one)
        cause = Cause(Event.CANCELLED, by, reason, before(kitchen, order, [one]))
        left = leave(kitchen, one)
        one.stage, one.is_done, one.held, one.remaining_seconds = stages.CANCELLED.code, True, False, None
        one.epoch += 1
        note(kitchen, one, cause)
        strike(order)
        if not order.cooking:
            join(kitchen, order, kitchen.first_of_orders(order))
        seat_each(kitchen, [left])


def remake(
    pk: int,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """Begin a pizza again that was dropped or burnt, ahead of the line; without `item`, all of the order's.

    An order that goes on as a whole waits for it again.
    """
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        refuse_ended(order, one)
        items = [item for item in ([one] if one else order.parts) if has_begun(item) and not item.is_struck]
        if not items or not kitchen.is_of_items(stages.FIRST):
            raise Refused(f"{one or order} has not been begun, so there is nothing to make again.")
        is_whole = not order.cooking
        works: list[Work] = [*([order] if is_whole else []), *items]
        state = before(kitchen, order, works)
        left = [leave(kitchen, work) for work in items]
        if is_whole:
            left.append(part(kitchen, order))
        for again in items:
            again.stage, again.joined_at, again.rushed = stages.FIRST, kitchen.now, True
            again.is_done = again.held = False
            again.remaining_seconds = None
            again.epoch += 1
        for again in items:
            note(kitchen, again, Cause(Event.REMADE, by, reason, state if again is items[-1] else None))
        first = kitchen.stations[stages.FIRST]
        first.has_line = True
        seat_each(kitchen, [first, *left])


def has_begun(item: OrderItem) -> bool:
    is_begun = item.started_at is not None or item.remaining_seconds is not None
    return is_begun or item.stage != stages.FIRST


def change(
    pk: int,
    items: Iterable[tuple[Pizza, int]],
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    clock: Clock | None = None,
) -> None:
    """Replace the (pizza, quantity) pairs, at today's prices, as long as a pizza of the order is at the make line.

    Pizzas that are in both are kept as they are. Of the others, work at the make line starts over with another pizza,
    in the same place or turn; what is too many is thrown away, and what is missing joins the line.
    """
    items = list(items)
    with locked(clock) as kitchen:
        order, _ = find(kitchen, pk, seen)
        if order.stage != stages.FIRST:
            raise Refused(f"{order} can no longer be changed: it is {stages.BY_CODE[order.stage].label.lower()}.")
        exchange(kitchen, order, items, Cause(Event.CHANGED, by, reason))


def rush(
    pk: int,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """Put an order, or one item, before all others, in this line and every later one. Nobody loses a place for it."""
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        refuse_ended(order, one)
        refuse_done(one)
        work = one or order
        if work.rushed:
            raise Refused(f"{work} is rushed already.")
        works: list[Work] = [one] if one else [order, *order.parts]  # also those that are done: they can come back
        cause = Cause(Event.RUSHED, by, reason, before(kitchen, order, works))
        for each in works:
            each.rushed = True
        note(kitchen, work, cause)


def hold(
    pk: int,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """Put an order, or one item, aside, with the work that is left; its place goes to the next."""
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        refuse_ended(order, one)
        refuse_done(one)
        works = [work for work in in_hand(order, one) if not work.held]
        if not works:
            raise Refused(f"{one or order} is on hold already.")
        state = before(kitchen, order, works)
        left = []
        for work in works:
            work.remaining_seconds = work_left(kitchen, work)
            left.append(leave(kitchen, work))
            work.held = True
            work.epoch += 1
        for work in works:
            note(kitchen, work, Cause(Event.HELD, by, reason, state if work is works[-1] else None))
        seat_each(kitchen, left)


def resume(
    pk: int,
    by: Any = None,
    reason: str = "",
    seen: int | None = None,
    *,
    item: int | None = None,
    clock: Clock | None = None,
) -> None:
    """Continue the work that was left when it was put aside, at once or, without a free place, in its old turn."""
    with locked(clock) as kitchen:
        order, one = find(kitchen, pk, seen, item)
        works = [work for work in in_hand(order, one) if work.held]
        if not works:
            raise Refused(f"{one or order} is not on hold.")
        for work in works:
            work.held = False
            settle(kitchen, work, Cause(Event.RESUMED, by, reason))


def undo(pk: int, seq: int, by: Any, *, clock: Clock | None = None) -> None:
    """Undo a person's last action up to this seq: all returns to where it was, with its turn and the work left.

    Refused if something has happened to that since, if it was someone else's, or after UNDO_SECONDS.
    """
    with locked(clock) as kitchen:
        order, _ = find(kitchen, pk)
        event = order.events.filter(seq__lte=seq, by=by, before__isnull=False).order_by("-seq").first() if by else None
        if event is None or event.before is None or "items" not in event.before:
            raise Refused(NOTHING_TO_UNDO)
        if kitchen.now - event.at > timedelta(seconds=UNDO_SECONDS):
            raise Refused(NOTHING_TO_UNDO)
        refuse_undo(order, event)
        restore(kitchen, order, event, Cause(Event.UNDONE, by))
        if event.event == Event.CANCELLED and event.item is not None:
            strike(order)


# The stations and the clock


def change_station(stage: str, *, clock: Clock | None = None, **changes: Any) -> None:
    """Change columns of a stage's station. More places: the line moves at once. Fewer: nobody is thrown out.

    Work that is under way takes as long as was drawn for it. ValidationError if a value is not valid; Refused if the
    kitchen would not know what to do with the orders that are open.
    """
    if stage not in stages.WORKED:
        raise Refused(f"There is no station for “{stage}”.")
    with locked(clock) as kitchen:
        kitchen.read()
        station = kitchen.stations[stage]
        works_on = station.works_on
        for name, value in changes.items():
            setattr(station, name, value)
        station.full_clean()
        if station.works_on != works_on:
            refuse_mixture(kitchen)
        station.save(update_fields={*changes, "spread_seconds"})  # `clean` can adapt the spread to the mean
        seat(kitchen, station)


def refuse_mixture(kitchen: Kitchen) -> None:
    """Refuse that a station works on something else at the wrong place of a route, or while orders are open."""
    for route in stages.ROUTES.values():
        units = [kitchen.stations[code].is_of_items for code in route.stages if code in kitchen.stations]
        if units != sorted(units, reverse=True):
            raise Refused("Stations that work on pizzas must come before those that work on orders.")
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
                seat(kitchen, station)


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
        Order.objects.filter(user=user).update(user=None, guest="")


def write_forecasts(etas: Mapping[int, tuple[int, Sequence[datetime | None]]]) -> list[Order]:
    """Write {pk: (seq, (low, median, high))} to the orders that are still at that seq; return these."""
    with lock_kitchen():
        orders = [order for order in Order.objects.filter(pk__in=etas).with_items() if order.seq == etas[order.pk][0]]
        for order in orders:
            order.eta_low, order.eta_median, order.eta_high = etas[order.pk][1]
        ORDER_ROWS.update_all(orders, FORECAST_FIELDS)
    return orders
