"""In a real browser: a list that lay open while a colleague worked, and an action on many rows."""

import subprocess
import sys

import pytest
from playwright.sync_api import expect

from home.tests.test_browser import PASSWORD, PHONE, SPEED, chromium, demo_shop, staff, window  # noqa: F401  fixtures
from pizzaProj.tests.test_stack import MANAGE, environment

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MANY = (
    "from home.models import Pizza; Pizza.objects.bulk_create(Pizza(name=f'Extra {n}', price=5) for n in range(150))"
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with demo_shop(tmp_path_factory, "--speed", SPEED) as shop:
        yield shop.open()


def price(page, name):
    return page.get_by_role("row", name=name).get_by_role("spinbutton")


def test_a_list_that_lay_open_shows_what_a_colleague_changed(shop, staff):  # noqa: F811
    pizzas = f"{shop.url}admin/home/pizza/"
    staff.goto(pizzas)
    colleague = staff.context.new_page()
    colleague.goto(pizzas)
    price(colleague, "Funghi").fill("33.33")
    colleague.get_by_role("button", name="Save").click()
    expect(colleague.get_by_text("1 pizza was changed successfully.")).to_be_visible()

    price(staff, "Margherita").fill("8.88")
    price(staff, "Funghi").fill("13.13")
    staff.get_by_role("button", name="Save").click()
    expect(staff.get_by_text("Price is now 33.33")).to_be_visible()
    expect(price(staff, "Funghi")).to_have_value("13.13")
    expect(price(staff, "Margherita")).to_have_value("8.88")
    staff.set_viewport_size(PHONE)
    expect(staff.get_by_text("Nothing is saved yet.")).to_be_visible()
    staff.get_by_role("button", name="Save").click()
    expect(staff.get_by_text("2 pizzas were changed successfully.")).to_be_visible()


def test_many_rows_are_taken_in_the_background_while_their_page_looks_on(shop, staff):  # noqa: F811
    subprocess.run([sys.executable, MANAGE, "shell", "-c", MANY], env=environment(shop.folder), check=True, timeout=60)
    staff.goto(f"{shop.url}admin/home/pizza/?q=Extra")
    staff.locator("#action-toggle").check()
    staff.get_by_role("button", name="Select all 150 pizzas").click()
    staff.get_by_label("Action:").select_option("delete_selected")
    staff.get_by_role("button", name="Go").click()
    expect(staff.get_by_text("150 pizzas will be deleted one by one in the background")).to_be_visible()
    staff.get_by_role("button", name="Yes, I’m sure").click()
    staff.get_by_role("link", name="See how far it is").click()
    expect(staff.get_by_text("150 pizzas deleted.")).to_be_visible()
    expect(staff.get_by_text("150 of 150")).to_be_visible()
    expect(staff.get_by_role("button", name="Stop")).to_be_hidden()
