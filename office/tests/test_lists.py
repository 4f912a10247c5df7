"""No list of the admin writes yesterday over today."""

from decimal import Decimal

import pytest

from home.models import Order, Pizza
from kitchen import flow
from kitchen.models import Station
from office.tests.browser import filled_in, opened, said

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cooked"), pytest.mark.database]

PIZZAS = "/admin/home/pizza/"


@pytest.fixture
def menu(db):
    names = ("Margherita", "Diavola", "Funghi", "Capricciosa")
    return [Pizza.objects.create(name=name, price=Decimal("10.50")) for name in names]


def row_of(page, row):
    """Return the prefix of a row's form."""
    key = str(row.pk)
    return next(name.removesuffix("-id") for name, value in page.items() if name.endswith("-id") and value == key)


def changed(page, row, **values):
    """Return a list's page with other values in one row; None is a box that is not ticked."""
    prefix = row_of(page, row)
    sent = page | {f"{prefix}-{field}": value for field, value in values.items()} | {"_save": "Save"}
    return {name: value for name, value in sent.items() if value is not None}


def prices():
    return list(Pizza.objects.order_by("pk").values_list("price", "on_menu"))


def test_a_list_that_lay_open_writes_what_was_changed_in_it_alone(staff, colleague, menu):
    page, theirs = opened(staff, PIZZAS), opened(colleague, PIZZAS)
    colleague.post(PIZZAS, changed(changed(theirs, menu[2], price="33.33"), menu[3], on_menu=None))
    moment = Pizza.objects.get(pk=menu[2].pk).updated_at
    response = staff.post(PIZZAS, changed(page, menu[0], price="9.00"))
    assert prices() == [
        (Decimal("9.00"), True),
        (Decimal("10.50"), True),
        (Decimal("33.33"), True),
        (Decimal("10.50"), False),
    ]
    assert Pizza.objects.get(pk=menu[2].pk).updated_at == moment
    assert said(response) == [
        "1 pizza was changed successfully.",
        "Changed meanwhile, and kept: "
        "Funghi: Price is now 33.33 (10.50 when you opened this page), changed by carla. "
        "Capricciosa: On menu is now off (on when you opened this page), changed by carla.",
    ]


def test_a_row_that_both_changed_is_a_conflict_and_nothing_is_saved(staff, colleague, menu):
    page, theirs = opened(staff, PIZZAS), opened(colleague, PIZZAS)
    colleague.post(PIZZAS, changed(theirs, menu[2], price="33.33"))
    response = staff.post(PIZZAS, changed(changed(page, menu[0], price="9.00"), menu[2], price="12.00"))
    assert prices()[0] == (Decimal("10.50"), True) and prices()[2] == (Decimal("33.33"), True)
    html = response.content.decode()
    assert "Price is now 33.33 (10.50 when you opened this page), changed by carla." in html
    assert "Nothing is saved yet." in html
    again = filled_in(response)
    assert (again["form-0-price"], again[f"{row_of(again, menu[2])}-price"]) == ("9.00", "12.00")
    assert staff.post(PIZZAS, again | {"_save": "Save"}).status_code == 302
    assert [price for price, _ in prices()] == [Decimal("9.00"), Decimal("10.50"), Decimal("12.00"), Decimal("10.50")]


def test_rows_that_are_gone_disturb_the_others_only_where_they_were_changed(staff, menu):
    page = opened(staff, PIZZAS)
    menu[1].delete()
    response = staff.post(PIZZAS, changed(page, menu[3], price="9.00"))
    assert said(response) == ["1 pizza was changed successfully."]
    page = opened(staff, PIZZAS)
    key = menu[2].pk
    menu[2].delete()
    response = staff.post(PIZZAS, changed(changed(page, menu[0], price="8.00"), Pizza(pk=key), price="7.00"))
    assert said(response) == [
        f"Pizza {key}: It was deleted meanwhile, so your change can’t be saved.",
        "1 pizza was changed successfully.",
    ]
    assert [price for price, _ in prices()] == [Decimal("8.00"), Decimal("9.00")]


def test_a_refused_list_shows_each_form_beside_its_own_row(staff, menu):
    page = opened(staff, PIZZAS)
    Pizza.objects.create(pk=menu[0].pk - 1 or 1000, name="Aglio", price=5)  # today's list has another first row
    response = staff.post(PIZZAS, changed(page, menu[3], price="-1"))
    rows = zip(response.context["cl"].result_list, response.context["cl"].formset.forms, strict=True)
    assert [row.pk == form.instance.pk for row, form in rows] == [True] * 4


def test_the_list_of_stations_keeps_what_the_board_set(staff):
    page = opened(staff, "/admin/kitchen/station/")
    line, oven = Station.objects.get(stage="received"), Station.objects.get(stage="baking")
    flow.change_station("baking", capacity=9)
    assert staff.post("/admin/kitchen/station/", changed(page, line, capacity="5")).status_code == 302
    assert dict(Station.objects.filter(pk__in=[line.pk, oven.pk]).values_list("stage", "capacity")) == {
        "received": 5,
        "baking": 9,
    }
    response = staff.post("/admin/kitchen/station/", changed(page, oven, capacity="2"))
    assert "Places is now 9 (6 when you opened this page)." in response.content.decode()


def test_an_old_list_never_puts_a_delivered_order_into_the_oven(staff, place):
    order, other = place(), place()
    page = opened(staff, "/admin/home/order/")
    flow.override(order.pk, "delivered")
    response = staff.post("/admin/home/order/", changed(changed(page, order, stage="baking"), other, stage="baked"))
    assert f"{order} has moved on: it is delivered already." in response.content.decode()
    assert [Order.objects.get(pk=pk).stage for pk in (order.pk, other.pk)] == ["delivered", "received"]
