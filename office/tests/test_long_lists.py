"""A list of the admin shows the newest of a million rows as fast as those of a young shop."""

import re
from datetime import UTC, datetime

import pytest

from home.admin.orders import OrderAdmin
from home.models import Order
from office.tests.browser import opened
from pizzaProj import limits

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cooked", "sent"), pytest.mark.database]


ORDERS = "/admin/home/order/"


@pytest.fixture
def cut(monkeypatch):
    monkeypatch.setattr(limits, "LISTED_ROWS", 3)
    monkeypatch.setattr(OrderAdmin, "list_per_page", 2)


def test_a_long_list_ends_after_its_newest_rows_and_says_so(staff, place, cut):
    orders = [place() for _ in range(4)]
    pages = [staff.get(f"{ORDERS}?p={number}") for number in (1, 2)]
    shown = [order.pk for page in pages for order in page.context["cl"].result_list]
    assert shown == [order.pk for order in orders[:0:-1]]
    response = pages[-1]
    assert "The first 3 are listed here." in response.content.decode()


def test_a_list_that_is_whole_says_nothing(staff, place, cut):
    place()
    place()
    assert "are listed here" not in staff.get(ORDERS).content.decode()


def test_all_rows_of_a_long_list_are_those_that_it_lists(staff, place, cut):
    oldest, *others = [place() for _ in range(4)]
    page = opened(staff, ORDERS)
    staff.post(ORDERS, page | {"action": "cancel", "select_across": "1", "_selected_action": [others[0].pk]})
    stages = dict(Order.objects.values_list("pk", "stage"))
    assert stages == {oldest.pk: "received"} | {order.pk: "cancelled" for order in others}


def links(response):
    (choices,) = re.findall(r'<nav class="toplinks">(.*?)</nav>', response.content.decode(), re.DOTALL)
    return [
        words for words in re.findall(r"<a href=[^>]*>([^<]+)</a>", choices) if "‹" not in words and "&" not in words
    ]


def test_the_days_of_orders_are_found_by_year_and_month(staff, place):
    place(datetime(2025, 11, 30, 12, tzinfo=UTC))
    place(datetime(2026, 2, 2, 12, tzinfo=UTC))
    assert links(staff.get(ORDERS)) == ["2025", "2026"]
    year = staff.get(f"{ORDERS}?created_at__year=2026")
    assert links(year) == ["January 2026", "February 2026"]
    month = staff.get(f"{ORDERS}?created_at__year=2026&created_at__month=2")
    assert links(month) == ["February 1", "February 2"]
    day = staff.get(f"{ORDERS}?created_at__year=2026&created_at__month=2&created_at__day=2")
    assert (links(day), day.context["cl"].result_count) == ([], 1)
    assert "February 2" in day.content.decode()


def test_a_young_shop_begins_with_its_days(staff, place):
    place(datetime(2026, 2, 2, 12, tzinfo=UTC))
    place(datetime(2026, 2, 3, 12, tzinfo=UTC))
    assert links(staff.get(ORDERS)) == ["February 2", "February 3"]


@pytest.mark.parametrize("wrong", ["created_at__year=0", "created_at__year=2026&created_at__month=13"])
def test_a_day_that_is_none_finds_nothing_and_breaks_nothing(staff, place, wrong):
    place()
    assert staff.get(f"{ORDERS}?{wrong}").status_code in (200, 302)
