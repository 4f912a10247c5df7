"""Who orders are for, and who has taken them along: on boards, and in no public frame."""

import json

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext

from home import live
from home.models import Order
from kitchen import flow
from kitchen.board import handover
from kitchen.board.handover import who_for
from kitchen.board.tests.test_board import board_of, until
from kitchen.models import Station
from realtime.periodic import PeriodicCheck

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("valkey", "cooked", "small_kitchen"),
]


@pytest.fixture(autouse=True)
def no_help_from_the_clock(monkeypatch):
    """Switch off what is checked every few seconds: only what happens makes a board look."""
    monkeypatch.setattr(PeriodicCheck, "every_seconds", 60)


@pytest.fixture
def by_hand(small_kitchen):
    Station.objects.filter(stage="out_for_delivery").update(ends_by="hand", capacity=3)


@pytest.fixture
def boxed(place, alice):
    """An order of Alice's that waits for a driver."""
    order = place(user=alice)
    flow.override(order.pk, "out_for_delivery")
    return Order.objects.get(pk=order.pk)


def test_an_order_is_called_out_by_its_customers_name_or_its_number(place, alice):
    assert who_for(place(user=alice)) == "alice"
    alice.first_name, alice.last_name = "Alice", "Liddell"
    alice.save()
    assert who_for(place(user=alice)) == "Alice Liddell"
    guest = place(guest="a" * 32)
    assert who_for(guest) == guest.number


async def test_names_go_to_boards_and_into_no_public_frame(by_hand, boxed, bob, charlie, place, alice):
    ready = await sync_to_async(place)(user=alice, way="carry_out")
    async with board_of(bob) as (board, frame):
        names = {"order_id": boxed.order_id, "for": "alice", "with": None}
        assert frame["board"]["who"] == [names]
        await sync_to_async(flow.take)(boxed.pk, charlie)
        assert (await until(board, "who"))["who"] == [{**names, "with": "charlie"}]
        await sync_to_async(flow.override)(ready.pk, "ready")
        assert (await until(board, "who"))["who"] == [{**names, "order_id": ready.order_id}]
    event = await sync_to_async(lambda: live.orders_event([live.state_of(order) for order in [boxed, ready]]))()
    assert "alice" not in json.dumps(event) and "charlie" not in json.dumps(event)


@pytest.mark.usefixtures("by_hand")
def test_the_queries_do_not_grow_with_the_orders(place, alice, charlie):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            handover.read_handover()
        return len(captured)

    few = queries()
    for way in ("delivery", "delivery", "carry_out"):
        order = place(user=alice, way=way)
        flow.override(order.pk, "out_for_delivery" if way == "delivery" else "ready")
        if way == "delivery":
            flow.take(order.pk, charlie)
    assert queries() == few + 1 == 4  # who has taken them is asked only if anything is on its way
