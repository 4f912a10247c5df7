"""The pizzas of an order are read and moved on its page in the admin."""

from contextlib import suppress
from itertools import product

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from home.forms import targets_of
from home.models import Order
from kitchen import flow, outlook, stages
from kitchen.models import Station

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cooked")]


@pytest.fixture
def staff(client, bob):
    client.force_login(bob)
    return client


@pytest.fixture
def order(place, margherita, diavola):
    return place(items=[(margherita, 2), (diavola, 1)])


def fresh(order):
    return Order.objects.get(pk=order.pk)


def address(order):
    return f"/admin/home/order/{order.pk}/change/"


def open_page(client, order):
    """Return the fields of the order's page as a browser would send them back."""
    return fields_of(client.get(address(order)).context)


def fields_of(context):
    forms = [context["adminform"].form]
    for inline in context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    fields = {form.add_prefix(name): form[name].value() for form in forms for name in form.fields}
    fields["initial-stage"] = fields["stage"]
    return {name: "" if value is None else value for name, value in fields.items()}


def moves(**chosen):
    """Return what a person fills in: moves(n1="baking", why1="Burnt") is about pizza 1."""
    names = {"n": "move_to", "w": "reason"}
    return {f"items-{int(name[-1]) - 1}-{names[name[0]]}": value for name, value in chosen.items()}


def where(order):
    return [item.stage for item in fresh(order).parts]


def errors(response):
    assert response.status_code == 200
    return [sentence for found in response.context["errors"] for sentence in found]


def test_a_pizza_is_moved_in_the_persons_name_with_a_reason(staff, bob, order):
    page = open_page(staff, order)
    assert staff.post(address(order), page | moves(n2="baking", why2="Made already")).status_code == 302
    assert where(order) == ["received", "baking", "received"]
    event = order.events.get(event="overridden")
    assert (event.item, event.by, event.reason) == (2, bob, "Made already")
    history = staff.get(f"/admin/home/order/{order.pk}/history/").content.decode()
    assert "Changed move to and reason for order item" in history


def test_several_are_moved_at_once_and_a_cancelled_one_is_struck(staff, order):
    page = open_page(staff, order)
    chosen = moves(n1="baking", n2="baked", n3="cancelled", why3="No more salami")
    assert staff.post(address(order), page | chosen).status_code == 302
    assert where(order) == ["baking", "baked", "cancelled"]
    assert fresh(order).summary == "2 × Margherita"


def test_the_order_does_not_go_on_between_two_moves(staff, order):
    flow.override(order.pk, "baking", item=1)
    flow.override(order.pk, "baked", item=2)
    flow.override(order.pk, "baked", item=3)
    page = open_page(staff, order)
    assert staff.post(address(order), page | moves(n1="baked", n2="received")).status_code == 302
    assert where(order) == ["baked", "received", "baked"]
    assert not order.events.filter(item=None).exists()


def test_the_last_pizza_that_is_cancelled_takes_its_order_along(staff, order):
    page = open_page(staff, order)
    chosen = moves(n1="cancelled", why1="Flour", n2="cancelled", why2="is", n3="cancelled", why3="out")
    assert staff.post(address(order), page | chosen).status_code == 302
    assert fresh(order).stage == "cancelled"
    events = [(event.item, event.reason) for event in order.events.filter(event="cancelled")]
    assert events == [(1, "Flour"), (2, "is"), (None, "out")]


def test_an_untouched_page_moves_nothing_however_old_it_is(staff, order):
    page = open_page(staff, order)
    flow.override(order.pk, "baking", item=1)
    seq = fresh(order).seq
    assert staff.post(address(order), page).status_code == 302
    assert (where(order), fresh(order).seq) == (["baking", "received", "received"], seq)


def test_an_old_page_is_refused_where_its_pizza_has_moved_and_keeps_what_was_typed(staff, order):
    page = open_page(staff, order)
    flow.override(order.pk, "baking", item=1)
    seq = fresh(order).seq
    response = staff.post(address(order), page | moves(n2="baked", n1="baked", why1="Smells ready"))
    assert errors(response) == [f"{fresh(order).item(1)} has moved on: it is in the oven already."]
    assert (where(order), fresh(order).seq) == (["baking", "received", "received"], seq)  # neither of the two
    assert 'value="Smells ready"' in response.content.decode()

    again = fields_of(response.context)  # the person has read that, and still wants it
    assert staff.post(address(order), again).status_code == 302
    assert where(order) == ["baked", "baked", "received"]


def test_an_old_page_still_moves_a_pizza_that_has_stayed(staff, order):
    page = open_page(staff, order)
    flow.override(order.pk, "baking", item=1)
    assert staff.post(address(order), page | moves(n2="baked")).status_code == 302
    assert where(order) == ["baking", "baked", "received"]


def test_the_order_and_its_pizzas_are_not_moved_at_once(staff, order):
    page = open_page(staff, order)
    response = staff.post(address(order), page | {"stage": "baked"} | moves(n1="baking"))
    assert errors(response) == ["Move the order or its pizzas, not both at once. Nothing was moved."]
    assert (where(order), fresh(order).seq) == (["received"] * 3, order.seq)


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        (moves(n1="cancelled"), "Say why this pizza is cancelled: the customer reads it."),
        (moves(why1="Just so"), "Choose where the pizza goes to go with the reason."),
        (moves(n1="delivered"), "A pizza alone can't be “Delivered”."),
        (moves(n1="ready"), "never is “Ready to collect”: it is to be delivered."),
        (moves(n1="burnt"), "Select a valid choice. burnt is not one of the available choices."),
        (moves(n1="baking") | {"items-0-seen": ""}, "This page is out of date. Load it again."),
    ],
)
def test_what_makes_no_sense_gets_a_sentence_and_moves_nothing(staff, order, chosen, sentence):
    response = staff.post(address(order), open_page(staff, order) | chosen)
    (said,) = errors(response)
    assert said.endswith(sentence)
    assert (where(order), fresh(order).seq) == (["received"] * 3, order.seq)


def test_a_pizza_that_is_gone_is_said_to_be(staff, order, margherita):
    page = open_page(staff, order)
    flow.change(order.pk, [(margherita, 1)])
    response = staff.post(address(order), page | moves(n3="baking"))
    assert "This pizza is no longer part of the order." in response.content.decode()
    assert where(order) == ["received"]


def taken(order, item):
    """Return where flow.override takes an item from where it is, in the order of the kitchen."""
    found = []
    for code in stages.BY_CODE:
        with transaction.atomic():
            try:
                flow.override(order.pk, code, item=item.number)
                found.append(code)
            except flow.Refused:
                pass
            transaction.set_rollback(True)
    return found


def moved_by(order, target, item=None):
    """Move what can be moved there."""
    with suppress(flow.Refused):
        flow.override(order.pk, target, item=item)


@pytest.mark.parametrize("way", ["delivery", "carry_out"])
@pytest.mark.parametrize("last_of_pizzas", ["baking", "received", None])
def test_the_stages_to_choose_from_are_those_that_the_kitchen_takes(place, margherita, way, last_of_pizzas):
    of_orders = stages.WORKED[stages.number(last_of_pizzas) + 1 if last_of_pizzas else 0 :]
    Station.objects.filter(stage__in=of_orders).update(works_on="order")
    outlook.stations.forget()
    order = place(items=[(margherita, 3)], way=way)
    for whole, alone in product(order.route.stages, order.route.stages[:3]):
        moved_by(order, whole)
        moved_by(order, alone, item=1)
        for item in fresh(order).parts:
            assert targets_of(item) == taken(order, item), f"{alone} of {whole}, pizza {item.number}"


def test_struck_pizzas_and_those_of_an_ended_order_are_fixed(staff, order):
    flow.cancel(order.pk, item=2)
    page = open_page(staff, order)
    assert staff.get(address(order)).content.decode().count(" disabled") == 2
    response = staff.post(address(order), page | moves(n2="baking", why2="Back"))
    assert errors(response) == [f"{fresh(order).item(2)} is cancelled already."]
    assert where(order) == ["received", "cancelled", "received"]
    flow.cancel(order.pk)
    response = staff.post(address(order), open_page(staff, order) | moves(n1="baking"))
    assert errors(response) == [f"{fresh(order)} is cancelled already."]


def test_who_can_only_look_has_no_actions(client, charlie, order):
    charlie.is_staff = True
    charlie.save()
    charlie.user_permissions.set(Permission.objects.filter(codename__in=("view_order", "view_orderitem")))
    client.force_login(charlie)
    for action in ("advance", "hold", "resume", "remake", "cancel"):
        client.post("/admin/home/order/", {"action": action, "_selected_action": [order.pk]})
    assert where(order) == ["received"] * 3


def test_who_can_only_look_sees_the_pizzas_and_moves_none(client, charlie, order):
    charlie.is_staff = True
    charlie.save()
    wanted = ("view_order", "view_orderitem", "change_order")
    charlie.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    client.force_login(charlie)
    html = client.get(address(order)).content.decode()
    assert "Diavola" in html and "items-0-move_to" not in html
    data = open_page(client, order) | {"items-0-seen": order.seq} | moves(n1="baking")
    assert client.post(address(order), data).status_code == 302
    assert where(order) == ["received"] * 3


def test_the_queries_of_a_page_do_not_grow_with_its_pizzas(staff, timeless, place, margherita, diavola):
    counts = []
    for items in ([(margherita, 1)], [(margherita, 12), (diavola, 8)]):
        order = place(items=items)
        staff.get(address(order))
        with CaptureQueriesContext(connection) as queries:
            staff.get(address(order))
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 20


def test_a_reason_is_shown_as_text(staff, order):
    staff.post(address(order), open_page(staff, order) | moves(n1="baking", why1="<script>alert(1)</script>"))
    assert "<script>alert(1)" not in staff.get(address(order)).content.decode()


def test_work_that_takes_longer_than_usual_says_so(staff, order):
    order.items.filter(number=1).update(overdue=True)
    Station.objects.filter(stage="received").update(ends_by="hand")
    assert "working, longer than usual" in staff.get(address(order)).content.decode()
