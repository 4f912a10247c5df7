"""Orders that came and went long ago, on the virtual clock of the kitchen's tests."""

import pytest

from chat.tests.conftest import alice, bob, charlie  # noqa: F401  without passwords, whose hashes take long
from home.models import Order
from kitchen import flow
from kitchen.promises import measure
from kitchen.tests.clock import NOON


@pytest.fixture(autouse=True)
def learns_from_nothing(monkeypatch):
    """Let no event be among the newest that are kept in any case, but where a test is about them."""
    from keeping import ages

    assert ages.EVENTS_READ == measure.EVENTS_READ
    monkeypatch.setattr(ages, "EVENTS_READ", 0)


@pytest.fixture
def ended(place):
    """Return ended(now, ...), which places an order and cancels it at once."""

    def ended(now=NOON, **more):
        order = place(now, **more)
        flow.cancel(order.pk, None, "at the customer's request", seen=order.seq, clock=lambda: now)
        return Order.objects.get(pk=order.pk)

    return ended
