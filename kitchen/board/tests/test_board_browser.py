"""The board in a real browser, over a whole running shop: what is done in one window shows in the other."""

import json
import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from home.tests.test_browser import DESK, PASSWORD, chromium, demo_shop, window  # noqa: F401  fixtures
from pizzaProj.limits import BOARD_ORDERS
from pizzaProj.tests.test_stack import MANAGE, environment

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TABLET = {"width": 1024, "height": 768}
OPEN, CHANGES, PER_SECOND = 300, 300, 50
DRAWS_PER_SECOND = 10
WRITES_PER_CHANGE = 40  # to the page: a ticket leaves, comes, is worded, and two columns count anew

# A shop as full as it gets, from a process of its own: what it prints is what the board must show in the end.
CROWD = f"""
import json, random, time
from home.models import Order, OrderItem, Pizza
from kitchen import flow, stages
flow.set_speed(0.001)
pizza = Pizza.objects.first()
orders = [flow.place([(pizza, 1)]) for _ in range({OPEN})]
print("placed", flush=True)
input()
dice = random.Random(7)
began = time.monotonic()
for n in range({CHANGES}):
    time.sleep(max(0, began + n / {PER_SECOND} - time.monotonic()))
    verb = dice.choice([flow.advance, flow.hold, flow.resume, flow.rush, flow.recall])
    try:
        verb(dice.choice(orders).pk)
    except flow.Refused:
        pass
took = time.monotonic() - began
def line(works, stage, key, *turn):
    waits = works.filter(stage=stage, started_at=None, held=False)
    return list(waits.order_by("-rushed", "joined_at", *turn).values_list(key, flat=True))
orders = Order.objects.exclude(pk__in=OrderItem.objects.cooking().values("order"))
lines = {{stage: line(OrderItem.objects.cooking(), stage, "order__order_id", "order", "number")
                + line(orders, stage, "order_id", "pk") for stage in stages.WORKED}}
print(json.dumps([took, lines, Order.objects.open().count()]), flush=True)
"""
CROWDED = """
from benchmarks.crowded import fill
from home.models import Order
fill(450)
on_the_bench = Order.objects.filter(stage="baked")
on_the_bench.exclude(pk=on_the_bench.latest("joined_at").pk).update(simulated=True)
"""
LOOKER = f"""
from django.contrib.auth.models import Permission, User
vera = User.objects.create_user("vera", password="{PASSWORD}", is_staff=True)
vera.user_permissions.set(Permission.objects.filter(codename="view_order"))
"""
WATCH_DRAWING = """
window.drawn = [];
window.writes = 0;
addEventListener("board:drawn", () => drawn.push(performance.now()));
addEventListener("DOMContentLoaded", () => {
  const all = {attributes: true, characterData: true, childList: true, subtree: true};
  new MutationObserver((records) => (writes += records.length)).observe(document.querySelector("#stations"), all);
});
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Run as slowly as a real shop: nothing moves by itself during a test."""
    with demo_shop(tmp_path_factory, "--speed", "1") as shop:
        yield shop.open()


@pytest.fixture
def board(window):  # noqa: F811
    """board(size) opens it in a window of its own; `prepare` can do something to the page before."""

    def open_board(size=DESK, prepare=lambda page: None, name="bob"):
        page = window(size, "log-in/?next=/kitchen/")
        prepare(page)
        page.locator("[name=username]").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("body[data-connection=live]")).to_be_attached()
        return page

    return open_board


@pytest.fixture
def order(shop):
    _, answer = shop.ask("api/order/", {"id": 1})
    return answer["order"]


@pytest.fixture
def three(shop):
    """Three pizzas to collect."""
    _, answer = shop.ask("api/order/", {"items": [{"id": 1, "quantity": 2}, {"id": 2}], "way": "carry_out"})
    return answer["order"]


def ticket(page, order, stage=None):
    column = f".station[data-stage={stage}] " if stage else ""
    return page.locator(f'{column}.ticket[data-order="{order["order_id"]}"]')


def test_a_bump_in_one_window_shows_in_the_other_and_can_be_undone(board, order):
    first, second = board(), board(TABLET)
    ticket(first, order, "received").get_by_role("button", name="Done with").click()
    expect(ticket(second, order, "baking")).to_be_visible()
    expect(first.locator("#said")).to_contain_text(f"{order['number']} is done: in the oven.")

    first.get_by_role("button", name="Undo").click()
    expect(ticket(second, order, "received")).to_be_visible()
    expect(first.locator("#said")).to_contain_text(f"{order['number']} is not done after all: being made.")
    expect(first.get_by_role("button", name="Undo")).to_be_hidden()


def test_two_bump_the_same_ticket_it_happens_once_and_the_second_is_told(board, order):
    def hold_back(page):
        """Keep from this window what others do: it hears only its own answers."""

        def connect(socket):
            server = socket.connect_to_server()
            server.on_message(lambda text: None if text.startswith('{"orders"') else socket.send(text))

        page.route_web_socket("**/ws/kitchen/?as=*", connect)

    first, second = board(), board(prepare=hold_back)
    expect(ticket(second, order, "received")).to_be_visible()
    ticket(first, order, "received").get_by_role("button", name="Done with").click()
    expect(ticket(first, order, "baking")).to_be_visible()
    ticket(second, order, "received").get_by_role("button", name="Done with").click()
    expect(second.locator("#said")).to_contain_text(f"{order['number']} has moved on: it is in the oven already.")
    expect(ticket(second, order, "baking")).to_be_visible()


def test_the_keyboard_alone_is_enough(board, order):
    page = board(TABLET)
    keys = page.keyboard
    keys.press("ArrowDown")
    for _ in range(10):  # to ours: other tests have left theirs
        if ticket(page, order, "received").evaluate("ticket => ticket === document.activeElement"):
            break
        keys.press("ArrowDown")
    expect(ticket(page, order)).to_be_focused()

    keys.press("h")
    expect(ticket(page, order)).to_contain_text("On hold")
    expect(ticket(page, order)).to_be_focused()
    keys.press("h")
    expect(ticket(page, order).locator(".left")).not_to_have_text("On hold")
    expect(page.locator("#said")).to_contain_text(f"{order['number']} goes on: ")
    keys.press("d")
    expect(ticket(page, order, "baking")).to_be_focused()
    keys.press("u")
    expect(ticket(page, order, "received")).to_be_focused()
    keys.press("f")
    expect(ticket(page, order)).to_contain_text("Rushed")
    expect(page.locator("#said")).to_contain_text(f"{order['number']} goes first.")
    keys.press("m")
    page.get_by_role("button", name="Out for delivery").focus()
    keys.press("Enter")
    expect(ticket(page, order, "out_for_delivery")).to_be_visible()
    expect(page.locator("#said")).to_contain_text(f"{order['number']} is moved: on its way.")
    keys.press("r")
    expect(ticket(page, order, "baked")).to_be_visible()
    expect(page.locator("#said")).to_contain_text(f"{order['number']} goes back a stage: ")
    keys.press("c")
    expect(page.get_by_label("Cancel, because")).to_be_focused()
    keys.type("Out of dough")
    keys.press("Enter")
    expect(ticket(page, order)).to_have_count(0)
    expect(page.locator("#said")).to_contain_text(f"{order['number']} is cancelled.")

    keys.press("n")
    expect(page.get_by_role("button", name=f"Bring {order['number']} back")).to_be_visible()
    keys.press("?")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    keys.press("Escape")
    assert page.evaluate("document.documentElement.scrollWidth") <= TABLET["width"]


def test_who_is_logged_out_elsewhere_is_told(board, order):
    page = board()
    ticket(page, order).focus()
    elsewhere = page.context.new_page()
    elsewhere.goto(page.url)
    elsewhere.get_by_role("button", name="Log out").click()
    elsewhere.get_by_role("link", name="Log in").wait_for()
    expect(page.get_by_text("You have been logged out.")).to_be_visible()
    page.get_by_role("link", name="Log in again.").click()
    expect(page).to_have_url(re.compile(r"/log-in/\?next=%2Fkitchen%2F$"))


def test_stations_and_the_shop_are_run_from_here(board):
    page, other = board(), board()
    oven = page.locator(".station[data-stage=baking]")
    mirror = other.locator(".station[data-stage=baking]")
    expect(mirror.locator("output")).not_to_contain_text("–")
    before = int(mirror.locator("output").inner_text().split()[0])
    for _ in range(2):
        oven.get_by_role("button", name="one place more").click()
    expect(mirror.locator("output")).to_have_text(f"{before + 2} places")

    oven.get_by_role("button", name="open, close").click()
    page.get_by_label("Open", exact=True).uncheck()
    page.get_by_role("spinbutton", name="Mean time").fill("77")
    page.get_by_role("button", name="Save").click()
    expect(mirror.locator(".load")).to_have_text("Closed")
    oven.get_by_role("button", name="open, close").click()
    expect(page.get_by_role("spinbutton", name="Mean time")).to_have_value("77")
    page.get_by_label("Open", exact=True).check()
    page.get_by_role("button", name="Save").click()
    expect(mirror.locator(".load")).to_contain_text(f"of {before + 2}")

    for closed in (True, False):
        page.locator("#open-shop").click()
        page.get_by_label("Open for orders").set_checked(not closed)
        page.get_by_role("button", name="Save").click()
        expect(other.locator("#shop-state")).to_have_text("Closed" if closed else "Open")


def test_300_orders_and_50_changes_a_second_are_drawn_ten_times_a_second_and_end_right(shop, board, order):
    crowd = subprocess.Popen(
        [sys.executable, MANAGE, "shell", "--no-imports", "-c", CROWD],
        env=environment(shop.folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with crowd:
        assert crowd.stdout.readline() == "placed\n"
        page = board(TABLET, prepare=lambda page: page.add_init_script(WATCH_DRAWING))
        expect(page.locator(".station[data-stage=received] .waiting .ticket").nth(OPEN - 20)).to_be_attached()
        page.evaluate("drawn.length = writes = 0")  # not the first drawing of all of them
        print("go", file=crowd.stdin, flush=True)
        took_seconds, lines, open_orders = json.loads(crowd.stdout.readline())

    expect(page.locator(".ticket:not(.flying)")).to_have_count(open_orders)
    drawn, writes = page.evaluate("[drawn, writes]")
    print(f"{CHANGES} changes in {took_seconds:.1f} s: {len(drawn)} drawings, {writes} writes")
    assert len(drawn) > 1  # it was drawn while it happened: how often, the machine decides
    for begin, end in zip(drawn, drawn[DRAWS_PER_SECOND + 1 :], strict=False):
        assert end - begin > 1000
    assert writes < CHANGES * WRITES_PER_CHANGE  # only what has changed is drawn, not all the tickets
    for stage, order_ids in lines.items():
        shown = f".station[data-stage={stage}] .waiting .ticket"
        expect(page.locator(shown)).to_have_count(len(order_ids))
        assert page.locator(shown).evaluate_all("tickets => tickets.map((one) => one.dataset.order)") == order_ids


def bake(page, order):
    """Let all pizzas of an order be in the oven, however many are there."""
    ticket(page, order).get_by_role("button", name=f"More for {order['number']}").click()
    page.locator("#move-to").get_by_role("button", name="Baking").click()
    page.get_by_role("button", name="Oven: open, close").click()
    page.get_by_role("spinbutton", name="Places").fill("400")
    page.get_by_role("button", name="Save").click()


def test_a_pizza_of_several_has_its_own_line_buttons_and_dialog(board, three):
    page = board()
    line = page.locator(f'.ticket[data-order="{three["order_id"]}"] [data-item="3"]')
    dialog = page.locator("#ticket-dialog")
    bake(page, three)
    expect(line).to_contain_text("Diavola")
    ticket(page, three).get_by_role("button", name=f"More for {three['number']}").click()
    dialog.get_by_role("button", name=re.compile("^Diavola")).click()
    expect(dialog.get_by_role("heading", name=f"{three['number']} · Diavola")).to_be_visible()
    dialog.get_by_role("button", name="Hold").click()
    expect(line.locator(".where")).to_have_text("On hold")
    expect(page.locator("#said")).to_contain_text(f"{three['number']}: Diavola is on hold. Resume it")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#said")).to_contain_text(f"{three['number']}: Diavola is no longer on hold, ")
    expect(line.locator(".where")).not_to_have_text("On hold")

    ticket(page, three).focus()  # by keyboard: through the ticket's dialog
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Ready to collect")).to_be_visible()
    expect(dialog.get_by_role("button", name="Out for delivery")).to_be_hidden()
    dialog.get_by_role("button", name=re.compile("^Diavola")).focus()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Cancel this pizza")).to_be_visible()
    dialog.get_by_label("Cancel, because").fill("No more salami")
    page.keyboard.press("Enter")
    expect(ticket(page, three).locator("[data-item]")).to_have_count(2)
    expect(page.locator("#said")).to_contain_text(f"{three['number']}: Diavola is cancelled.")


def test_heads_count_pizzas_where_pizzas_are_worked_on(board, three):
    page = board()
    make, oven = (page.locator(f".station[data-stage={stage}]") for stage in ("received", "baking"))
    ticket(page, three).get_by_role("button", name=f"More for {three['number']}").click()
    page.locator("#move-to").get_by_role("button", name="Baking").click()
    expect(oven.locator(".load")).to_have_text(re.compile(r"^([3-9]|\d\d+) of \d+$"))
    expect(make.locator(".load")).to_have_text(re.compile(r"^\d of \d+$"))


def test_who_only_looks_is_offered_nothing(shop, board, order):
    subprocess.run(
        [sys.executable, MANAGE, "shell", "--no-imports", "-c", LOOKER], env=environment(shop.folder), check=True
    )
    page = board(name="vera")
    expect(ticket(page, order, "received").locator(".number")).to_have_text(order["number"])
    expect(page.locator(".ticket button:visible, .places button:visible, #lately button:visible")).to_have_count(0)
    expect(page.locator("#open-shop")).to_be_disabled()
    expect(page.locator("#open-shop")).to_contain_text("Open")
    ticket(page, order).focus()
    for key in ("d", "h", "Enter", "c", "m"):
        page.keyboard.press(key)
    page.keyboard.press("?")  # which is for everybody
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    for place in ("#said", "#ticket-dialog"):
        expect(page.locator(place)).to_be_hidden()
    assert shop.ask(f"api/order/{order['order_id']}/")[1]["payload"]["seq"] == order["seq"]


def test_a_crowd_is_shown_from_its_front_and_more_of_it_on_demand(shop, board):
    fill = [sys.executable, MANAGE, "shell", "--no-imports", "-c", CROWDED]
    subprocess.run(fill, env=environment(shop.folder), check=True)
    page = board()
    bench = page.locator(".station[data-stage=baked]")
    expect(bench.locator(".ticket")).not_to_have_count(0)
    page.locator("#toggle-simulated").click()  # of the real ones none is among the first
    expect(bench.locator(".ticket")).to_have_count(1)
    page.locator("#toggle-simulated").click()
    expect(bench.locator(".rest")).to_have_text(re.compile(r"^Show more \(\d+ left\)$"))
    in_all = page.locator("#in-kitchen").inner_text()
    bench.locator(".ticket").first.focus()
    page.keyboard.press("s")
    expect(bench.locator(".rest")).to_be_hidden()
    assert int(in_all) > BOARD_ORDERS > page.locator(".ticket").count()

    last = {"order_id": bench.locator(".waiting .ticket").last.get_attribute("data-order")}
    ticket(page, last).focus()
    page.keyboard.press("h")
    expect(ticket(page, last)).to_have_attribute("data-state", "held")
    page.keyboard.press("u")
    expect(ticket(page, last)).to_have_attribute("data-state", "waiting")
