"""A virtual clock for tests, the works that a verb begins, and links that arrive."""

from datetime import UTC, datetime, timedelta

from home.models import Order, OrderItem
from kitchen import flow
from kitchen.flow import work_begun


class Moment(datetime):
    """A moment that is also a clock standing still at it."""

    def __call__(self):
        return self


NOON = Moment(2026, 11, 20, 12, tzinfo=UTC)


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def works_begun(verb, *args, **kwargs):
    """Return the works, orders or items, that a verb begins; for a link also the one that goes on in its own chain."""
    begun = []

    def note(order, item=None, **kwargs):
        begun.append(item or order)

    work_begun.connect(note)
    try:
        own = verb(*args, **kwargs)
    finally:
        work_begun.disconnect(note)
    return [own, *begun] if verb in (flow.finish, flow.finish_item) and own else begun


def begins(verb, *args, **kwargs):
    """Return the orders of these works."""
    works = works_begun(verb, *args, **kwargs)
    return [work if isinstance(work, Order) else work.order for work in works]


def work_of(order):
    """Read what an order of one pizza is about now: its item, or itself once that is out of the oven."""
    return Order.objects.get(pk=order.pk).front[0]


def link_of(work):
    """Return the verb of flow that the link of a work calls, with its arguments."""
    if isinstance(work, Order):
        return flow.finish, work.pk, work.epoch, work.stage
    return flow.finish_item, work.order.pk, work.number, work.epoch, work.stage


def finish(order, now):
    """Let the link of an order of one pizza arrive; return the orders whose works begin."""
    return begins(*link_of(work_of(order)), clock=now)


def finish_item(order, number, now):
    """Let the link of one item arrive; return the orders whose works begin."""
    return begins(*link_of(Order.objects.get(pk=order.pk).item(number)), clock=now)


def works_due(now):
    """Return the orders and items whose work is done by now, in the order in which their links would arrive."""
    rows = Order.objects.working(), OrderItem.objects.working().select_related("order")
    due = [work for works in rows for work in works.filter(due_at__lte=now)]
    return sorted(due, key=lambda work: (work.due_at, work.pk))
