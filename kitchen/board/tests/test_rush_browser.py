"""The board in a rush, in a real browser: seventy orders on a screen, one station's screen, targets for thumbs."""

import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from home.tests.test_browser import DESK, PASSWORD, PHONE, chromium, demo_shop, window  # noqa: F401  fixtures
from kitchen.board.tests.test_board_browser import TABLET, board, ticket  # noqa: F401
from pizzaProj.tests.test_stack import MANAGE, environment

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ORDERS = 70
OPENERS = (
    "#open-shop",
    "#open-look",
    "#open-help",
    ".working .more",
    ".waiting .more",
    "[data-stage=baking] .settings",
)
# Two kinds of pizzas, 1 to 3 an order, in a kitchen whose oven is a belt.
RUSH = f"""
from home.models import Pizza
from kitchen import flow
flow.change_station("baking", kind="belt", headway_seconds=45)
first, second = Pizza.objects.order_by("pk")[:2]
orders = [flow.place([(first, 1 + n % 2), (second, n % 3 // 2)][: 1 + (n % 3 > 1)]) for n in range({ORDERS})]
flow.rush(orders[-1].pk)
flow.hold(orders[-2].pk)
"""
TOO_SMALL = """() => {
    const shown = [...document.querySelectorAll("button, a[href], select, input:not([type=checkbox]), label.check")]
        .filter((one) => one.checkVisibility() && !one.matches(".skip, .flying *"));
    const sizes = shown.map((one) => [one.outerHTML.slice(0, 90), one.getBoundingClientRect()]);
    return [shown.length, sizes.filter(([, box]) => Math.min(box.width, box.height) < 47.9).map(([name]) => name)];
}"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Run as slowly as a real shop: nothing moves by itself during a test."""
    with demo_shop(tmp_path_factory, "--speed", "1") as shop:
        shop.open()
        rush = [sys.executable, MANAGE, "shell", "--no-imports", "-c", RUSH]
        subprocess.run(rush, env=environment(shop.folder), check=True)
        yield shop


def line(page, stage="received"):
    return page.locator(f".station[data-stage={stage}] .waiting .ticket")


def assert_large_enough(page, least):
    shown, too_small = page.evaluate(TOO_SMALL)
    assert (shown >= least, too_small) == (True, [])


def assert_in_its_place(page, small):
    """Check that all columns are on the screen, and that on a small ticket nothing covers anything else."""
    rights = page.locator(".station").evaluate_all("all => all.map((one) => one.getBoundingClientRect().right)")
    assert max(rights) <= DESK["width"]
    number, due, button = (small.locator(part).bounding_box() for part in (".number", ".promised", ".done"))
    assert due["y"] >= number["y"] + number["height"] or due["x"] >= number["x"] + number["width"]
    assert button["x"] >= max(box["x"] + box["width"] for box in (number, due)) - 1


def test_seventy_orders_fit_a_screen(board):  # noqa: F811
    page = board(DESK)
    expect(page.locator(".ticket:not(.flying)")).to_have_count(ORDERS)
    bottoms = page.locator(".ticket").evaluate_all("all => all.map((one) => one.getBoundingClientRect().bottom)")
    assert max(bottoms) <= DESK["height"]
    expect(page.get_by_role("button", name=re.compile(r"\d+ more$"))).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= DESK["width"]
    first = line(page).first  # rushed
    expect(first.locator(".rushed")).to_have_attribute("title", "Rushed")
    expect(first.locator(".pizzas")).to_contain_text("Margherita")
    expect(first.locator(".promised")).to_have_text(re.compile("^$|^for "))


def test_all_tickets_are_drawn_in_a_few_layouts(board):  # noqa: F811
    """Asked for the place or the animations of one ticket among the others, the browser would lay out each time."""
    page = board(DESK)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    page.reload()
    expect(page.locator(".ticket:not(.flying)")).to_have_count(ORDERS)
    metrics = {metric["name"]: metric["value"] for metric in devtools.send("Performance.getMetrics")["metrics"]}
    assert 0 < metrics["LayoutCount"] < ORDERS / 2


def test_what_does_not_fit_scrolls_in_its_column_and_is_counted(board):  # noqa: F811
    page = board(TABLET)
    more = page.locator(".station[data-stage=received] .below")
    expect(more).to_have_text(re.compile(r"^\d+ more$"))
    below = "all => all.filter((one) => one.getBoundingClientRect().bottom > innerHeight - 68).length"
    before = page.locator(".ticket").evaluate_all(below)
    expect(more).to_have_text(f"{before} more")
    more.click()
    expect(more).not_to_have_text(f"{before} more")
    page.locator(".station[data-stage=received] .tickets").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    expect(more).to_have_text("Back to the top")
    more.click()
    expect(more).to_have_text(f"{before} more")


def test_a_compact_ticket_opens_by_tap_and_by_key_and_the_arrows_reach_it(board):  # noqa: F811
    page = board(DESK)
    dialog = page.locator("#ticket-dialog")
    row = line(page).nth(10)
    number = row.locator(".number").inner_text()
    row.click()
    expect(dialog.get_by_role("heading", name=re.compile(f"^{number}"))).to_be_visible()
    expect(dialog.get_by_role("button", name=re.compile("^(Make it first|Hold|Done now)"))).to_have_count(3)
    page.keyboard.press("Escape")
    expect(row).to_be_focused()

    box = row.bounding_box()
    page.keyboard.press("ArrowDown")
    below = page.locator(".ticket:focus")
    assert below.bounding_box()["x"] == box["x"] and below.bounding_box()["y"] > box["y"]
    page.keyboard.press("ArrowRight")
    beside = page.locator(".ticket:focus")
    assert beside.bounding_box()["x"] > box["x"]
    number = beside.locator(".number").inner_text()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("heading", name=re.compile(f"^{number}"))).to_be_visible()


def test_one_station_has_a_screen_with_one_tap_a_pizza(board):  # noqa: F811
    page = board(DESK)
    page.get_by_role("link", name="Make line").click()
    expect(page.locator("body[data-connection=live]")).to_be_attached()
    expect(page.locator(".station")).to_have_count(1)
    working, counts = page.locator(".working .ticket"), page.locator("#counts li")
    expect(working).to_have_count(2)
    expect(counts.first).to_have_text(re.compile(r"^\d+ × \w+"))
    counted = sum(int(text) for text in counts.locator("strong").all_inner_texts())
    assert counted == working.count() + line(page).count()

    name = working.first.locator(".pizzas").inner_text()
    number = working.first.locator(".number").inner_text()
    following = line(page).first.locator(".number").inner_text()
    working.first.get_by_role("button", name=f"Done with {name}").click()
    expect(page.locator("#said")).to_contain_text(f"{number}: {name} is done, ")
    expect(working.locator(".number", has_text=following)).to_have_count(1)
    page.keyboard.press("u")
    expect(page.locator("#said")).to_contain_text(f"{number}: {name} is not done after all, ")
    assert_large_enough(page, 10)
    page.get_by_role("link", name="All stations").click()
    expect(page.locator(".station")).to_have_count(5)


def test_what_is_tapped_is_large_enough_for_a_floury_thumb(board):  # noqa: F811
    page = board(DESK)
    expect(page.locator(".ticket:not(.flying)")).to_have_count(ORDERS)
    assert_large_enough(page, ORDERS)
    for opener in (
        "#open-shop",
        "#open-look",
        "#open-help",
        ".working .more",
        ".waiting .more",
        "[data-stage=baking] .settings",
    ):
        page.locator(opener).first.click()
        expect(page.locator("dialog[open]")).to_be_visible()
        assert_large_enough(page, ORDERS)
        page.keyboard.press("Escape")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert_large_enough(page, ORDERS)


def test_a_belt_has_a_time_between_loadings_and_no_places(board):  # noqa: F811
    page = board(DESK)
    expect(line(page)).not_to_have_count(0)
    page.get_by_role("button", name="Oven: open, close").click()
    expect(page.get_by_role("spinbutton", name="Places")).to_be_hidden()
    headway = page.get_by_role("spinbutton", name="Time between two loadings")
    expect(headway).to_have_value("45")
    headway.fill("50")
    page.get_by_role("button", name="Save").click()
    page.reload()
    expect(page.locator("body[data-connection=live]")).to_be_attached()
    expect(line(page)).not_to_have_count(0)
    page.get_by_role("button", name="Oven: open, close").click()
    expect(headway).to_have_value("50")
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("button", name="Make line: open, close").click()
    expect(page.get_by_role("spinbutton", name="Places")).to_have_value("2")
    expect(headway).to_be_hidden()


def look_at(page, order):
    """Open an order's dialog by key: a click that scrolls shows the button below its column, and may hit that."""
    ticket(page, order).focus()
    page.keyboard.press("Enter")


def move(page, order, stage):
    look_at(page, order)
    page.locator("#move-to").get_by_role("button", name=stage).click()


def test_a_tap_ends_the_work_and_drivers_take_what_waits(shop, board):  # noqa: F811
    page = board(DESK)
    expect(line(page)).not_to_have_count(0)
    first, second = (shop.ask("api/order/", {"id": 1})[1]["order"] for _ in range(2))
    for station, mean_seconds in (("Cutting bench", "1.2"), ("Drivers", "1200")):
        page.get_by_role("button", name=f"{station}: open, close").click()
        page.get_by_label("Who ends the work").select_option("A tap")
        page.get_by_role("spinbutton", name="Mean time").fill(mean_seconds)
        page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Counter: open, close").click()  # of it, the shop says so
    expect(page.get_by_label("Who ends the work")).to_be_hidden()
    page.get_by_role("button", name="Close", exact=True).click()

    move(page, first, "Baked")
    expect(ticket(page, first, "baked").locator(".overdue")).to_have_text("Longer than usual")
    expect(ticket(page, first).locator(".left")).to_have_text("longer than usual")

    move(page, second, "Out for delivery")
    take = ticket(page, second, "out_for_delivery").get_by_role("button", name=f"Take {second['number']}")
    assert_large_enough(page, ORDERS)
    assert_in_its_place(page, ticket(page, second, "out_for_delivery"))
    take.click()
    expect(page.locator("#said")).to_contain_text(f"{second['number']} is taken: on its way.")
    expect(ticket(page, second).get_by_role("button", name="Done with")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#said")).to_contain_text(f"{second['number']} is not taken after all: waiting for a driver.")
    expect(take).to_be_visible()
    ticket(page, second).focus()
    page.keyboard.press("t")
    expect(take).to_have_count(0)


def test_a_pizza_whose_order_has_come_together_is_offered_what_would_be_done(shop, board):  # noqa: F811
    page = board(DESK)
    dialog = page.locator("#ticket-dialog")
    _, answer = shop.ask("api/order/", {"items": [{"id": 1, "quantity": 2}], "way": "carry_out"})
    order = answer["order"]
    move(page, order, "Ready to collect")
    expect(ticket(page, order, "ready")).to_be_visible()
    look_at(page, order)
    expect(dialog.get_by_role("button", name="Hold")).to_be_visible()
    expect(dialog.get_by_role("button", name="Make it first")).to_be_hidden()
    dialog.get_by_role("button", name=re.compile("^Margherita")).first.click()
    shown = dialog.locator("button:visible").evaluate_all("all => all.map((one) => one.textContent)")
    assert shown == ["Dropped", "Burnt", "Not as ordered", "Close"]
