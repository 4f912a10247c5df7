"""A real browser against the whole running shop: order, watch, intervene; by mouse and by keyboard."""

import json
import re
import shutil
import subprocess
import sys
from contextlib import closing, contextmanager
from itertools import groupby
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from home.tests.browser import find_or_install
from pizzaProj.tests.once import once
from pizzaProj.tests.test_stack import MANAGE, Shop, await_that, environment

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
SPEED = "200"  # six to ten seconds from order to delivery
PASSWORD = "flour everywhere 7"
ALL_STAGES = ["received", "baking", "baked", "out_for_delivery", "delivered"]
NOTE_EVERY_STATUS = """() => {
    const status = document.querySelector("#status");
    window.shown = [];
    const note = () => window.shown.push(status.textContent);
    new MutationObserver(note).observe(status, {childList: true, characterData: true, subtree: true});
}"""
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def furnish(folder):
    """Make the data folder of a demo shop with Bob's account: the longest part of a start."""
    account = {"DJANGO_SUPERUSER_USERNAME": "bob", "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    for command in (["migrate", "--verbosity", "0"], ["seed", "--url", "http://127.0.0.1/"]):
        subprocess.run(
            [sys.executable, MANAGE, *command],
            env=environment(folder, **account),
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=100,
        )


def demo_shop(tmp_path_factory, *options):
    """Return a demo shop in a folder of its own, not yet open, where Bob is staff."""
    folder = tmp_path_factory.mktemp("shop")
    shutil.copytree(once(tmp_path_factory, "furnished", furnish), folder, dirs_exist_ok=True)
    return Shop(folder, *options)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with demo_shop(tmp_path_factory, "--speed", SPEED) as shop:
        yield shop.open()


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_or_install(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def window(shop, chromium):
    """window(size) opens the shop in a window of a new person. Any complaint of a page fails the test."""
    complaints, contexts = [], []

    def open_window(size=DESK, path=""):
        context = chromium.new_context(viewport=size)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(shop.url + path)
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def staff(window):
    page = window(path="admin/")
    page.get_by_label("Username").fill("bob")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Site administration")).to_be_visible()
    return page


@contextmanager
def slow_kitchen(shop, staff, speed="1"):
    """Turn the kitchen clock in the admin, and back."""
    for value in (speed, SPEED):
        staff.goto(shop.url + "admin/kitchen/shop/1/change/")
        staff.get_by_label("Speed").fill(value)
        staff.get_by_role("button", name="Save", exact=True).click()
        expect(staff.get_by_text("was changed successfully")).to_be_visible()
        if value == speed:
            yield


def order(page, *names):
    for name in names:
        page.get_by_role("button", name=re.compile(f"^(Add {name}|One {name} more)$")).click()
    page.get_by_role("button", name="Order", exact=True).click()
    page.get_by_role("link", name="Watch it").wait_for()


def watch(page):
    """Open the order's page; the frames that its socket gets from the first on, which is waited for, as (seq, stage),
    but for moved forecasts."""
    frames = []

    def hear(text):
        frame = json.loads(text)
        payload = frame.get("payload")
        if payload and not frame.get("forecast"):  # otherwise it is of another socket
            frames.append((payload["seq"], payload["stage"]))

    page.on("websocket", lambda socket: socket.on("framereceived", hear))
    page.get_by_role("link", name="Watch it").click()
    await_that(lambda: page.wait_for_timeout(20) or frames)  # only while it waits does Playwright hear anything
    return frames


def test_a_customer_orders_and_watches_it_go_from_received_to_delivered_by_itself(window):
    page = window()
    order(page, *["Margherita"] * 12)  # they take some seconds to make: long enough to open the page
    frames = watch(page)

    expect(page.locator("#status")).to_have_text("Delivered", timeout=60_000)
    expect(page.locator("#words")).to_have_text("Delivered. Enjoy your meal!")
    expect(page.locator(".progress-bar")).to_have_attribute("aria-valuenow", "100")
    expect(page.locator("#timeline li span")).to_have_text(
        [
            "All 12 pizzas: being made",
            "All 12 pizzas: in the oven",
            "All 12 pizzas: out of the oven",
            "Out of the oven, being cut and boxed",
            "On its way to you",
            "Delivered. Enjoy your meal!",
        ]
    )
    assert [stage for stage, _ in groupby(stage for _, stage in frames)] == ALL_STAGES
    seqs = [seq for seq, _ in frames]
    assert seqs == sorted(set(seqs))


NOTE_EVERY_PROBLEM = """() => {
    const problem = document.querySelector("#problem");
    window.said = new Set();
    const note = () => problem.textContent && window.said.add(problem.textContent);
    new MutationObserver(note).observe(problem, {childList: true, characterData: true, subtree: true});
}"""


def test_the_same_click_is_sent_until_the_kitchen_hears_it(shop, chromium):
    """There were too many orders; then the shop can't right now, the third answer is lost, the fourth says yes."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(shop.url)
    keys = []

    def answer(route):
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            many = {"status": False, "error": "That is a lot of orders. Try again in a second."}
            return route.fulfill(status=429, headers={"Retry-After": "1"}, json=many)
        if len(keys) == 2:
            return route.fulfill(status=503, headers={"Retry-After": "1"}, json={"status": False, "error": "Later."})
        if len(keys) == 3:
            route.fetch()
            return route.abort()
        route.continue_()

    page.route("**/api/order/", answer)
    page.evaluate(NOTE_EVERY_PROBLEM)
    page.get_by_role("button", name="Add Margherita").click()
    page.get_by_role("button", name="Order", exact=True).click()
    page.get_by_role("link", name="Watch it").wait_for()
    expect(page.locator("#problem")).to_be_hidden()
    assert len(keys) == 4 and len(set(keys)) == 1
    assert page.evaluate("[...window.said]") == [
        "That is a lot of orders. Try again in a second. Stay here: we order it for you then.",
        "The kitchen can’t hear us right now. We keep trying.",
    ]
    page.reload()
    expect(page.locator("#orders tbody tr")).to_have_count(1)
    context.close()


def test_the_socket_comes_back_and_never_goes_backwards(shop, window):
    """Put a server of the test's own behind the page, which breaks off and sends old news."""
    page = window()
    order(page, "Margherita")
    payload = json.loads(
        page.request.get(shop.url + "api" + page.get_by_role("link", name="Watch it").get_attribute("href")).text()
    )["payload"]
    payload |= {
        "stage": "received",
        "status": "Order received",
        "state": "working",
        "words": "Being made",
        "progress": 20,
    }
    sockets = []

    def news(seq, status, **more):
        sockets[-1].send(json.dumps({"payload": payload | {"seq": seq, "status": status} | more}))

    def serve(socket):
        sockets.append(socket)
        socket.on_message(lambda text: "heartbeat" in text and socket.send('{"type": "heartbeat"}'))
        news(20 + 5 * len(sockets), f"Snapshot {len(sockets)}")

    page.route_web_socket("**/ws/pizza/*", serve)
    page.get_by_role("link", name="Watch it").click()
    status, bar = page.locator("#status"), page.locator("#reconnecting")
    expect(status).to_have_text("Snapshot 1")
    page.evaluate(NOTE_EVERY_STATUS)
    sockets[0].send("rubbish")
    news(3, "Old news")
    news(26, "Fresh news")
    expect(status).to_have_text("Fresh news")

    sockets[0].close()
    expect(bar).to_be_visible()
    expect(status).to_have_text("Snapshot 2")
    expect(bar).to_be_hidden()
    news(27, "Old news")
    news(31, "Delivered", stage="delivered", state="delivered", progress=100)
    expect(status).to_have_text("Delivered")
    assert page.evaluate("window.shown") == ["Fresh news", "Snapshot 2", "Delivered"]
    assert len(sockets) == 2


def test_the_row_in_the_table_moves_by_itself_on_a_phone(window):
    page = window(PHONE)
    order(page, "Diavola", "Funghi")
    row = page.locator("#order-table tbody tr").first
    expect(row).to_contain_text("1 × Diavola, 1 × Funghi")
    expect(row.locator(".badge")).to_contain_text("Delivered", timeout=30_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    page.reload()
    expect(page.locator("#order-table tbody tr")).to_have_count(1)


def test_an_override_in_the_admin_shows_on_the_open_page_at_once(shop, window, staff):
    with slow_kitchen(shop, staff):
        page = window()
        order(page, "Margherita")
        frames = watch(page)
        expect(page.locator("#status")).to_have_text("Order received")
        number = page.url.rstrip("/").split("/")[-1]

        staff.goto(f"{shop.url}admin/home/order/?q={number}")
        staff.locator("select[name=form-0-stage]").select_option("out_for_delivery")
        staff.get_by_role("button", name="Save").click()

        expect(page.locator("#status")).to_have_text("Out for delivery")
        expect(page.locator("#timeline")).to_contain_text("Moved by staff to “Out for delivery”")

        staff.locator("select[name=action]").select_option("hold")
        staff.locator("input.action-select").check()
        staff.get_by_role("button", name="Go").or_(staff.get_by_role("button", name="Run")).click()
        expect(page.locator("#words")).to_have_text("On hold")
        assert frames == [(1, "received"), (2, "out_for_delivery"), (3, "out_for_delivery")]


def test_the_timeline_is_read_again_when_the_shop_had_too_much_to_do(shop, chromium, staff):
    with slow_kitchen(shop, staff), closing(chromium.new_context()) as context:
        page = context.new_page()
        page.goto(shop.url)
        order(page, "Margherita")
        watch(page)
        expect(page.locator("#status")).to_have_text("Order received")
        refused = []

        def answer(route):
            if refused:
                return route.continue_()
            refused.append(route.request.url)
            route.fulfill(status=503, headers={"Retry-After": "1"}, json={"status": False, "error": "Later."})

        page.route("**/api/order/*/", answer)
        number = page.url.rstrip("/").split("/")[-1]
        staff.goto(f"{shop.url}admin/home/order/?q={number}")
        staff.locator("select[name=form-0-stage]").select_option("out_for_delivery")
        staff.get_by_role("button", name="Save").click()
        expect(page.locator("#timeline")).to_contain_text("Moved by staff to “Out for delivery”")
        assert len(refused) == 1


def test_staff_see_new_orders_arrive_and_move(shop, window, staff):
    staff.goto(shop.url)
    rows = staff.locator("#order-table tbody tr")
    before = rows.count()
    order(window(PHONE), "Carbonara")
    expect(rows.first).to_contain_text("Carbonara")
    expect(rows.first.locator(".badge")).to_contain_text("Delivered", timeout=30_000)
    assert rows.count() == before + 1


def test_the_keyboard_alone_is_enough(window):
    page = window()

    def press_until(name):
        """Tab to the control of this name."""
        for _ in range(60):
            page.keyboard.press("Tab")
            if name in page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent || ''"):
                return
        raise AssertionError(f"Tab never reached “{name}”")

    press_until("Add Diavola")
    page.keyboard.press("Enter")
    press_until("One Diavola more")
    page.keyboard.press("Enter")
    press_until("Order")
    page.keyboard.press("Enter")
    expect(page.locator("#order-table tbody tr").first).to_contain_text("2 × Diavola")


def sign_up(page, name):
    page.locator("[name=username]").fill(name)
    page.locator("[name=email]").fill(f"{name}@example.org")
    for field in page.locator("input[type=password]").all():
        field.fill("a fine oven 7")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="What are you hungry for?")).to_be_visible()


def test_a_visitor_signs_up_and_the_order_comes_along(window):
    page = window()
    order(page, "Pesto Genovese")
    page.get_by_role("link", name="Sign up").click()
    sign_up(page, "dora")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    expect(page.locator("#order-table tbody tr").first).to_contain_text("Pesto Genovese")


def test_two_become_friends_and_one_shows_the_other_an_order(window):
    """Each sees what the other does, without a reload: in the title, in the menu, and in the page."""
    frieda, gustav = window(path="sign-up/"), window(PHONE, "sign-up/")
    for page, name in ((frieda, "frieda"), (gustav, "gustav")):
        sign_up(page, name)

    frieda.get_by_role("link", name="People").click()
    frieda.get_by_label("Find somebody by name").fill("GUST")
    frieda.get_by_role("button", name="Search").click()
    frieda.get_by_role("button", name="Add friend gustav").click()
    expect(frieda.locator(".messages")).to_have_text("gustav has your request.")

    expect(gustav).to_have_title(re.compile(r"^\(1\) Order pizza"))
    gustav.get_by_text("Menu 1").click()
    gustav.get_by_role("link", name="People 1 new").click()
    gustav.get_by_role("button", name="Accept frieda").click()
    expect(gustav).to_have_title(re.compile("^People"))
    expect(frieda.locator("section", has=frieda.get_by_role("heading", name="Friends"))).to_contain_text("gustav")

    gustav.goto(gustav.url.split("people/")[0])
    frieda.goto(gustav.url)
    order(frieda, "Margherita")
    frieda.get_by_role("link", name="Watch it").click()
    frieda.get_by_label("A friend sees it on their own page").select_option("gustav")
    frieda.get_by_role("button", name="Show it").click()
    shared = gustav.locator("#shared-orders tbody tr")
    expect(shared).to_contain_text("1 × Margherita")
    expect(shared.locator(".state")).to_have_text("Delivered", timeout=30_000)
    expect(gustav).to_have_title(re.compile(r"^\(1\) Order pizza"))

    frieda.goto(gustav.url + "people/")
    frieda.get_by_label("More about gustav").click()
    frieda.get_by_role("button", name="Unfriend gustav").click()
    expect(shared).to_have_count(0)
    expect(gustav).to_have_title(re.compile("^Order pizza"))
    expect(gustav.locator("#order-table tbody tr")).to_have_count(0)


def test_a_new_password_elsewhere_changes_nothing_here_and_a_log_out_is_told(shop, window):
    page = window(path="sign-up/")

    def fill_in(tab, **fields):
        for name, value in fields.items():
            tab.locator(f"input[name={name}]").fill(value)
        tab.locator("main form button").first.click()

    password, new = "a fine oven 7", "a finer oven 8"
    fill_in(page, username="erin", email="erin@example.org", password1=password, password2=password)
    page.wait_for_url(shop.url)  # loaded, with its scripts: a click before them is nobody's
    order(page, "Carbonara")
    page.get_by_role("link", name="Watch it").click()
    expect(page.locator("#status")).to_be_visible()

    elsewhere = page.context.new_page()
    elsewhere.goto(shop.url + "profile/password/")
    with page.expect_event("websocket") as again:  # the old session is gone: the page comes back with the new one
        fill_in(elsewhere, old_password=password, new_password1=new, new_password2=new)
    assert "/ws/" in again.value.url
    expect(page.get_by_text("You have been logged out.")).to_have_count(0)

    elsewhere.goto(shop.url)
    elsewhere.locator("form[action='/log-out/']").evaluate("form => form.submit()")
    expect(page.get_by_role("alert").filter(has_text="You have been logged out.")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("link", name="Log in again.")).to_have_attribute("href", f"/log-in/?next={quoted(page)}")
    expect(page.locator("#status")).to_have_text("Delivered", timeout=30_000)  # a visitor can still watch


def quoted(page):
    return quote(urlsplit(page.url).path, safe="")


def test_every_page_of_the_admin_keeps_to_the_policy(shop, staff):
    """The fixture fails on any complaint, such as one of the Content-Security-Policy."""
    for path in (
        "admin/home/pizza/",
        "admin/home/pizza/add/",
        "admin/home/order/",
        "admin/kitchen/station/1/change/",
        "admin/django_celery_beat/periodictask/",
        "admin/django_celery_beat/periodictask/1/change/",
        "admin/auth/user/1/change/",
    ):
        staff.goto(shop.url + path)
        expect(staff.locator("#content")).to_be_visible()


def test_the_docs_page_of_the_api_keeps_to_the_policy_and_orders_a_pizza(window):
    page = window(path="api/docs")
    page.get_by_text("Order pizzas").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    answer = page.locator(".live-responses-table")
    expect(answer).to_contain_text("is in the kitchen.")
    expect(answer.locator(".response-col_status").last).to_have_text("201")
