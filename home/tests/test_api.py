"""Ordering and reading, as a page does it and as a script does it."""

import json

import pytest
from django.test import Client

from home.models import Order
from kitchen import flow
from kitchen.models import Shop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


@pytest.fixture
def script():
    """A client without cookie and origin, whose requests are checked for CSRF as in production."""
    return Client(enforce_csrf_checks=True)


def post(client, body, path="/api/order/", **headers):
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post(path, data, content_type="application/json", headers=headers)


@pytest.mark.usefixtures("small_kitchen")  # fixed times: what can be expected does not change with the moment
@pytest.mark.parametrize("path", ["/api/order/", "/api/order"])
def test_it_orders_one_pizza(script, margherita, cooked, django_capture_on_commit_callbacks, path):
    with django_capture_on_commit_callbacks(execute=True):
        response = post(script, {"id": margherita.pk}, path)

    assert response.status_code == 201
    answer = response.json()
    order = Order.objects.get()
    assert answer["status"] is True
    assert order.number in answer["message"]
    assert answer["order"] == order.payload()
    assert (answer["order"]["amount"], answer["order"]["status"], answer["order"]["progress"]) == (
        9.5,
        "Order received",
        20,
    )
    assert answer["order"]["url"] == f"/order/{order.order_id}/"
    assert [(line.pizza, line.quantity, line.unit_price) for line in order.lines.all()] == [(margherita, 1, 9.5)]
    assert cooked == [(order.pk, 1, "received")]
    assert (order.user, order.guest) == (None, "")


def test_it_orders_several_and_keeps_the_lines_as_they_were_sent(script, margherita, diavola):
    items = [{"id": margherita.pk, "quantity": 2}, {"id": diavola.pk}, {"id": margherita.pk, "quantity": 3}]
    response = post(script, {"items": items})
    assert response.status_code == 201
    order = Order.objects.get()
    assert (order.summary, order.amount) == ("5 × Margherita, 1 × Diavola", 59.5)
    assert [(line.pizza, line.quantity) for line in order.lines.all()] == [
        (margherita, 2),
        (diavola, 1),
        (margherita, 3),
    ]
    assert [item["name"] for item in response.json()["order"]["items"]] == [
        *["Margherita"] * 2,
        "Diavola",
        *["Margherita"] * 3,
    ]


@pytest.mark.parametrize(
    ("more", "way"),
    [({}, "delivery"), ({"way": "delivery"}, "delivery"), ({"way": "carry_out"}, "carry_out")],
)
def test_it_is_brought_unless_it_is_to_be_collected(script, margherita, more, way):
    for body in ({"id": margherita.pk, "quantity": 2, **more}, {"items": [{"id": margherita.pk}], **more}):
        response = post(script, body)
        assert (response.status_code, response.json()["order"]["way"]) == (201, way)
    assert set(Order.objects.values_list("way", flat=True)) == {way}


M = 10**30  # larger than any id
WRONG = [
    ("{", "not JSON"),
    ("", "not JSON"),
    (b"\xff\xfe", "not JSON"),
    ("[" * 100_000, "not JSON"),
    ("[]", "JSON object"),
    ("4", "JSON object"),
    ("null", "JSON object"),
    ({}, "“id” is missing"),
    ({"id": "4"}, "“id” must be a whole number"),
    ({"id": None}, "“id” must be a whole number"),
    ({"id": True}, "“id” must be a whole number"),
    ({"id": 4.5}, "“id” must be a whole number"),
    ({"id": 999_999}, "Pizza 999999 is not on the menu"),
    ({"id": -1}, "not on the menu"),
    ({"id": M}, "There is no such pizza"),
    ({"id": 1, "quantity": 0}, "from 1 to 20"),
    ({"id": 1, "quantity": -3}, "from 1 to 20"),
    ({"id": 1, "quantity": 21}, "from 1 to 20"),
    ({"id": 1, "quantity": M}, "from 1 to 20"),
    ({"id": 1, "quantity": "two"}, "whole number"),
    ({"id": 1, "quantity": 1.5}, "whole number"),
    ({"id": 1, "quantity": True}, "whole number"),
    ({"id": 1, "quantity": None}, "whole number"),
    ({"items": []}, "empty"),
    ({"items": {}}, "must be a list"),
    ({"items": [1]}, "must be an object"),
    ({"items": [{"id": 1}] * 21}, "At most 20 lines"),
    ({"items": [{"id": 1}], "id": 1}, "not both"),
    ({"id": 1, "way": "drone"}, "“way” must be “delivery” or “carry_out”."),
    ({"id": 1, "way": ""}, "“way” must be"),
    ({"id": 1, "way": None}, "“way” must be"),
    ({"id": 1, "way": True}, "“way” must be"),
    ({"id": 1, "way": ["delivery"]}, "“way” must be"),
    ({"items": [{"id": 1}], "way": "Delivery"}, "“way” must be"),
    ({"items": [{"id": 1, "way": "carry_out"}]}, "“way” is for the whole order"),
]


@pytest.mark.parametrize(("body", "words"), WRONG)
def test_it_says_what_is_wrong_and_orders_nothing(script, margherita, body, words):
    response = post(script, body)
    assert response.status_code == 400
    answer = response.json()
    assert answer.keys() == {"status", "error"}
    assert answer["status"] is False
    assert words in answer["error"]
    assert not Order.objects.exists()


def test_it_refuses_what_is_not_on_the_menu_any_more(script, margherita):
    margherita.on_menu = False
    margherita.save()
    response = post(script, {"id": margherita.pk})
    assert (response.status_code, response.json()["error"]) == (400, "Margherita is not on the menu.")


def test_it_refuses_more_than_twenty_of_one_pizza_however_they_are_listed(script, margherita):
    response = post(script, {"items": [{"id": margherita.pk, "quantity": 15}] * 2})
    assert (response.status_code, "you asked for 30" in response.json()["error"]) == (400, True)


def test_it_refuses_to_read_a_book(script, margherita):
    response = post(script, {"id": margherita.pk, "note": "x" * 3_000_000})
    assert (response.status_code, response.json()["status"]) == (413, False)


def test_other_methods_are_refused(script):
    response = script.get("/api/order/")
    assert (response.status_code, response.json()["status"]) == (405, False)


# Whose order it is


def test_a_member_owns_what_they_order(client, alice, margherita):
    client.force_login(alice)
    post(client, {"id": margherita.pk})
    assert Order.objects.get().user == alice


def test_a_visitor_owns_it_through_the_session_and_takes_it_along(client, alice, margherita):
    post(client, {"id": margherita.pk}, Origin="http://testserver")
    order = Order.objects.get()
    assert order.user is None
    assert order.guest == client.session["guest"]

    client.post("/log-in/", {"username": "alice", "password": "alice's pizza 1"})

    order.refresh_from_db()
    assert order.user == alice


def test_a_browser_needs_the_csrf_token(alice, margherita):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    refused = post(browser, {"id": margherita.pk})
    assert (refused.status_code, refused.json()["status"]) == (403, False)
    assert not Order.objects.exists()

    browser.get("/")
    token = browser.cookies["csrftoken"].value
    assert post(browser, {"id": margherita.pk}, **{"X-CSRFToken": token}).status_code == 201


def test_a_page_of_ours_needs_no_csrf_token(alice, margherita):
    """A script of a tutorial, which only posts {"id": 4}, orders from our page, logged in or not."""
    for log_in in (False, True):
        browser = Client(enforce_csrf_checks=True)
        if log_in:
            browser.force_login(alice)
        assert post(browser, {"id": margherita.pk}, Origin="http://testserver").status_code == 201
    assert [order.user for order in Order.objects.order_by("pk")] == [None, alice]


def test_a_page_of_a_trusted_origin_needs_no_csrf_token(alice, margherita, settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://shop.example", "https://*.pizza.example"]
    origins = [
        "https://shop.example",
        "https://till.pizza.example",
        "http://shop.example",
        "https://pizza.example.org",
    ]
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    answers = [post(browser, {"id": margherita.pk}, Origin=origin).status_code for origin in origins]
    assert answers == [201, 201, 403, 403]


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://[", "https://testserver", "http://testserver.evil.example"]
)
def test_another_site_cannot_order_with_or_without_a_session(script, alice, margherita, origin):
    assert post(script, {"id": margherita.pk}, Origin=origin).status_code == 403
    script.force_login(alice)
    assert post(script, {"id": margherita.pk}, Origin=origin).status_code == 403
    assert not Order.objects.exists()


# A repeated click


def test_the_same_click_is_one_order(script, margherita, cooked, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        first = post(script, {"id": margherita.pk}, **{"Idempotency-Key": "click-1"})
        second = post(script, {"id": margherita.pk}, **{"Idempotency-Key": "click-1"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["order"]["order_id"] == second.json()["order"]["order_id"]
    assert Order.objects.count() == len(cooked) == 1


def test_a_click_whose_answer_got_lost_is_found_again_with_the_new_session(client, margherita):
    client.get("/")
    headers = {"Idempotency-Key": "1", "Origin": "http://testserver"}
    post(client, {"id": margherita.pk}, **headers)
    del client.cookies["sessionid"]
    post(client, {"id": margherita.pk}, **headers)
    assert Order.objects.get().guest == client.session["guest"]


def test_a_click_that_was_placed_is_found_again_whatever_changed_since(script, margherita):
    first = post(script, {"id": margherita.pk}, **{"Idempotency-Key": "1"})
    margherita.on_menu = False
    margherita.save()
    Shop.objects.update(is_open=False)
    again = post(script, {"id": margherita.pk}, **{"Idempotency-Key": "1"})
    assert (again.status_code, again.json()["order"]["order_id"]) == (201, first.json()["order"]["order_id"])


def test_no_cookie_pretends_to_be_an_account(client, script, alice, margherita):
    client.force_login(alice)
    hers = post(client, {"id": margherita.pk}, **{"Idempotency-Key": "1"}).json()
    script.cookies["csrftoken"] = str(alice.pk)
    other = post(script, {"id": margherita.pk}, **{"Idempotency-Key": "1"}).json()
    assert other["order"]["order_id"] != hers["order"]["order_id"]


def test_another_click_or_another_person_is_another_order(client, script, alice, margherita):
    client.force_login(alice)
    for caller, key in ((script, "1"), (script, "2"), (client, "1")):
        post(caller, {"id": margherita.pk}, **{"Idempotency-Key": key})
    assert Order.objects.count() == 3


def test_a_key_that_was_used_for_something_else_is_refused(script, margherita, diavola):
    post(script, {"id": margherita.pk}, **{"Idempotency-Key": "1"})
    response = post(script, {"id": diavola.pk}, **{"Idempotency-Key": "1"})
    assert (response.status_code, response.json()["status"]) == (422, False)
    assert post(script, {"id": diavola.pk}, **{"Idempotency-Key": "x" * 201}).status_code == 400


def test_the_same_pizzas_in_other_lines_are_the_same_order_but_another_way_is_another(script, margherita, diavola):
    ids, key = (margherita.pk, diavola.pk), {"Idempotency-Key": "1"}
    first = post(script, {"items": [{"id": ids[0]}, {"id": ids[1]}, {"id": ids[0]}]}, **key).json()
    again = post(script, {"items": [{"id": ids[1]}, {"id": ids[0], "quantity": 2}]}, **key)
    assert (again.status_code, again.json()["order"]["order_id"]) == (201, first["order"]["order_id"])
    body = {"items": [{"id": ids[1]}, {"id": ids[0], "quantity": 2}], "way": "carry_out"}
    assert post(script, body, **key).status_code == 422


def test_a_repeated_request_is_compared_with_what_was_ordered(script, margherita, diavola):
    body, key = {"items": [{"id": margherita.pk}, {"id": diavola.pk}]}, {"Idempotency-Key": "1"}
    first = post(script, body, **key).json()["order"]
    flow.cancel(Order.objects.get().pk, item=2)
    again = post(script, body, **key).json()["order"]
    assert (again["order_id"], again["summary"]) == (first["order_id"], "1 × Margherita")


# Reading


def test_it_shows_an_order_to_anyone_with_the_id_and_nothing_personal(script, place, alice, bob):
    order = place(user=alice)
    flow.cancel(order.pk, by=bob, reason="Out of <b>dough</b>")
    order.refresh_from_db()

    response = script.get(f"/api/order/{order.order_id}/")

    answer = response.json()
    assert answer["payload"] == order.payload()
    assert [(e["seq"], e["stage"], e["event"], e["by"], e["reason"]) for e in answer["events"]] == [
        (1, "received", "started", "kitchen", ""),
        (2, "cancelled", "cancelled", "staff", "Out of <b>dough</b>"),
    ]
    assert [line["sentence"] for line in answer["timeline"]] == [
        "We started making your order",
        "Cancelled by staff: Out of <b>dough</b>",
    ]
    assert b"alice" not in response.content
    assert b"bob" not in response.content


def test_events_of_a_pizza_that_a_change_has_removed_stay_out_of_the_timeline(script, place, margherita, diavola):
    order = place(items=[(margherita, 1), (diavola, 1)])
    flow.cancel(order.pk, reason="No salami", item=2)
    flow.change(order.pk, [(margherita, 2)])
    answer = script.get(f"/api/order/{order.order_id}/").json()
    assert ("cancelled", 2) in [(event["event"], event["item"]) for event in answer["events"]]
    sentences = [line["sentence"] for line in answer["timeline"]]
    assert "Changed at your request" in sentences and not any("ancelled" in line for line in sentences)


@pytest.mark.parametrize("order_id", ["nope", "x" * 20, "é"])
def test_an_unknown_order_is_404_with_a_sentence(script, db, order_id):
    response = script.get(f"/api/order/{order_id}/")
    assert (response.status_code, response.json()["status"]) == (404, False)


def test_it_shows_the_menu(script, margherita, diavola):
    diavola.on_menu = False
    diavola.save()
    assert script.get("/api/menu/").json() == {
        "pizzas": [{"id": margherita.pk, "name": "Margherita", "description": "", "price": 9.5, "image": None}]
    }


@pytest.mark.parametrize(("way", "what"), [("delivery", "at the door"), ("carry_out", "ready to collect")])
def test_a_promise_says_what_it_is(script, margherita, way, what):
    answer = script.get("/api/promise/", {"pizzas": 2, "way": way}).json()
    assert answer["what"] == what
    assert answer["promise"].keys() == {"low", "median", "high"}
    order = post(script, {"id": margherita.pk, "way": way}).json()["order"]
    assert (order["promise"]["what"], order["eta"]["what"]) == (what, what)


@pytest.mark.parametrize("way", ["", "drone", "Delivery"])
def test_a_strange_way_gets_a_sentence(script, db, way):
    answer = script.get("/api/promise/", {"way": way})
    assert (answer.status_code, answer.json()["error"]) == (400, "“way” must be “delivery” or “carry_out”.")


def test_it_describes_itself_without_the_internet(script):
    paths = script.get("/api/openapi.json").json()["paths"]
    assert paths.keys() == {"/api/order/", "/api/order/{order_id}/", "/api/me/", "/api/menu/", "/api/promise/"}
    assert {"201", "400", "409"} <= paths_answers(script)
    schemas = json.dumps(script.get("/api/openapi.json").json())
    assert schemas.count('"enum": ["delivery", "carry_out"]') == 3  # of one pizza, of several, of a promise
    for operation in (one for path in paths.values() for one in path.values()):
        assert "Retry-After" in operation["responses"]["429"]["headers"]
    page = script.get("/api/docs").content.decode()
    assert "<title>Forno Vivo</title>" in page
    assert "swagger-ui-bundle.js" in page
    assert "https://" not in page


def paths_answers(client):
    return client.get("/api/openapi.json").json()["paths"]["/api/order/"]["post"]["responses"].keys()
