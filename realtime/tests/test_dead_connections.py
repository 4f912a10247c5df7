"""Open pages behind a connection that swallows everything without an end, in a real browser.

They say so, and show the truth again without a reload. The limits are ten and fifteen seconds on a machine at rest;
here each is waited for longer.
"""

import json
import re
import time

import pytest
from playwright.sync_api import expect
from websockets import Origin
from websockets.sync.client import connect

from chat.tests.test_chat_browser import PASSWORD, TalkingShop, say, words
from home.tests.test_browser import DESK, PHONE, chromium  # noqa: F401  fixture
from pizzaProj.tests.test_stack import opened_once
from realtime.tests.swallowing import Swallower

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 30_000
NOTE_THE_BAR = """() => {
    const bar = document.getElementById("reconnecting");
    const began = performance.now();
    const note = () => bar.hidden || (window.lostAfterSeconds ??= (performance.now() - began) / 1000);
    new MutationObserver(note).observe(bar, {attributes: true});
}"""

SOCKETS_BY_HAND = """
    Math.random = () => 0.5;  // the middle of each pause
    window.sockets = [];
    window.WebSocket = class {
        static OPEN = 1;
        readyState = 0;
        constructor() { sockets.push(this); }
        send() {}
        close() {}
        open() { this.readyState = 1; this.onopen(); }
        refuse() { this.onclose({code: 4429}); }
    };
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    shop = TalkingShop(opened_once(tmp_path_factory, tmp_path_factory.mktemp("swallowed")))
    yield shop
    shop.stop()


@pytest.fixture
def proxy(shop):
    with Swallower(shop.port) as proxy:
        yield proxy


@pytest.fixture
def person(chromium):  # noqa: F811
    """Return person(size), which makes a browser of a person's own. No script on its pages may fail."""
    contexts, complaints = [], []

    def make(size=DESK):
        context = chromium.new_context(viewport=size)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


def open_page(context, url):
    page = context.new_page()
    page.goto(url)
    return page


def log_in(context, url, username):
    page = open_page(context, url + "log-in/")
    page.locator("input[name=username]").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(url)
    return page


class Staff:
    """A member of the staff on another, healthy connection."""

    def __init__(self, shop, context):
        self.port = shop.port
        self.cookie = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in context.cookies())

    def do(self, path, **message):
        """Send a message and wait for the answer."""
        address = f"ws://127.0.0.1:{self.port}{path}"
        origin = Origin(f"http://127.0.0.1:{self.port}")
        with connect(address, origin=origin, additional_headers={"Cookie": self.cookie}) as socket:
            socket.recv(timeout=10)
            socket.send(json.dumps(message))
            while not self.is_answer(json.loads(socket.recv(timeout=10)), message):
                pass

    def is_answer(self, frame, message):
        if "stage" in message:
            return frame["payload"]["stage"] == message["stage"]
        return frame.get("message") == message["message"]


def order(page):
    """Order, open the order's page, and return the address of its socket."""
    page.get_by_role("button", name="Add Margherita").click()
    page.get_by_role("button", name="Order", exact=True).click()
    page.get_by_role("link", name="Watch it").click()
    return f"/ws/pizza/{page.url.rstrip('/').split('/')[-1]}/"


def test_every_page_shows_the_truth_again(shop, proxy, person):
    anna, bobs, carlas = person(PHONE), person(), person()
    watched = open_page(anna, proxy.url)
    socket = order(watched)
    header = log_in(bobs, proxy.url, "bob")
    staff = Staff(shop, bobs)
    staff.do(socket, action="override", stage="out_for_delivery")
    board, drivers, inbox = (
        open_page(bobs, proxy.url + path) for path in ("kitchen/", "kitchen/drivers/", "kitchen/inbox/")
    )
    log_in(carlas, proxy.url, "carla")
    room = open_page(carlas, proxy.url + "chat/long/")
    watched.get_by_text("Talk to the kitchen").click()

    expect(watched.locator("#status")).to_have_text("Out for delivery")
    expect(board.locator(".ticket[data-order]")).to_have_count(1)
    expect(drivers.locator(".delivery")).to_have_count(1)
    expect(inbox.locator("[data-list=waiting] .nobody")).to_be_visible()
    expect(words(room).last).to_have_text("Message 120")
    expect(watched.locator(".chat[data-connection=live]")).to_be_visible()

    pages = {"order": watched, "board": board, "drivers": drivers, "inbox": inbox, "room": room}
    for page in pages.values():
        page.evaluate(NOTE_THE_BAR)
    began = time.monotonic()
    assert proxy.swallow() >= 7  # the sockets of five pages, the chat on the order's page, and the notices
    staff.do(socket, action="override", stage="delivered")
    staff.do("/ws/chat/long/", message="Is anybody there?")
    say(watched, "I am at the back door")
    say(watched, "Please ring")

    expect(watched.locator("#status")).to_have_text("Delivered", timeout=PATIENCE_MS)
    expect(board.locator(".ticket[data-order]")).to_have_count(0, timeout=PATIENCE_MS)
    expect(drivers.locator(".delivery")).to_have_count(0, timeout=PATIENCE_MS)
    expect(words(room).last).to_have_text("Is anybody there?", timeout=PATIENCE_MS)
    expect(words(watched)).to_have_text(["I am at the back door", "Please ring"], timeout=PATIENCE_MS)
    expect(watched.locator(".chat-pending li")).to_have_count(0)
    expect(inbox.locator("[data-list=waiting] li")).to_have_count(1, timeout=PATIENCE_MS)
    expect(header.locator("[data-notice=inbox]")).to_have_text(re.compile("^1"), timeout=PATIENCE_MS)
    expect(watched.locator("#timeline")).to_contain_text("Moved by staff to “Delivered”", timeout=PATIENCE_MS)
    truth_seconds = time.monotonic() - began
    lost = {name: page.evaluate("window.lostAfterSeconds") for name, page in pages.items()}
    print(f"Reconnecting shown after {max(lost.values()):.1f} s at most, the truth on all after {truth_seconds:.1f} s")
    for name, page in pages.items():
        expect(page.locator("#reconnecting")).to_be_hidden()
        assert lost[name] < PATIENCE_MS / 1000, name


def test_a_page_that_was_too_much_says_so_and_comes_back_after_pauses_that_grow(shop, person):
    """The first pause lasts 2.5 to 5 seconds and the next one twice as long, by a clock that only the test turns."""
    page = person(PHONE).new_page()
    page.add_init_script(SOCKETS_BY_HAND)
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.goto(shop.url)
    bar = page.locator("#reconnecting")
    expect(bar).to_be_hidden()

    def opened_after(milliseconds):
        page.clock.run_for(milliseconds)
        return page.evaluate("sockets.length")

    assert opened_after(0) == 1
    page.evaluate("sockets.at(-1).refuse()")
    expect(bar).to_contain_text("That was a lot at once. We come back by ourselves in a little while.")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert (opened_after(3700), opened_after(100)) == (1, 2)
    page.evaluate("sockets.at(-1).refuse()")
    assert (opened_after(7400), opened_after(200)) == (2, 3)
    expect(bar).to_be_visible()
    page.evaluate("sockets.at(-1).open()")
    expect(bar).to_be_hidden()


def test_a_delivered_order_that_is_moved_back_is_live_again_on_its_page(shop, person):
    """Also on a page that was opened after the end. Nobody loads it again."""
    page = open_page(person(PHONE), shop.url)
    socket = order(page)
    bobs = person()
    log_in(bobs, shop.url, "bob")
    staff = Staff(shop, bobs)
    staff.do(socket, action="override", stage="delivered")
    expect(page.locator("#status")).to_have_text("Delivered")
    late = open_page(page.context, page.url)
    expect(late.locator("#status")).to_have_text("Delivered")
    for each in (page, late):
        each.evaluate("window.wasNotLoadedAgain = true")

    staff.do(socket, action="override", stage="baking")
    for each in (page, late):
        expect(each.locator("#status")).to_have_text("Baking")
        expect(each.locator("#enjoy")).to_be_hidden()
        assert each.evaluate("window.wasNotLoadedAgain")
