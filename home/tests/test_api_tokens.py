"""The API with `Authorization: Token <key>`: whose the call is, and what a bad one gets."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from accounts import limits, tokens
from home.models import Order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


# The cast without passwords: nobody types one here, and to make one takes a tenth of a second.


@pytest.fixture
def alice(db):
    return User.objects.create_user("alice", "alice@example.org")


@pytest.fixture
def charlie(db):
    return User.objects.create_user("charlie", "charlie@example.org")


@pytest.fixture
def key(alice):
    return tokens.make(alice, "till")


@pytest.fixture
def script():
    return Client(enforce_csrf_checks=True)


def order(client, pizza, **headers):
    return client.post("/api/order/", {"id": pizza.pk}, content_type="application/json", headers=headers)


def token(key):
    return {"Authorization": f"Token {key}"}


@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN"])
def test_an_order_belongs_to_the_tokens_user(script, margherita, alice, key, scheme):
    assert order(script, margherita, Authorization=f"{scheme} {key}").status_code == 201
    placed = Order.objects.get()
    assert (placed.user, placed.guest) == (alice, "")
    assert not script.cookies


def test_a_token_wins_over_a_cookie_and_needs_no_csrf(script, margherita, alice, charlie, key):
    script.force_login(charlie)
    assert order(script, margherita).status_code == 403
    assert order(script, margherita, **token(key), Origin="https://elsewhere.example").status_code == 201
    assert Order.objects.get().user == alice
    assert script.get("/api/me/", headers=token(key)).json() == {"username": "alice"}
    assert script.get("/api/me/").json() == {"username": "charlie"}


@pytest.mark.parametrize("header", ["Token", "Token ", "Token fv_nothing", "token x y", "Token " + "é" * 50])
def test_a_bad_token_is_a_401_also_beside_a_good_cookie(script, margherita, charlie, header):
    script.force_login(charlie)
    response = order(script, margherita, Authorization=header)
    assert response.status_code == 401
    assert response.json()["status"] is False
    assert "not valid" in response.json()["error"]
    assert not Order.objects.exists()
    assert script.get("/api/menu/", headers={"Authorization": header}).status_code == 401


def test_a_token_that_ended_says_no_more_than_one_that_never_was(script, alice, key):
    answers = {script.get("/api/me/", headers=token("fv_" + "x" * 43)).content}
    expired = tokens.make(alice, "old", timezone.now() - timedelta(seconds=1))
    answers.add(script.get("/api/me/", headers=token(expired)).content)
    alice.is_active = False
    alice.save()
    response = script.get("/api/me/", headers=token(key))
    assert (response.status_code, len(answers | {response.content})) == (401, 1)


def test_without_identity_there_is_no_me(script):
    response = script.get("/api/me/")
    assert response.status_code == 401
    assert "Token" in response.json()["error"]


def test_another_scheme_is_a_proxys_business(script, margherita):
    assert order(script, margherita, Authorization="Basic c2hvcDpzaG9w").status_code == 201
    assert Order.objects.get().user is None


def test_bad_tokens_are_limited(script, key):
    for _ in range(limits.LIMITS["token"].tries - 1):
        limits.note("token", "127.0.0.1")
    assert script.get("/api/me/", headers=token("fv_wrong")).status_code == 401
    response = script.get("/api/me/", headers=token(key))
    error = "Too many attempts. Try again in 15 minutes."
    assert (response.status_code, response.json()) == (429, {"status": False, "error": error})
    assert 890 <= int(response["Retry-After"]) <= 900
    assert script.get("/api/me/", headers=token(key), REMOTE_ADDR="9.9.9.9").status_code == 200


def test_the_same_click_with_a_token_is_one_order(script, margherita, key, alice, charlie):
    for _ in range(2):
        order(script, margherita, **token(key), **{"Idempotency-Key": "click"})
    order(script, margherita, **token(tokens.make(charlie, "till")), **{"Idempotency-Key": "click"})
    assert sorted(Order.objects.values_list("user__username", flat=True)) == ["alice", "charlie"]


def test_it_is_described(script):
    document = script.get("/api/openapi.json").json()
    scheme = document["components"]["securitySchemes"]["Token"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "Authorization")
    assert document["paths"]["/api/me/"]["get"]["security"] == [{"Token": []}]
    assert document["paths"]["/api/order/"]["post"]["security"] == [{"Token": []}, {}]
