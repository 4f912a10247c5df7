"""The front page of the admin: the present state of the kitchen."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from home.models import Order
from kitchen import flow
from kitchen.models import Outcome, Promise

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]

SECONDS = {name.attname: 60 for name in Promise._meta.concrete_fields if name.attname.endswith("_seconds")}


def came(order_pk, at, kept, simulated=False, retimed=False):
    promise = Promise.objects.create(
        order_pk=order_pk, at=at, speed=1, pizzas=1, open_orders=0, simulated=simulated, **SECONDS
    )
    Outcome.objects.create(
        promise=promise, at=at, simulated=simulated, seconds=60, kept=kept, intervened=retimed, retimed=retimed
    )


def front_page(client):
    page = client.get("/admin/").content.decode()
    start = page.index('class="now"')
    return page[start : page.index("</section>", start)]


@pytest.mark.database
def test_it_counts_open_orders_late_ones_and_promises_of_today(client, bob, small_kitchen, place):
    now = timezone.now()
    first, second, _ = place(now), place(now), place(now, simulated=True)
    flow.override(first.pk, "baking")
    Order.objects.filter(pk=second.pk).update(promised_high=now)
    came(1001, now, kept=True)
    came(1002, now, kept=False)
    came(1003, now - timedelta(days=2), kept=True)
    came(1005, now, kept=False, retimed=True)
    came(1004, now, kept=True, simulated=True)
    client.force_login(bob)
    words = " ".join(strip_tags(front_page(client)).split())
    assert words.split("Right now ")[1] == (
        "1 Order received and 1 simulated 1 Baking 0 Baked 0 Out for delivery 0 Ready to collect 1 Late"
        " 1 of 2 Promises kept today and 1 of 1 simulated The board The inbox The planner"
    )


def test_it_leads_to_the_orders_of_a_stage_and_to_the_kitchens_pages(client, bob):
    client.force_login(bob)
    page = front_page(client)
    for address in ("/admin/home/order/?stage__exact=baking", "/kitchen/", "/kitchen/inbox/", "/kitchen/planner/"):
        assert f'href="{address}"' in page
        assert client.get(address).status_code == 200


def test_what_is_ready_to_collect_is_not_late(client, bob, small_kitchen, place):
    order = place(way="carry_out")
    Order.objects.filter(pk=order.pk).update(promised_high=order.created_at)
    client.force_login(bob)
    assert "1 Late" in " ".join(strip_tags(front_page(client)).split())
    flow.override(order.pk, "ready")
    assert "0 Late" in " ".join(strip_tags(front_page(client)).split())
