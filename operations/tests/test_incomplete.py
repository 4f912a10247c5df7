"""A kitchen whose station was deleted takes no orders, says so, and keeps its pages open."""

from typing import Any

import pytest
from celery.exceptions import Ignore
from django.contrib.auth.models import User
from django.test import Client

from home.models import Order
from kitchen import flow, incomplete, stages, tasks
from kitchen.board.handover import Handover
from kitchen.drivers import deliveries
from kitchen.incomplete import Incomplete
from kitchen.models import Shop, Station
from kitchen.promises.tasks import look_ahead
from office.tests.browser import opened

PAGES = ["/", "/admin/", "/kitchen/", "/kitchen/drivers/", "/kitchen/promises/"]
PAGES += ["/admin/kitchen/station/", "/admin/home/order/", "/api/promise/"]

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("cooked", "sent", "timeless")]


@pytest.mark.parametrize("stage", stages.WORKED)
def test_without_a_station_orders_are_refused_and_pages_open(
    place: Any, client: Client, bob: User, stage: str
) -> None:
    order = place()
    Station.objects.filter(stage=stage).delete()
    answer = client.post("/api/order/", {"id": order.lines.get().pizza_id}, content_type="application/json")
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert answer.json() == {
        "status": False,
        "error": "We can't take orders right now: something is missing in the kitchen. "
        "Please try again in a few minutes.",
    }
    client.force_login(bob)
    pages = [*PAGES, order.get_absolute_url()]
    assert {page: client.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)


def test_a_page_that_needs_the_station_says_so(client: Client, bob: User) -> None:
    client.force_login(bob)
    Station.objects.filter(stage="baking").delete()
    page = client.get("/kitchen/planner/")
    assert (page.status_code, page["Retry-After"]) == (503, "30")
    assert "Something is missing in our kitchen" in page.text and "the front page of the admin" in page.text


def test_staff_are_refused_in_a_sentence(place: Any, client: Client, bob: User) -> None:
    order = place()
    Station.objects.filter(stage="baked").delete()
    with pytest.raises(flow.Refused, match="there is no cutting bench"):
        flow.advance(order.pk, by=bob)
    client.force_login(bob)
    chosen = {"action": "cancel", "index": 0, "_selected_action": order.pk}
    for url, form in (
        ("/admin/home/order/", {**opened(client, "/admin/home/order/"), **chosen}),
        ("/admin/kitchen/shop/preset/real/", {}),
    ):
        assert "there is no cutting bench" in client.post(url, form, follow=True).text


def test_the_drivers_page_has_no_drivers_to_show() -> None:
    empty = Handover(number=1, leaving=[], first=frozenset(), beyond=0, coming=0, stations={})
    assert deliveries.station(empty) == {
        "is_open": False,
        "takes": False,
        "coming": 0,
        "coming_from": "Cutting bench",
    }


def test_tasks_end_quietly_and_tell_it_once(
    place: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, swept: list[tuple[str, int]]
) -> None:
    order = place()
    Station.objects.filter(stage="baking").delete()
    monkeypatch.setattr(incomplete.refusals, "said_at", None)
    monkeypatch.setattr(incomplete.refusals, "unsaid", 0)
    work = order.parts[0]
    for task, args in (
        (tasks.sweep, ()),
        (look_ahead, ()),
        (tasks.finish_item, (order.pk, 1, work.epoch, "received")),
        (tasks.load, ("baking", order.created_at.isoformat())),
    ):
        with pytest.raises(Ignore):
            task.run(*args)
    told = [(record.levelname, record.exc_info, record.getMessage()) for record in caplog.records]
    words = "Refused or left alone for want of a station: 1. The command “mend” puts it back."
    assert told == [("WARNING", None, f"{words} The kitchen is incomplete: there is no oven.")]
    assert swept == [("incomplete", 1)]
    assert Order.objects.get(pk=order.pk).seq == order.seq


def test_without_the_shops_row_pages_say_so(client: Client, bob: User) -> None:
    client.force_login(bob)
    Station.objects.all().delete()
    Shop.objects.all().delete()
    pages = ["/", "/kitchen/promises/", "/kitchen/planner/", "/admin/", "/admin/home/order/"]
    assert [client.get(page).status_code for page in pages] == [503, 503, 503, 200, 200]
    with pytest.raises(Incomplete):
        flow.seat_all()
