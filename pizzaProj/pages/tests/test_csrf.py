"""Old forms: two tabs on the log-in page, an old log-out button, a night, no cookies, another site."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]

OURS = {"Origin": "http://testserver"}
ALICE = {"username": "alice", "password": "alice's pizza 1"}


@pytest.fixture
def browser() -> Client:
    """Return a client whose requests are checked for CSRF, as in production."""
    return Client(enforce_csrf_checks=True)


def open_tab(browser: Client, path: str = "/log-in/") -> dict[str, str]:
    """Return the hidden fields of the page's last form, as they are when it is opened."""
    form = browser.get(path).text.split("<form")[-1]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))


def outcome(answer: Any) -> tuple[int, str]:
    """Return the status, and where it leads or the heading."""
    heading = re.search("<h1>(.*?)</h1>", answer.text)
    return answer.status_code, answer.headers.get("Location") or (heading[1] if heading else "")


@pytest.mark.parametrize("headers", [OURS, {}], ids=["a browser", "without an Origin"])
def test_two_tabs_on_the_log_in_page_both_go_on(browser: Client, alice: User, headers: dict[str, str]) -> None:
    tabs = [open_tab(browser, "/log-in/?next=/chat/"), open_tab(browser, "/log-in/?next=/people/")]
    answers = [browser.post("/log-in/", {**tab, **ALICE}, headers=headers) for tab in tabs]
    assert [outcome(answer) for answer in answers] == [(302, "/chat/"), (302, "/people/")]


@pytest.mark.parametrize("headers", [OURS, {}], ids=["a browser", "without an Origin"])
def test_a_sign_up_tab_of_before_the_log_in_goes_on(browser: Client, alice: User, headers: dict[str, str]) -> None:
    sign_up, log_in = open_tab(browser, "/sign-up/"), open_tab(browser)
    browser.post("/log-in/", {**log_in, **ALICE}, headers=headers)
    assert outcome(browser.post("/sign-up/", sign_up | {"username": "dora"}, headers=headers)) == (302, "/")
    assert User.objects.get() == alice


@pytest.mark.parametrize("headers", [OURS, {}], ids=["a browser", "without an Origin"])
def test_an_old_log_out_button_is_fine_when_nobody_is_logged_in(
    browser: Client, alice: User, headers: dict[str, str]
) -> None:
    browser.force_login(alice)
    button = open_tab(browser, "/chat/")
    browser.cookies.clear()
    browser.get("/log-in/")  # brings another CSRF cookie
    assert outcome(browser.post("/log-out/", button, headers=headers)) == (302, "/")


def test_a_second_log_in_with_another_name_says_who_is_logged_in(browser: Client, alice: User, charlie: User) -> None:
    tab = open_tab(browser)
    browser.force_login(alice)
    fields = {"username": "charlie", "password": "charlie's eyes 3"}
    page = browser.post("/log-in/", {**tab, **fields}, headers=OURS, follow=True)
    assert "You are logged in as alice. To use another account, log out first." in page.text
    page = browser.post("/log-in/", {**tab, **ALICE}, headers=OURS, follow=True)
    assert "You are logged in as" not in page.text


def test_a_form_of_ours_goes_through_however_old_its_token_is(browser: Client, bob: User) -> None:
    """Also in the admin, whose views check by themselves."""
    browser.force_login(bob)
    old = {name: value for name, value in open_tab(browser, "/profile/").items() if name != "csrfmiddlewaretoken"}
    assert outcome(browser.post("/profile/", old, headers=OURS)) == (302, "/profile/")
    assert outcome(browser.post("/admin/kitchen/shop/preset/real/", old, headers=OURS))[0] == 302


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver:81", "https://testserver"])
def test_another_site_is_refused_also_with_a_token(browser: Client, bob: User, origin: str) -> None:
    browser.force_login(bob)
    form = open_tab(browser, "/profile/")
    for path in ("/profile/", "/log-out/", "/log-in/", "/admin/kitchen/shop/preset/real/"):
        answer = browser.post(path, form, headers={"Origin": origin})
        assert outcome(answer) == (403, "That didn’t come from us")
    assert browser.get("/profile/").status_code == 200  # still logged in


def test_without_origin_and_token_the_page_says_what_to_do(browser: Client, alice: User) -> None:
    open_tab(browser)
    browser.force_login(alice)
    answer = browser.post("/people/ask/", {"username": "bob"}, headers={"Referer": "http://testserver/people/?q=b"})
    assert outcome(answer) == (403, "Please press the button again")
    assert '<a class="btn btn-primary" href="http://testserver/people/?q=b">Open the page again</a>' in answer.text
    answer = browser.post("/people/ask/", {"username": "bob"}, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["status"]) == (403, False)


def test_without_cookies_the_page_says_so(alice: User) -> None:
    browser = Client(enforce_csrf_checks=True)  # its first request, so it has none
    answer = browser.post("/log-in/", ALICE, headers=OURS)
    assert outcome(answer) == (403, "We need a cookie")
    assert "cookies are switched off" in answer.text
    assert outcome(browser.post("/log-in/", ALICE, headers=OURS)) == (302, "/")  # this page has brought one
