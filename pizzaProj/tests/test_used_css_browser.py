"""With the part of Bootstrap that our pages load, every element looks as it does with the whole of it."""

import re

import pytest
from django.conf import settings

from home.tests.test_browser import DESK, PHONE, chromium, order, shop, staff, window  # noqa: F401  fixtures
from pizzaProj.management.commands.used_bootstrap import WHOLE

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = (
    *("", "log-in/", "people/", "profile/", "chat/", "chat/pizza/"),
    *("kitchen/", "kitchen/?station=baking", "kitchen/drivers/", "kitchen/planner/", "kitchen/promises/"),
)
SCRIPTS = re.compile(r"<script\b.*?</script>|<link rel=.modulepreload.*?>", re.DOTALL)
# What looks different with another style sheet instead of bootstrap.css: all properties of each element, and of what
# stands before and behind it. Its box tells more than its margins: Chromium calls those of a centred one 0 at times.
DIFFERENT = """async (other) => {
    const sheet = document.querySelector('link[href*="css/bootstrap"]');
    const names = [...getComputedStyle(document.body)].filter((name) => !/^(--|margin)/.test(name));
    const look = (one, part) => {
        const style = getComputedStyle(one, part);
        const values = part && style.content === "none" ? [] : names.map((name) => style.getPropertyValue(name));
        return [`${one.tagName} ${one.className}${part}`, ...values, JSON.stringify(one.getBoundingClientRect())];
    };
    const all = [...document.querySelectorAll("*")];
    const looks = () => all.flatMap((one) => ["", "::before", "::after"].map((part) => look(one, part)));
    const before = looks();
    await new Promise((done) => { sheet.onload = done; sheet.href = other; });
    const after = looks();
    const changed = before.map((one, n) => one.filter((value, m) => m === 0 || value !== after[n][m]));
    return [before.length, changed.filter((one) => one.length > 1)];
}"""


def as_it_is(page, path):
    """Return a page as its scripts have drawn it, without these: it stands still."""
    page.goto(path, wait_until="networkidle")
    return SCRIPTS.sub("", page.content())


def different(page, html, size, sheet):
    page.set_viewport_size(size)
    page.unroute_all()
    page.route("**/still/", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.route("**/other.css", lambda route: route.fulfill(body=sheet, content_type="text/css"))
    page.goto("/still/")
    looked_at, lines = page.evaluate(DIFFERENT, "/other.css")
    assert looked_at > 80
    return lines


def test_every_page_looks_as_with_the_whole(shop, chromium, window, staff):  # noqa: F811
    guest = window()
    order(guest, "Margherita", "Diavola")
    guest.get_by_role("link", name="Watch it").click()
    shown = {page: as_it_is(staff, shop.url + page) for page in PAGES}
    shown["order"] = as_it_is(guest, guest.url)
    shown["with an order"] = as_it_is(guest, shop.url)
    whole = (settings.BASE_DIR / WHOLE).read_text()
    still = chromium.new_page(base_url=shop.url, reduced_motion="reduce")  # no transition to another look
    same = {page: [] for page in shown}
    for size in (DESK, PHONE):
        assert {page: different(still, html, size, whole) for page, html in shown.items()} == same
    assert different(still, shown["order"], PHONE, "") != []
    still.close()
