"""Handing over, in real browsers over a whole running shop: two drivers' phones, and the board's columns."""

import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from home.tests.test_browser import DESK, PASSWORD, PHONE, chromium, demo_shop, window  # noqa: F401  fixtures
from pizzaProj.tests.test_stack import MANAGE, environment

pytestmark = [pytest.mark.browser, pytest.mark.slow]

THUMB = 48  # px
CAST = f"""
from django.contrib.auth.models import Group, User
from home.models import Pizza
from kitchen import flow
group = Group.objects.get(name="Drivers")
for name in ("dana", "eric"):
    User.objects.create_user(name, password="{PASSWORD}", first_name=name.title()).groups.add(group)
alice = User.objects.create_user("alice", first_name="<b>Alice</b>")
flow.change_station("out_for_delivery", ends_by="hand")
pizza = Pizza.objects.first()
for user, quantity in ((alice, 2), (None, 1), (alice, 3)):
    order = flow.place([(pizza, quantity)], user=user)
    flow.override(order.pk, "out_for_delivery")
    print(order.number)
flow.place([(pizza, 1)])
ready = flow.place([(pizza, 2)], user=alice, way="carry_out")
flow.override(ready.pk, "ready")
print(ready.number)
"""
TAP_AGAIN = """() => {
  window.tapped = 0;
  const look = () => {
    const button = document.querySelector('[data-list="mine"] button');
    if (tapped || !button) return;
    tapped += 1;
    button.click();
  };
  new MutationObserver(look).observe(document.querySelector("#said"), { childList: true, subtree: true });
}"""  # as soon as the answer is there: the second tap of a double tap, on what has come there


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with demo_shop(tmp_path_factory, "--speed", "1") as shop:
        yield shop.open()


@pytest.fixture(scope="module")
def numbers(shop):
    """Return the numbers of three orders that wait for a driver, the second a guest's, and of one to collect."""
    command = [sys.executable, MANAGE, "shell", "--no-imports", "-c", CAST]
    done = subprocess.run(command, env=environment(shop.folder), capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.fixture
def phone(window):  # noqa: F811
    """phone(name) is a driver's, after the log-in, on the way that they find: by the menu."""

    def open_page(name):
        page = window(PHONE, "log-in/")
        page.locator("[name=username]").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.locator("#site-menu summary").click()
        page.get_by_role("link", name="Deliveries").click()
        expect(page.locator("body[data-connection=live]")).to_be_attached()
        return page

    return open_page


def card(page, name, number):
    return page.locator(f'[data-list="{name}"] .delivery').filter(has_text=number)


def test_take_at_the_door_and_undo_on_two_phones(numbers, phone):
    alices, guests, *_ = numbers
    dana, eric = phone("dana"), phone("eric")
    for page in (dana, eric):
        expect(card(page, "ready", alices)).to_contain_text("<b>Alice</b>")
        expect(card(page, "ready", alices)).to_contain_text("2 pizzas")
        expect(card(page, "ready", guests).locator(".who")).to_be_hidden()
        expect(page.locator(".delivery")).to_have_count(3)  # one more is at the make line
    for button in dana.locator(".delivery button, .site-header summary").all():
        assert min(button.bounding_box()[side] for side in ("width", "height")) >= THUMB
    assert dana.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    dana.evaluate(TAP_AGAIN)
    card(dana, "ready", alices).get_by_role("button", name="Take").focus()
    dana.keyboard.press("Enter")
    expect(dana.locator("#said")).to_contain_text(f"{alices} is yours. Drive safely!")
    expect(card(dana, "mine", alices).get_by_role("button", name="At the door")).to_be_focused()
    assert dana.evaluate("tapped") > 0
    expect(card(eric, "others", alices)).to_contain_text("with Dana")
    expect(card(eric, "others", alices).get_by_role("button")).to_be_hidden()

    card(dana, "mine", alices).get_by_role("button", name="At the door").click()
    expect(dana.locator("#said")).to_contain_text(f"{alices} is at the door.")
    expect(eric.locator(".delivery")).to_have_count(2)
    dana.get_by_role("button", name="Undo").click()
    expect(dana.locator("#said")).to_contain_text(f"{alices} is on its way again.")
    expect(dana.get_by_role("button", name="Undo")).to_be_hidden()
    expect(card(eric, "others", alices)).to_contain_text("with Dana")


def test_a_tap_on_what_another_has_taken_is_told_who_has_it(numbers, phone):
    def hold_back(page):
        """Keep from this phone what others do: it hears only its first frame and its own answers."""

        def connect(socket):
            server = socket.connect_to_server()
            server.on_message(lambda text: None if re.match('{"(orders|gone)"', text) else socket.send(text))

        page.route_web_socket("**/ws/kitchen/drivers/?as=*", connect)

    _, guests, *_ = numbers
    dana, eric = phone("dana"), phone("eric")
    hold_back(eric)
    eric.reload()
    expect(card(eric, "ready", guests)).to_be_visible()
    card(dana, "ready", guests).get_by_role("button", name="Take").click()
    expect(card(dana, "mine", guests)).to_be_visible()
    card(eric, "ready", guests).get_by_role("button", name="Take").click()
    expect(eric.locator("#said")).to_contain_text(f"{guests} is on its way with Dana already.")
    expect(card(eric, "ready", guests).get_by_role("button", name="Take")).to_be_enabled()


def test_the_board_says_who_an_order_is_for_and_who_has_it(numbers, phone, window):  # noqa: F811
    *_, alices, ready = numbers
    board = window(DESK, "log-in/?next=/kitchen/")
    board.locator("[name=username]").fill("bob")
    board.get_by_label("Password").fill(PASSWORD)
    board.get_by_role("button", name="Log in").click()
    counter = board.locator(".station[data-stage=ready] .ticket").filter(has_text=ready)
    expect(counter.locator(".customer")).to_have_text("<b>Alice</b>")
    expect(counter.locator(".pizzas")).to_have_text(re.compile("^2 × "))
    expect(counter.locator(".left")).to_have_text(re.compile("^ready "))
    drivers = board.locator(".station[data-stage=out_for_delivery] .ticket").filter(has_text=alices)
    expect(drivers.locator(".customer")).to_have_text("<b>Alice</b>")

    card(phone("dana"), "ready", alices).get_by_role("button", name="Take").click()
    expect(drivers.locator(".driver")).to_have_text("with Dana")
    counter.get_by_role("button", name="Handed over").click()
    expect(counter).to_have_count(0)
