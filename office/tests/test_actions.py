"""Actions do what a person saw fit for what they saw, and answer in a sentence or two."""

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from chat.models import Message, Report, Room
from home.models import Order, OrderLine, Pizza
from kitchen import flow
from office.tests.browser import filled_in, opened, said

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cooked"), pytest.mark.database]

ORDERS = "/admin/home/order/"


def act(client, address, page, action, *rows, **more):
    chosen = {"action": action, "index": 0, "_selected_action": [row.pk for row in rows]}
    return client.post(address, page | chosen | more)


def stages_of(*orders):
    return [Order.objects.get(pk=order.pk).stage for order in orders]


def test_of_two_who_saw_received_one_advances(staff, colleague, place):
    order, other = place(), place()
    pages = [opened(browser, ORDERS) for browser in (staff, colleague)]
    assert said(act(colleague, ORDERS, pages[1], "advance", order)) == ["1 order advanced."]
    response = act(staff, ORDERS, pages[0], "advance", order, other)
    assert said(response) == [
        "1 order advanced.",
        f"1 refused: has moved on: it is in the oven already ({order}).",
    ]
    assert stages_of(order, other) == ["baking", "baking"]


@pytest.mark.parametrize("action", ["advance", "hold", "remake", "cancel"])
def test_an_old_list_does_nothing_with_a_delivered_order(staff, place, action):
    order = place()
    page = opened(staff, ORDERS)
    flow.override(order.pk, "delivered")
    (sentence,) = said(act(staff, ORDERS, page, action, order))
    assert sentence == f"1 refused: has moved on: it is delivered already ({order})."
    assert stages_of(order) == ["delivered"]


def test_an_order_that_has_left_the_filter_is_refused_not_forgotten(staff, place):
    order = place()
    page = opened(staff, f"{ORDERS}?stage__exact=received")
    flow.override(order.pk, "baked")
    response = act(staff, f"{ORDERS}?stage__exact=received", page, "hold", order)
    assert said(response)[0].startswith("1 refused: has moved on")


def test_a_page_that_does_not_say_what_it_showed_does_nothing(staff, place):
    order = place()
    response = act(staff, ORDERS, {}, "advance", order)
    assert said(response) == [
        "This page is out of date: it doesn’t say what you saw. Load it again. Nothing was done."
    ]
    response = act(staff, ORDERS, {}, "advance", order, select_across="1")
    assert said(response)[0].startswith("This page is out of date")
    assert stages_of(order) == ["received"]


def test_what_is_no_key_is_left_out(staff, place):
    page = opened(staff, ORDERS)
    response = staff.post(ORDERS, page | {"action": "advance", "index": 0, "_selected_action": ["abc", "9" * 30]})
    assert response.status_code == 302


def test_refusals_are_told_by_reason_with_a_few_names(staff, place):
    orders = [place() for _ in range(7)]
    page = opened(staff, ORDERS)
    for order in orders:
        flow.override(order.pk, "delivered")
    (sentence,) = said(act(staff, ORDERS, page, "cancel", *orders))
    names = ", ".join(str(order) for order in orders[:5])
    assert sentence == f"7 refused: has moved on: it is delivered already ({names} and 2 more)."


def test_a_job_that_a_colleague_has_changed_is_not_switched_off(staff):
    mine, theirs = PeriodicTask.objects.order_by("pk")[:2]
    address = "/admin/django_celery_beat/periodictask/"
    page = opened(staff, address)
    PeriodicTask.objects.filter(pk=theirs.pk).update(expire_seconds=77)
    PeriodicTask.objects.filter(pk=mine.pk).update(total_run_count=5, last_run_at=timezone.now())  # beat does that
    response = act(staff, address, page, "disable_tasks", mine, theirs)
    assert said(response)[0] == f"1 refused: has changed since you saw it ({theirs})."
    assert list(PeriodicTask.objects.order_by("pk").values_list("enabled", flat=True)[:2]) == [False, True]


def test_a_report_that_a_colleague_has_settled_is_left_alone(staff, bob, carla):
    room = Room.objects.create(kind="public", slug="lounge", name="Lounge")
    message = Message.objects.create(room=room, seq=1, author=carla, body="Hm", revision=1)
    report = Report.objects.create(message=message, by=bob)
    page = opened(staff, "/admin/chat/report/")
    Report.objects.update(settled_at=timezone.now(), settled_by=carla)
    response = act(staff, "/admin/chat/report/", page, "remove_message", report)
    assert said(response)[0].startswith("1 refused: has changed since you saw it (the message of ")
    assert Message.objects.get().body == "Hm"


# Deleting


def test_a_row_is_deleted_as_it_was_seen_or_not_at_all(staff, margherita, diavola):
    address = "/admin/home/pizza/"
    page = opened(staff, address)
    Pizza.objects.filter(pk=diavola.pk).update(price=20)
    question = act(staff, address, page, "delete_selected", margherita, diavola)
    response = staff.post(address, filled_in(question) | {"action": "delete_selected"})
    assert said(response) == ["1 pizza deleted.", "1 refused: has changed since you saw it (Diavola)."]
    question = f"{address}{diavola.pk}/delete/"
    page = opened(staff, question)
    Pizza.objects.filter(pk=diavola.pk).update(price=21)
    assert said(staff.post(question, page)) == [
        "Diavola has changed since you saw it. Look again before you delete it."
    ]
    assert staff.post(question, opened(staff, question)).status_code == 302
    assert not Pizza.objects.exists()


def test_a_pizza_that_was_ordered_stays_and_its_orders_are_not_listed(staff, place, margherita):
    for _ in range(3):
        place()
    for page in (
        staff.get(f"/admin/home/pizza/{margherita.pk}/delete/"),
        act(staff, "/admin/home/pizza/", opened(staff, "/admin/home/pizza/"), "delete_selected", margherita),
    ):
        assert list(page.context["protected"]) == ["Orders with Margherita"]


def test_a_pizza_that_was_ordered_meanwhile_stays(staff, place, margherita):
    address = "/admin/home/pizza/"
    question = act(staff, address, opened(staff, address), "delete_selected", margherita)
    place()
    response = staff.post(address, filled_in(question) | {"action": "delete_selected"})
    assert said(response) == ["1 refused: is still needed by something else (Margherita)."]
    assert OrderLine.objects.count() == 1
