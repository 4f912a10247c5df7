"""The planner in a real browser, on a running shop: ask, watch the answer come, compare, search for a crew."""

import re

import pytest
from playwright.sync_api import expect

from home.tests.test_browser import PASSWORD, PHONE, chromium, window  # noqa: F401  fixtures
from pizzaProj.tests.test_stack import Shop

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOON_MS = 60_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    with Shop(
        folder, "--no-demo", "--speed", "1", DJANGO_SUPERUSER_USERNAME="bob", DJANGO_SUPERUSER_PASSWORD=PASSWORD
    ) as shop:
        yield shop.open()


def test_ask_watch_and_ask_again(window):  # noqa: F811
    page = window(PHONE, "log-in/?next=/kitchen/planner/")
    page.locator("[name=username]").fill("bob")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What should change?")

    # a second scenario is another one; a slider and its number are one
    page.get_by_role("button", name="Add a scenario").click()
    page.get_by_role("group", name="Scenario 1").get_by_label("Oven, slider").fill("9")
    expect(page.locator("[name='scenarios.0.stations.baking.places']")).to_have_value("9")
    second = page.get_by_role("group", name="Scenario 2")
    second.locator("[name='scenarios.1.name']").fill("<b>A ninth driver</b>")
    second.locator("[name='scenarios.1.stations.out_for_delivery.places']").fill("9")
    page.get_by_label("Also try one more place").uncheck()
    page.get_by_role("button", name="Run", exact=True).click()

    expect(page.locator("#study[data-status=done]")).to_be_attached(timeout=SOON_MS)
    expect(page.locator("#sentence")).to_contain_text(
        re.compile(r"^<b>A ninth driver</b> saves \d+\.\d ± \d\.\d+ minutes")
    )
    expect(page.locator("#table tbody th")).to_have_text(
        ["The shop as it is", "3 more places at “Oven”", "<b>A ninth driver</b>"]
    )
    expect(page.locator(".uplot")).to_have_count(6)
    chosen = page.get_by_role("button", name="<b>A ninth driver</b>", exact=True)
    expect(chosen).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="3 more places at “Oven”", exact=True).click()
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
    page.get_by_label("Promise, minutes to the door", exact=True).fill("50")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#study[data-status=done]")).to_be_attached(timeout=SOON_MS)
    expect(page.locator("#sentence")).to_contain_text("The runner-up, ")
    expect(page.locator("#table tbody th").first).to_have_text("The answer")
