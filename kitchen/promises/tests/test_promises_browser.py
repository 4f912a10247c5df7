"""Promises in a real browser: what the basket says, what the order's page keeps, and the ledger."""

import re

import pytest
from playwright.sync_api import expect

from home.tests.test_browser import DESK, PASSWORD, PHONE, chromium, demo_shop, window  # noqa: F401  fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TIMES = r"(\w+ \d+, )?\d\d:\d\d(:\d\d)?"  # with the day where midnight lies between
INTERVAL = re.compile(rf"{TIMES} and {TIMES}")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Run so fast that a promise is a few seconds wide, and an order takes about ten."""
    with demo_shop(tmp_path_factory, "--speed", "200") as shop:
        yield shop.open()


def test_from_the_basket_to_the_ledger(window):  # noqa: F811
    page = window(PHONE)
    expect(page.locator("#wait")).to_have_text(re.compile("at your door in about"))
    page.get_by_role("button", name="Add Margherita").click()
    expect(page.locator("#basket-ready")).to_have_text(re.compile(rf"At your door between {TIMES} and {TIMES}"))
    page.get_by_role("button", name="Order", exact=True).click()
    page.get_by_role("link", name="Watch it").click()

    promise = page.locator("#promise")
    expect(promise.locator(".forecast")).to_have_text(re.compile("As it looks now: |It will be "))
    expect(promise.locator(".label")).to_have_text("At your door between")
    expect(promise.locator(".times")).to_have_text(INTERVAL)
    told = promise.locator(".times").inner_text()
    size = promise.locator(".times").evaluate("element => parseFloat(getComputedStyle(element).fontSize)")
    assert size >= page.locator("h1").evaluate("element => parseFloat(getComputedStyle(element).fontSize)") * 0.9
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect(page.locator("#enjoy")).to_be_visible(timeout=60_000)
    expect(promise.locator(".forecast")).to_have_text(re.compile("We kept it|It came "))
    assert promise.locator(".times").inner_text() == told  # for good

    page.goto(page.url.split("/order/")[0] + "/kitchen/promises/")
    while page.get_by_text("No promise has been put to the test yet").count():  # two seconds, until the job runs
        page.wait_for_timeout(300)
        page.reload()
    expect(page.locator(".answer")).to_contain_text("Of the last 1 orders")
    expect(page.locator("#chart canvas")).to_be_visible()


def test_a_held_order_says_so_and_the_board_shows_what_was_promised(shop, window):  # noqa: F811
    many = [{"id": pk, "quantity": 20} for pk in range(1, 6)]  # half a minute at the make line
    _, answer = shop.ask("api/order/", {"items": many})
    order = answer["order"]
    page, board = window(DESK, f"order/{order['order_id']}/"), window(DESK, "log-in/?next=/kitchen/")
    board.locator("#id_username").fill("bob")
    board.locator("#id_password").fill(PASSWORD)
    board.get_by_role("button", name="Log in").click()
    ticket = board.locator(f'.ticket[data-order="{order["order_id"]}"]')
    expect(ticket.locator(".promised")).to_have_text(re.compile(f"for {TIMES}"))
    ticket.get_by_role("button", name=f"More for {order['number']}").click()
    board.locator("#ticket-dialog").get_by_role("button", name="Hold").click()
    expect(page.locator("#promise .forecast")).to_have_text(
        "On hold. We can say when it will be here once it goes on."
    )
