"""What a page of Alice's sends after Charlie has logged in, in another tab of the same browser."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client
from django.urls import reverse

from accounts.models import Profile
from accounts.people import friends
from accounts.whose import whose
from home.models import Order, Pizza
from kitchen.models import Shop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


def field(client: Client, path: str = "/profile/") -> dict[str, str]:
    """Return the hidden field of the page's forms, as it is when the page is opened."""
    found = re.findall(r'name="page_of" value="(\w+)"', client.get(path).text)
    assert len(set(found)) == 1
    return {"page_of": found[0]}


def heading(answer: Any) -> tuple[int, str]:
    return answer.status_code, re.search("<h1>(.*?)</h1>", answer.text)[1]  # type: ignore[index]


def test_a_form_of_one_account_changes_nothing_for_another(client: Client, alice: User, charlie: User) -> None:
    client.force_login(alice)
    hers = field(client)
    client.force_login(charlie)
    Profile.objects.update_or_create({"shows_reads": True}, user=charlie)
    refused = (409, "This is charlie’s browser now")
    assert heading(client.post("/profile/", hers)) == refused
    assert heading(client.post("/people/ask/", {**hers, "username": "alice"})) == refused
    assert heading(client.post("/chat/", {**hers, "room": "Lobby"})) == refused
    assert (Profile.of(charlie).shows_reads, list(friends(alice))) == (True, [])
    assert client.post("/profile/", field(client)).status_code == 302  # his own page


def test_a_form_of_before_a_log_out_asks_to_log_in_and_leads_back(client: Client, alice: User) -> None:
    client.force_login(alice)
    hers = field(client)
    client.logout()
    answer = client.post("/profile/", hers, headers={"Referer": "http://testserver/profile/"})
    assert heading(answer) == (409, "You have been logged out")
    assert 'href="/log-in/?next=http%3A//testserver/profile/"' in answer.text
    client.force_login(alice)  # again: it is her page as before
    assert client.post("/profile/", hers).status_code == 302


def test_a_basket_of_one_account_is_not_ordered_by_another(client: Client, alice: User, charlie: User) -> None:
    pizza = Pizza.objects.create(name="Margherita", price=9)
    visitors = whose(AnonymousUser())

    def order(page_of: str) -> Any:
        headers = {"Origin": "http://testserver", "X-Page-Of": page_of} if page_of else {}
        return client.post("/api/order/", {"id": pizza.pk}, "application/json", headers=headers)

    assert [order(visitors).status_code, order(whose(alice)).status_code] == [201, 409]
    client.force_login(charlie)
    answers = [order(visitors), order(whose(alice)), order(whose(charlie)), order("")]
    assert [answer.status_code for answer in answers] == [409, 409, 201, 201]
    said = "You are now logged in as charlie in another tab. Reload this page to go on."
    assert answers[1].json() == {"status": False, "error": said}
    assert Order.objects.count() == 3


def test_the_admins_forms_know_whose_they_are(client: Client, bob: User) -> None:
    other = User.objects.create_superuser("otto", password="otto's oven 2")
    client.force_login(bob)
    his = field(client, "/admin/kitchen/shop/1/change/")
    client.force_login(other)
    Shop.objects.update(is_open=True)
    assert heading(client.post("/admin/kitchen/shop/1/change/", {**his, "speed": "1"}))[0] == 409
    assert Shop.objects.get().is_open


@pytest.mark.parametrize("path", ["/log-in/", "/log-out/", "/sign-up/", "/admin/logout/", "/forgotten-password/"])
def test_what_changes_who_is_there_is_for_anybody(client: Client, alice: User, charlie: User, path: str) -> None:
    client.force_login(charlie)
    assert client.post(path, {"page_of": whose(alice)}).status_code in (200, 302)


def test_a_page_can_ask_whose_browser_it_is_now(client: Client, alice: User) -> None:
    assert client.get(reverse("whose")).json() == {"whose": whose(AnonymousUser()), "username": ""}
    client.force_login(alice)
    answer = client.get(reverse("whose"))
    assert answer.json() == {"whose": whose(alice), "username": "alice"}
    assert f'<meta name="whose" content="{whose(alice)}">' in client.get("/").text
    assert f'<meta name="whose" content="{whose(alice)}">' not in Client().get("/").text


def test_the_word_tells_nobody_which_account_it_is(alice: User, charlie: User) -> None:
    words = [whose(alice), whose(charlie), whose(AnonymousUser())]
    assert len(set(words)) == 3
    assert all(re.fullmatch("[0-9a-f]{16}", word) for word in words)
