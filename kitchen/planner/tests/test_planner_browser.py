"""The planner in a real browser, on a running shop: ask, watch the answer come, compare, search for a crew."""

import re

import pytest
from playwright.sync_api import expect

from home.tests.test_browser import PASSWORD, PHONE, chromium, demo_shop, window  # noqa: F401  fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOON_MS = 60_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with demo_shop(tmp_path_factory, "--speed", "1") as shop:
        yield shop.open()


def test_ask_watch_and_ask_again(window):  # noqa: F811
    page = window(PHONE, "log-in/?next=/kitchen/planner/")
    page.locator("[name=username]").fill("bob")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What should change?")

    # a second scenario is another one; a slider and its number are one
    page.get_by_role("button", name="Add a scenario").click()
    first, second = (page.get_by_role("group", name=f"Scenario {number}") for number in (1, 2))
    first.get_by_label("Oven, slider").fill("9")
    expect(page.locator("[name='scenarios.0.stations.baking.places']")).to_have_value("9")
    expect(first.get_by_text("now 6 pizzas")).to_be_visible()
    expect(first.get_by_text("now 8 orders")).to_be_visible()
    first.locator("[name='scenarios.0.name']").fill("<b>A bigger oven</b>")
    second.locator("[name='scenarios.1.stations.out_for_delivery.places']").fill("9")
    page.get_by_label("Also try one more place").uncheck()
    page.get_by_role("button", name="Run", exact=True).click()

    expect(page.locator("#study[data-status=done]")).to_be_attached(timeout=SOON_MS)
    expect(page.locator("#sentence")).to_contain_text(
        re.compile(r"^<b>A bigger oven</b> saves \d+\.\d ± \d\.\d+ minutes")
    )
    expect(page.locator("#table tbody th")).to_have_text(
        ["The shop as it is", "<b>A bigger oven</b>", "One more place at “Drivers”"]
    )
    expect(page.locator(".uplot")).to_have_count(6)
    expect(page.locator("#ways")).to_be_hidden()
    chosen = page.get_by_role("button", name="<b>A bigger oven</b>", exact=True)
    expect(chosen).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="One more place at “Drivers”", exact=True).click()
    expect(chosen).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.endswith(".csv")

    # the form still has what was asked; with another question it shows other fields, and sends only those
    expect(page.locator("[name='scenarios.1.stations.out_for_delivery.places']")).to_have_value("9")
    page.get_by_label("Smallest crew").check()
    expect(page.locator("[name='scenarios.1.name']")).to_be_hidden()
    page.get_by_label("Promises to keep, per cent").fill("80")
    page.get_by_label("Promise, minutes to the door or the counter", exact=True).fill("50")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#study[data-status=done]")).to_be_attached(timeout=SOON_MS)
    expect(page.locator("#sentence")).to_contain_text("The runner-up, ")
    expect(page.locator("#table tbody th").first).to_have_text("The answer")

    # two out of five orders are collected: each way out has figures of its own
    page.get_by_role("radio", name="Compare").check()
    page.locator("[name='demand.carry_out_percent']").fill("40")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#study[data-status=done]")).to_be_attached(timeout=SOON_MS)
    expect(page.locator("#sentence")).to_contain_text(" % are there or ready within 50.")
    expect(page.locator("#time-title")).to_have_text("From order to door or counter, minutes")
    expect(page.locator("#table thead th").nth(1)).to_have_text("Order to door or counter, min")
    expect(page.locator("#ways thead th")).to_have_text(
        ["By way", "Delivered, min", "Delivered within the promise", "Collected, min", "Collected within the promise"]
    )
    expect(page.locator("#stations thead th").nth(2)).to_have_text("Oven, pizzas")
    expect(page.locator("[name='demand.carry_out_percent']")).to_have_value("40")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
