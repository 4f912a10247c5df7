"""A real browser: three pizzas to collect part, come together, and are collected; one is made again on the way."""

import re

import pytest
from playwright.sync_api import expect

from home.tests.test_browser import DESK, PASSWORD, PHONE, chromium, demo_shop, window  # noqa: F401  fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TIMES = r"(\w+ \d+, )?\d\d:\d\d(:\d\d)?"  # with the day where midnight lies between
NOTE_PROMISES = """() => {
    const ready = document.querySelector("#basket-ready");
    const { dataset } = document.querySelector("#basket");
    window.promises = [];
    new MutationObserver(() => promises.push([dataset.way, ready.textContent])).observe(ready, {childList: true});
}"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Run as slowly as a real shop: nothing moves by itself during a test."""
    with demo_shop(tmp_path_factory, "--speed", "1") as shop:
        yield shop.open()


class Board:
    """The board in a window of the kitchen's, and one order's ticket on it."""

    def __init__(self, page, number):
        self.page = page
        self.ticket = page.locator(".ticket[data-order]", has_text=number)
        expect(page.locator(".station[data-stage=received] output")).to_have_text("2 places")
        for place in range(3, 6):
            page.locator(".station[data-stage=received]").get_by_role("button", name="one place more").click()
            expect(page.locator(".station[data-stage=received] output")).to_have_text(f"{place} places")

    def done(self, pizza):
        self.piece(pizza).get_by_role("button", name="Done with").click()

    def piece(self, number):
        return self.ticket.locator(f'[data-item="{number}"]')


def pizzas(page):
    return page.locator("#apart li")


def test_three_pizzas_to_collect_part_and_come_together(window):  # noqa: F811
    page = window(PHONE)
    for name in ("Margherita", "Diavola"):
        page.get_by_role("button", name=f"Add {name}").click()
    page.get_by_role("button", name="One Margherita more").click()
    expect(page.locator("#basket-ready")).to_have_text(re.compile(f"^At your door between {TIMES} and {TIMES}"))
    page.evaluate(NOTE_PROMISES)
    page.get_by_role("radio", name="Collect").check()
    expect(page.locator("#basket-ready")).to_have_text(re.compile(f"^Ready to collect between {TIMES} and {TIMES}"))
    promises = page.evaluate("promises")
    assert not any("door" in promise for way, promise in promises if way == "carry_out"), promises
    assert ["carry_out", "…"] in promises  # the old one went at once
    expect(page.locator("#wait")).to_have_text(re.compile("ready to collect in about"))
    page.reload()
    expect(page.get_by_role("radio", name="Collect")).to_be_checked()

    page.get_by_role("button", name="Order", exact=True).click()
    row = page.locator("#order-table tbody tr").first
    expect(row).to_contain_text("2 × Margherita, 1 × Diavola")
    expect(row).to_contain_text("Collect")
    page.get_by_role("link", name="Watch it").click()
    expect(page.locator("#promise .label")).to_have_text("Ready to collect between")
    expect(page.locator("#steps li")).to_have_text(
        ["Order received", "Baking", "Baked", "Ready to collect", "Collected"]
    )
    number = page.locator(".eyebrow strong").inner_text()

    kitchen = window(DESK, "log-in/?next=/kitchen/")
    kitchen.locator("[name=username]").fill("bob")
    kitchen.get_by_label("Password").fill(PASSWORD)
    kitchen.get_by_role("button", name="Log in").click()
    expect(kitchen.locator("body[data-connection=live]")).to_be_attached()
    board = Board(kitchen, number)
    expect(board.ticket).to_contain_text("Collect")
    expect(pizzas(page)).to_have_text(["2 × Margherita Being made", "Diavola Being made"])

    board.done(1)
    expect(page.locator("#words")).to_have_text("1 of 3 in the oven")
    expect(pizzas(page)).to_have_text(["Margherita In the oven", "Margherita Being made", "Diavola Being made"])
    expect(page).to_have_title(re.compile("^1 of 3 in the oven"))
    board.ticket.get_by_role("button", name=f"Done with {number}").click()  # both that are in this column
    expect(page.locator("#words")).to_have_text("In the oven")
    board.done(1)
    expect(pizzas(page)).to_have_text(["Margherita Out of the oven", "Margherita In the oven", "Diavola In the oven"])
    share = bar(page)
    assert 20 < share < 40

    board.piece(2).get_by_role("button", name="make it again").click()
    kitchen.get_by_role("button", name="Dropped").click()
    expect(page.locator("#timeline")).to_contain_text("We are making your Margherita again: it was dropped")
    expect(pizzas(page).nth(1)).to_have_text("Margherita Being made")
    kitchen.get_by_role("button", name="Undo").click()
    expect(pizzas(page).nth(1)).to_have_text("Margherita In the oven")
    board.done(2)
    board.done(3)
    expect(page.locator("#words")).to_have_text("Being cut and boxed")
    expect(page.locator("#apart")).to_be_hidden()

    board.ticket.get_by_role("button", name="Done with").click()
    expect(page.locator("#words")).to_have_text("Ready to collect")
    expect(page.locator("#clock")).to_have_text(re.compile(f"^At the counter since {TIMES}. Just say {number}.$"))
    assert bar(page) == 80
    expect(page.locator("#promise .forecast")).to_have_text("It was ready earlier.")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    board.ticket.get_by_role("button", name=f"Handed over: {number}").click()
    expect(page.locator("#status")).to_have_text("Collected")
    expect(page.locator("#clock")).to_have_text(re.compile(f"^Collected at {TIMES}.$"))
    expect(page.locator("#enjoy")).to_be_visible()
    expect(kitchen.locator("#said")).to_contain_text(f"{number} is handed over.")


def bar(page):
    """Return where the bar stands, in per cent, once it has come to rest."""
    page.wait_for_timeout(1500)
    return float(page.locator(".progress-bar").first.evaluate("bar => bar.style.width").rstrip("%"))


def test_a_single_pizza_looks_as_it_always_did(shop, window):  # noqa: F811
    _, answer = shop.ask("api/order/", {"id": 1})
    page = window(DESK, answer["order"]["url"][1:])
    expect(page.locator("#words")).to_have_text("Being made")
    expect(page.locator("#apart")).to_be_hidden()
    expect(page.locator("#timeline li span")).to_have_text(["We started making your order"])
    expect(page.locator("#clock")).to_have_text(re.compile(f"^Since {TIMES} · about .* left$"))
    assert 0 < bar(page) < 20


def test_without_scripts_the_page_says_where_each_pizza_is(shop, chromium):  # noqa: F811
    items = [{"id": 1}, {"id": 2}]
    _, answer = shop.ask("api/order/", {"items": items, "way": "carry_out"})
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(shop.url + answer["order"]["url"][1:])
    expect(pizzas(page)).to_have_count(2)
    expect(pizzas(page).first).to_contain_text("Margherita")
    expect(page.locator("#promise .label")).to_have_text("Ready to collect between")
    context.close()
