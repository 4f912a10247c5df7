"""A shop with a long past is made in a moment, and its rows are like those of orders that were really cooked."""

import pytest
from django.db.models import Count, F, Max, Min

from benchmarks.history import filling, paths
from chat.models import Message, Room
from home.models import Order, OrderEvent, OrderItem
from home.timeline import timeline
from kitchen import flow
from kitchen.models import Outcome, Promise, Shop
from kitchen.tests.clock import NOON

ORDERS = 300

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


@pytest.fixture
def shop():
    return paths.begin(ORDERS)


def test_the_past_has_no_gaps(shop):
    past = Order.objects.filter(stage="delivered")
    counted = past.annotate(written=Count("events"), first=Min("events__seq"), last=Max("events__seq"))
    assert counted.filter(written=F("seq"), first=1, last=F("seq")).count() == ORDERS
    assert OrderItem.objects.filter(order__in=past).count() == sum(past.values_list("pizzas", flat=True))
    assert (Promise.objects.count(), Outcome.objects.count()) == (ORDERS, ORDERS)
    assert Shop.objects.get().settled == Promise.objects.latest("pk").pk
    assert Message.objects.count() == ORDERS == 2 * Room.objects.exclude(agent=None).count()
    moments = list(OrderEvent.objects.filter(order__in=past).order_by("pk").values_list("order", "seq"))
    assert moments == sorted(moments)


def cook(order):
    """Let the links of an order's only pizza come in time, to the end."""
    while (order := Order.objects.with_items().get(pk=order.pk)).stage != "delivered":
        work = (order.cooking or [order])[0]
        link = (work.number, work.epoch, work.stage) if order.cooking else (work.epoch, work.stage)
        (flow.finish_item if order.cooking else flow.finish)(order.pk, *link, clock=lambda work=work: work.due_at)
    return order


def test_what_happened_reads_as_if_it_had_been_cooked(place):
    cooked = cook(place(NOON))
    paths.begin(ORDERS)
    past = Order.objects.filter(stage="delivered", pizzas=1).exclude(pk=cooked.pk).latest("pk")
    told = [[sentence for _, sentence in timeline(order)] for order in (past, cooked)]
    assert told[0] == told[1]


def test_new_orders_and_talk_go_on_where_the_past_ends(shop, place):
    order = place()
    assert order.pk > shop.open[-1].pk > Order.objects.filter(stage="delivered").latest("pk").pk


def test_filling_is_added_to_what_is_there(shop):
    filling.fill(30)
    assert Order.objects.filter(stage="delivered").count() == ORDERS + 30


def test_every_path_can_be_asked_twice(shop):
    for path in paths.paths(shop).values():
        path()
        path()
