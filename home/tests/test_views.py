"""The pages: who sees what, and what every page comes with."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from home import views
from home.views import ORDERS_PER_PAGE
from kitchen import flow, outlook
from kitchen.models import Shop
from pizzaProj import limits
from pizzaProj.version import VERSION

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


def page(client, path="/"):
    return client.get(path).content.decode()


def test_the_menu_shows_what_is_on_it(client, margherita, diavola):
    diavola.on_menu = False
    diavola.save()
    html = page(client)
    assert "Margherita" in html
    assert "$9.50" in html
    assert "Diavola" not in html


def test_a_shop_that_is_sold_out_does_not_look_like_a_new_one(client, margherita, bob):
    assert "sold out" not in page(client)
    margherita.on_menu = False
    margherita.save()
    assert "Everything is sold out, sorry. Please check back later." in page(client)
    client.force_login(bob)
    assert 'href="/admin/home/pizza/"' in page(client)
    margherita.delete()
    assert "The menu is still empty." in page(client)


def test_a_closed_shop_says_so_before_anyone_orders(client, margherita):
    assert "Closed right now" not in page(client)
    Shop.objects.update(is_open=False)
    assert "Closed right now" in page(client)


def test_people_see_their_own_orders_and_staff_see_all(client, place, alice, bob, charlie):
    hers, guests = place(user=alice), place(guest="g" * 32)
    session = client.session
    session["guest"] = "g" * 32
    session.save()
    visitor = page(client)
    assert guests.order_id in visitor
    assert hers.order_id not in visitor

    for user, seen in ((alice, {hers}), (charlie, set()), (bob, {hers, guests})):
        someone = Client()
        someone.force_login(user)
        html = page(someone)
        assert {order for order in (hers, guests) if order.order_id in html} == seen


def test_orders_come_newest_first_and_paged(client, place, bob):
    client.force_login(bob)
    orders = [place() for _ in range(ORDERS_PER_PAGE + 2)]
    html = page(client)
    assert html.index(orders[-1].order_id) < html.index(orders[-2].order_id)
    assert orders[0].order_id not in html
    assert orders[0].order_id in page(client, "/?page=2")
    assert client.get("/?page=rubbish").status_code == client.get("/?page=99").status_code == 200


def test_simulated_orders_can_be_left_out(client, place, bob):
    client.force_login(bob)
    real, simulated = place(), place(simulated=True)
    assert simulated.order_id in page(client)
    html = page(client, "/?simulated=0")
    assert real.order_id in html
    assert simulated.order_id not in html


def test_the_number_of_queries_does_not_grow_with_the_orders(client, timeless, place, bob, django_assert_num_queries):
    client.force_login(bob)
    for more in (2, 15):
        for _ in range(more):
            place(user=bob)
        page(client)  # what is remembered for a moment is remembered from here on
        with django_assert_num_queries(12):
            page(client)


@pytest.mark.parametrize("slash", ["", "/"])
def test_anyone_with_the_link_sees_the_order_and_nothing_personal(client, place, alice, bob, margherita, slash):
    order = place(items=[(margherita, 2)], user=alice)
    flow.cancel(order.pk, by=bob, reason="No <script>dough</script>")
    html = page(client, f"/order/{order.order_id}{slash}")
    assert "2 × Margherita" in html
    assert "$19.00" in html
    assert "Cancelled by staff: No &lt;script&gt;dough&lt;/script&gt;" in html
    assert "alice" not in html
    assert "bob" not in html


def test_a_page_shows_where_each_pizza_is_only_while_they_are_apart(client, place, margherita, diavola):
    order = place(items=[(margherita, 1), (diavola, 1)], way="carry_out")
    flow.override(order.pk, "baked", item=1)
    html = page(client, f"/order/{order.order_id}/")
    assert '<span class="name">Margherita</span> <span class="where">Out of the oven</span>' in html
    assert "· Collect</span>" in html and ">Ready to collect</li>" in html and ">Out for delivery</li>" not in html
    flow.override(order.pk, "baked", item=2)
    html = page(client, f"/order/{order.order_id}/")
    assert '<span class="where">' not in html and "<h1" in html
    flow.override(order.pk, "ready")
    html = page(client, f"/order/{order.order_id}/")
    assert f"Just say {order.number}." in html and "progress-80" in html
    flow.override(order.pk, "delivered")
    assert "Collected at " in page(client, f"/order/{order.order_id}/")


def test_a_page_shows_what_is_left_of_an_order(client, place, margherita, diavola):
    order = place(items=[(margherita, 2), (diavola, 1)])

    def rows():
        shown = re.search('<ul class="lines">(.*?)</ul>', page(client, f"/order/{order.order_id}/"), re.S)
        return [" ".join(re.sub("<(?!/?s>)[^>]*>", "", row).split()) for row in shown[1].split("</li>")[:-1]]

    assert rows() == ["2 × Margherita $19.00", "1 × Diavola $12.00", "Total $31.00"]
    flow.cancel(order.pk, item=3)
    flow.cancel(order.pk, item=1)
    left = ["1 × Margherita (1 cancelled) $9.50", "<s>1 × Diavola</s> Cancelled", "Total $9.50"]
    assert rows() == left
    flow.cancel(order.pk)
    assert rows() == left  # the order's own end strikes no more of them


def test_lists_say_how_an_order_gets_to_its_customer(client, place, alice):
    place(user=alice)
    place(user=alice, way="carry_out")
    client.force_login(alice)
    html = page(client)
    assert html.count('way-out">Delivery<') == html.count('way-out">Collect<') == 1


def test_a_basket_offers_delivery_first_and_no_third_way(client, margherita):
    html = page(client)
    ways = re.findall(r'<input type="radio" name="way" value="(\w+)"[^>]*?( checked)?>', html)
    assert ways == [("delivery", " checked"), ("carry_out", "")]


def test_the_queries_of_an_orders_page_do_not_grow_with_its_pizzas(client, place, margherita):
    def queries(number):
        order = place(items=[(margherita, number)])
        outlook.stations.forget()  # they are kept for a moment
        with CaptureQueriesContext(connection) as captured:
            page(client, f"/order/{order.order_id}/")
        return len(captured)

    assert queries(1) == queries(12)


@pytest.mark.parametrize("path", ["/order/nope/", "/order/" + "a" * 20 + "/", "/nowhere/", "/media/pizzas/nope.webp"])
def test_an_unknown_page_is_a_404_that_helps(client, db, path):
    response = client.get(path)
    assert response.status_code == 404
    assert 'href="/"' in response.content.decode()


@pytest.mark.parametrize("name", ["../secret_key", "..%2fsecret_key", "%00", "a" * 5000])
def test_media_gives_away_nothing_else(client, db, name):
    assert client.get(f"/media/pizzas/{name}").status_code == 404


@pytest.mark.parametrize(
    "path", ["/", "/log-in/", "/sign-up/", "/forgotten-password/", "/nowhere/", "/admin/login/", "/api/docs"]
)
def test_every_page_is_under_a_strict_policy(client, db, path):
    response = client.get(path)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    html = response.content.decode()
    assert "style=" not in html
    assert "<style" not in html
    assert " onclick=" not in html


def test_cookies_are_httponly_and_lax(client, alice):
    client.get("/")
    client.post("/log-in/", {"username": "alice", "password": "alice's pizza 1"})
    assert client.cookies.keys() == {"csrftoken", "sessionid"}
    for cookie in client.cookies.values():
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_the_footer_says_which_version_it_is(client, db):
    for page in ("/", "/log-in/", "/chat/", "/people/"):
        answer = client.get(page, follow=True)
        footer = answer.text.partition("<footer")[2]
        assert f"Version {VERSION}." in footer


def test_the_pages_for_staff_end_after_the_newest_orders(client, bob, place, monkeypatch):
    monkeypatch.setattr(views, "ORDERS_PER_PAGE", 2)
    monkeypatch.setattr(limits, "LISTED_ROWS", 3)
    orders = [place() for _ in range(4)]
    client.force_login(bob)
    shown = client.get("/?page=9")
    assert list(shown.context["page"]) == [orders[1]]
    assert "Page 2 of 2. Only the newest orders are listed." in shown.content.decode()
