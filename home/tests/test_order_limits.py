"""How many orders come from a person, a session and an address; a refused one is not placed and can be sent again."""

import json
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts import tokens
from home.api.callers import MARK, simulated_mark
from home.models import Order
from pizzaProj import limits

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]
OF_ONE, OF_ADDRESS = 2, 5
PAGE = {"origin": "http://testserver"}


@pytest.fixture(autouse=True)
def few(monkeypatch):
    paces = {"order": limits.Limit(OF_ONE, 60), "order_address": limits.Limit(OF_ADDRESS, 60)}
    monkeypatch.setattr(limits, "PACES", paces)


@pytest.fixture
def order(margherita):
    """Return order(client, ...), which sends an order and returns the answer."""

    def order(client, address="10.0.0.1", **headers):
        body = json.dumps({"id": margherita.pk})
        return client.post("/api/order/", body, content_type="application/json", headers=headers, REMOTE_ADDR=address)

    return order


def statuses(order, times, *args, **kwargs):
    return [order(*args, **kwargs).status_code for _ in range(times)]


def test_a_session_has_a_limit_wherever_it_comes_from(order):
    visitor = Client()
    assert statuses(order, OF_ONE, visitor, **PAGE) == [201, 201]
    answer = order(visitor, address="10.0.0.2", **PAGE)
    assert answer.status_code == 429
    assert 55 <= int(answer["Retry-After"]) <= 60
    words = f"That is a lot of orders. Try again in {answer['Retry-After']} seconds."
    assert answer.json() == {"status": False, "error": words}
    assert Order.objects.count() == OF_ONE
    assert order(Client(), **PAGE).status_code == 201  # somebody else at the same address


def test_an_account_has_one_limit_for_its_sessions_and_tokens(order, alice):
    key = tokens.make(alice, "till", timezone.now() + timedelta(days=1))
    for client in (Client(), Client()):
        client.force_login(alice)
        assert order(client, **PAGE).status_code == 201
    assert order(client, **PAGE).status_code == 429
    assert order(Client(), authorization=f"Token {key}", address="10.0.0.2").status_code == 429


@pytest.mark.parametrize("headers", [{}, PAGE, {**PAGE, "cookie": "sessionid=invented0000000000000000000000"}])
def test_who_drops_the_cookie_counts_by_address(order, headers):
    assert statuses(order, OF_ADDRESS, Client(), **headers)[:OF_ONE] == [201] * OF_ONE
    placed = Order.objects.count()
    answers = [order(Client(), **headers).status_code for _ in range(2 * OF_ADDRESS)]
    assert answers == [201] * (OF_ADDRESS - placed) + [429] * (OF_ADDRESS + placed)
    assert Order.objects.count() == OF_ADDRESS
    assert Session.objects.count() <= OF_ADDRESS  # none for a refused one
    assert order(Client(), address="10.0.0.2", **headers).status_code == 201


def test_a_network_has_one_limit(order):
    answers = [order(Client(), address=f"2001:db8::{number}").status_code for number in range(OF_ADDRESS + 1)]
    assert answers == [201] * OF_ADDRESS + [429]


def test_a_refused_order_is_not_placed_and_its_key_can_be_used_later(order, monkeypatch):
    visitor = Client()
    statuses(order, OF_ONE, visitor, **PAGE)
    key = {"Idempotency-Key": "third"}
    assert order(visitor, **PAGE, **key).status_code == 429
    monkeypatch.setitem(limits.PACES, "order", limits.Limit(OF_ONE + 1, 60))  # a minute later
    answers = [order(visitor, **PAGE, **key).json()["order"]["order_id"] for _ in range(5)]
    assert len(set(answers)) == 1  # and what is repeated does not count
    assert Order.objects.count() == OF_ONE + 1


def test_simulated_customers_have_no_limit_and_count_for_nobody(order):
    mark = {MARK: simulated_mark()}
    assert statuses(order, OF_ADDRESS + 1, Client(), **mark) == [201] * (OF_ADDRESS + 1)
    assert order(Client()).status_code == 201
    assert order(Client(), **{MARK: "rush:forged:forged"}).status_code == 403


def test_an_old_mark_is_good_for_nothing(order, monkeypatch):
    mark = {MARK: simulated_mark()}
    monkeypatch.setattr("home.api.callers.MARK_SECONDS", -1)
    assert order(Client(), **mark).status_code == 403
