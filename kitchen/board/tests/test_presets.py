"""Demo and real shop: in one step, exactly what the front page of the admin says."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils.html import strip_tags

from home import live
from home.models import Order
from kitchen import flow, presets, stages
from kitchen.models import Shop, Station

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]

REAL = {"received": "hand", "baking": "clock", "baked": "hand", "out_for_delivery": "hand", "ready": "clock"}


@pytest.fixture
def staff(client, bob):
    client.force_login(bob)
    return client


def settings_of_all():
    return list(Shop.objects.values()), list(Station.objects.values())


def shop_values(*names):
    return Shop.objects.values_list(*names).get()


def choose(client, code):
    return client.post(f"/admin/kitchen/shop/preset/{code}/", follow=True)


def said(response):
    return [str(message) for message in response.context["messages"]]


def section(client):
    html = client.get("/admin/").content.decode()
    start = html.index('class="presets"')
    return " ".join(strip_tags(html[start : html.index("</section>", start)]).split())


@pytest.mark.database
def test_a_real_shop_is_run_by_people_and_a_demo_by_the_clock(staff):
    Shop.objects.update(is_open=False, carry_out_share=0.3)
    Station.objects.filter(stage="baking").update(ends_by="hand", goes_on_after_times=4)
    shops, stations = settings_of_all()

    assert said(choose(staff, "real")) == ["The shop is set up as “Real shop” now."]
    changed = {"speed": 1.0, "demand_per_hour": 0.0, "hands_over": False, "speed_since": shop_values("speed_since")[0]}
    assert settings_of_all() == (
        [row | changed for row in shops],
        [row | {"ends_by": REAL[row["stage"]]} for row in stations],
    )

    assert said(choose(staff, "demo")) == ["The shop is set up as “Demo” now."]
    changed = {"speed": 60.0, "demand_per_hour": 10.0, "hands_over": True}
    changed |= {"speed_since": shop_values("speed_since")[0]}
    assert settings_of_all() == (
        [row | changed for row in shops],
        [row | {"ends_by": "clock"} for row in stations],
    )


def test_the_front_page_says_which_is_on_and_what_the_other_would_change(staff):
    assert "its own mix of settings" in section(staff)  # a new shop has no simulated customers
    choose(staff, "demo")
    assert "Demo ✓ on now" in section(staff)
    words = section(staff)
    assert "its own mix of settings" not in words and "order is open now" not in words and "Already so." not in words
    choose(staff, "real")
    assert "Real shop ✓ on now" in section(staff) and "Demo ✓" not in section(staff)
    Station.objects.filter(stage="baked").update(ends_by="clock")
    assert "✓" not in section(staff)
    assert section(staff).count("Already so.") == 3  # of the real shop; the demo shares none of its settings


def test_open_orders_are_spoken_of_and_taken_along(staff, place):
    order = place()
    assert section(staff).count("1 order is open now.") == 2
    choose(staff, "real")
    (item,) = Order.objects.get(pk=order.pk).parts
    flow.finish_item(order.pk, item.number, item.epoch, item.stage, clock=lambda: item.due_at)
    (item,) = Order.objects.get(pk=order.pk).parts
    assert (item.stage, item.overdue) == ("received", True)  # waits for a tap
    assert flow.recover(clock=lambda: item.due_at + 10 * (item.due_at - item.started_at)) == 0
    choose(staff, "demo")
    assert flow.recover(clock=lambda: item.due_at + 10 * (item.due_at - item.started_at)) == 1


def test_it_is_logged_and_the_boards_hear_of_it(staff, bob, monkeypatch, django_capture_on_commit_callbacks):
    heard = []
    monkeypatch.setattr(live, "announce_kitchen", lambda: heard.append(settings_of_all()))
    with django_capture_on_commit_callbacks(execute=True):
        choose(staff, "real")
    assert heard and all(each == settings_of_all() for each in heard)
    history = staff.get("/admin/kitchen/shop/1/history/").content.decode()
    assert "Set up as “Real shop”." in history


def test_all_or_nothing(staff):
    Station.objects.filter(stage="out_for_delivery").update(name="")  # the last station that it changes
    before = settings_of_all()
    assert said(choose(staff, "real")) == ["Nothing was changed. Drivers: This field cannot be blank."]
    assert settings_of_all() == before


@pytest.mark.parametrize("wanted", [(), ("change_station", "view_shop", "change_order"), ("change_shop",)])
def test_who_can_not_change_the_shop_is_refused(client, charlie, wanted):
    charlie.is_staff = True
    charlie.save()
    charlie.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    client.force_login(charlie)
    before = settings_of_all()
    assert 'class="presets"' not in client.get("/admin/").content.decode()
    assert choose(client, "real").status_code == 403
    assert settings_of_all() == before


def test_a_customer_is_sent_to_log_in(client, alice):
    client.force_login(alice)
    before = settings_of_all()
    assert client.post("/admin/kitchen/shop/preset/real/").status_code == 302
    assert settings_of_all() == before


def test_only_a_click_on_the_page_itself_counts(staff, bob):
    before = settings_of_all()
    assert staff.get("/admin/kitchen/shop/preset/real/").status_code == 405
    assert choose(staff, "pizzeria").status_code == 404
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(bob)
    assert careful.post("/admin/kitchen/shop/preset/real/").status_code == 403
    assert settings_of_all() == before
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', careful.get("/admin/").content.decode())[1]
    assert careful.post("/admin/kitchen/shop/preset/real/", {"csrfmiddlewaretoken": token}).status_code == 302
    assert shop_values("speed") == (1.0,)


def test_every_station_is_spoken_of():
    for preset in presets.PRESETS.values():
        spoken_of = [stage for setting in preset.settings for stage in setting.ends_by]
        assert sorted([*spoken_of, stages.READY]) == sorted(stages.WORKED)
