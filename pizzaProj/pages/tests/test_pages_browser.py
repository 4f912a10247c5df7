"""Two tabs of one browser: another log-in, a shared outbox, the way back, old forms."""

import re

import pytest
from playwright.sync_api import Page, expect

from chat.tests.test_chat_browser import PASSWORD, say, shop, window, words  # noqa: F401  fixtures
from home.tests.test_browser import chromium  # noqa: F401  fixture

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BAR = "You are now logged in as dora in another tab. Reload."
FORBIDDEN = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"


def another_tab(page: Page, path: str) -> Page:
    tab = page.context.new_page()
    tab.goto(re.match(r"\w+://[^/]+/", page.url)[0] + path)  # type: ignore[index]
    return tab


def log_in(tab: Page, username: str) -> None:
    tab.locator("input[name=username]").fill(username)
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Log in").click()
    expect(tab.locator("form[action='/log-out/']")).to_be_attached()


def log_out(tab: Page) -> None:
    tab.evaluate("document.querySelector('form[action=\"/log-out/\"]').requestSubmit()")
    expect(tab.get_by_role("link", name="Sign up")).to_be_visible()


def shut(page: Page, door: dict[str, bool]) -> None:
    """Let the room's sockets pass only while the door is open."""

    def connect(socket):
        if door["open"]:
            socket.connect_to_server()
        else:
            socket.close()

    page.route_web_socket("**/ws/chat/**", connect)


def test_what_one_account_typed_is_never_sent_as_another(window):  # noqa: F811
    door = {"open": False}
    page = window("chat/ours/", "carla", prepare=lambda page: shut(page, door))
    say(page, "From carla")
    page.get_by_label("Your message").fill("Half a thought")
    tab = another_tab(page, "chat/ours/")
    log_out(tab)
    expect(page.get_by_role("alert").filter(has_text="You have been logged out. Log in again.")).to_be_visible()
    tab.goto(tab.url + "log-in/?next=/chat/ours/")
    log_in(tab, "dora")
    expect(page.get_by_role("alert").filter(has_text=BAR)).to_be_visible()
    door["open"] = True
    say(tab, "From dora")
    expect(words(tab)).to_have_text(["From dora"])
    page.get_by_role("button", name="Leave").click()  # a plain form; it stays on the page
    expect(page.get_by_role("link", name="Reload.")).to_be_focused()
    expect(page.get_by_label("Your message")).to_have_value("Half a thought")
    log_out(tab)
    tab.goto(tab.url + "log-in/?next=/chat/ours/")
    log_in(tab, "carla")
    expect(words(page)).to_have_text(["From dora", "From carla"])  # it goes on by itself
    expect(page.locator("#logged-out")).to_have_count(0)
    expect(page.locator(".chat-messages li").last).to_contain_class("mine")


def test_two_tabs_share_an_outbox_and_one_sends_what_the_other_left(window):  # noqa: F811
    doors = {"open": False}, {"open": False}
    one = window("chat/outbox/", "carla", prepare=lambda page: shut(page, doors[0]))
    two = one.context.new_page()
    shut(two, doors[1])
    two.goto(one.url)
    pending = two.locator(".chat-pending .words")
    say(one, "First")
    expect(pending).to_have_text(["First"])
    say(two, "Second")
    say(one, "Third")
    expect(pending).to_have_text(["First", "Second", "Third"])
    expect(one.locator(".chat-pending .words")).to_have_text(["First", "Second", "Third"])
    doors[1]["open"] = True
    expect(words(two)).to_have_text(["Second"])
    expect(pending).to_have_text(["First", "Third"])  # the other tab is alive
    one.close()
    expect(words(two)).to_have_text(["Second", "First", "Third"])
    expect(pending).to_have_count(0)
    assert two.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('chat:'))") == []
    two.reload()
    expect(words(two)).to_have_text(["Second", "First", "Third"])


def test_without_storage_a_message_lasts_as_long_as_its_page(window):  # noqa: F811
    door = {"open": False}

    def prepare(page):
        page.add_init_script(FORBIDDEN)
        shut(page, door)

    page = window("chat/memory/?username=Eve", prepare=prepare)
    say(page, "In memory")
    expect(page.locator(".chat-pending .words")).to_have_text(["In memory"])
    door["open"] = True
    expect(words(page)).to_have_text(["In memory"])
    expect(page.locator(".chat-pending li")).to_have_count(0)


def test_the_way_back_after_a_log_out_shows_nothing_private(window):  # noqa: F811
    page = window("profile/", "carla")
    page.goto(page.url.replace("profile", "people"))
    log_out(page)
    page.go_back()
    page.go_back()
    expect(page).to_have_url(re.compile("/log-in/"))


def test_a_page_that_the_browser_kept_is_unseen_until_it_is_known_whose_it_is(window):  # noqa: F811
    """Safari keeps pages in spite of `no-store`. The events are made here: no browser keeps a page at will."""
    page = window("profile/", "carla")
    name = page.get_by_role("heading", name="carla")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    expect(name).to_be_hidden()
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(name).to_be_visible()
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    log_out(another_tab(page, "chat/"))
    expect(page.locator("#logged-out")).to_be_visible()
    expect(name).to_be_hidden()
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(page).to_have_url(re.compile("/log-in/"))


def test_two_tabs_on_the_log_in_page_both_go_on(window):  # noqa: F811
    page = window("log-in/?next=/people/")
    tab = another_tab(page, "log-in/?next=/chat/")
    log_in(tab, "carla")
    expect(page.get_by_text("You are now logged in as carla in another tab.")).to_be_visible()
    log_in(page, "carla")
    expect(page).to_have_url(re.compile("/people/$"))
    expect(tab.locator("#logged-out")).to_have_count(0)
