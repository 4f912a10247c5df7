"""The stock admin moves orders, and everything goes through flow."""

import io
import re
from unittest.mock import patch

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import strip_tags
from PIL import Image

from home.models import Order, Pizza
from kitchen import flow, outlook
from kitchen.models import Shop, Station
from office.tests.browser import filled_in, opened, said

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cooked")]


INLINES = {f"{name}-{kind}_FORMS": 0 for name in ("lines", "items", "events") for kind in ("TOTAL", "INITIAL")}
SHOP = "/admin/kitchen/shop/1/change/"


def page_of(stage):
    return f"/admin/kitchen/station/{Station.objects.get(stage=stage).pk}/change/"


def posted(values):
    """Return what a browser sends of a form: nothing for a box that is not ticked."""
    return {name: "" if value is None else value for name, value in values.items() if value is not False}


@pytest.fixture
def staff(client, bob):
    client.force_login(bob)
    return client


def fresh(order):
    return Order.objects.get(pk=order.pk)


def list_form(orders, **stages):
    """Return what the list posts: for each row its id, what was shown, and what is chosen."""
    data = {"form-TOTAL_FORMS": len(orders), "form-INITIAL_FORMS": len(orders), "_save": "Save"}
    for n, order in enumerate(orders):
        data[f"form-{n}-id"] = order.pk
        data[f"initial-form-{n}-stage"] = order.stage
        data[f"form-{n}-stage"] = stages.get(order.order_id, order.stage)
    return data


def act(staff, action, *orders):
    """Open the list, choose these orders and an action."""
    chosen = {"action": action, "index": 0, "_selected_action": [order.pk for order in orders]}
    return staff.post("/admin/home/order/", opened(staff, "/admin/home/order/") | chosen)


def picture(kind="PNG", size=(1000, 1000)):
    buffer = io.BytesIO()
    Image.new("RGB", size, "tomato").save(buffer, kind)
    buffer.name = "pizza.png"
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize(
    "page",
    ["", "home/order/", "home/pizza/", "home/pizza/add/", "kitchen/station/", "kitchen/shop/"],
)
def test_the_pages_open(staff, place, page):
    place()
    assert staff.get(f"/admin/{page}").status_code == 200


def test_the_beat_jobs_are_there(staff):
    page = staff.get("/admin/django_celery_beat/periodictask/").content.decode()
    assert "Recovery sweep: new chains for lost ones" in page


def test_search_and_filters_work(staff, place, alice):
    order = place(user=alice)
    place()
    for query in ("q=alice", f"q={order.order_id}", "stage=received&q=alice"):
        page = staff.get(f"/admin/home/order/?{query}").content.decode()
        assert page.count('class="field-number"') == 1


def test_a_stage_chosen_in_the_list_is_an_override(staff, bob, place, cooked, django_capture_on_commit_callbacks):
    order, other = place(), place()
    rows = list(Order.objects.all())

    with django_capture_on_commit_callbacks(execute=True):
        staff.post("/admin/home/order/", list_form(rows, **{order.order_id: "baked"}))

    assert (fresh(order).stage, fresh(order).seq, fresh(other).seq) == ("baked", 2, 1)
    assert cooked == [(order.pk, 1, "baked")]
    event = order.events.last()
    assert (event.event, event.by) == ("overridden", bob)


def test_a_list_that_lay_open_does_not_move_orders_back(staff, place, small_kitchen):
    now = timezone.now()
    order, other = place(now), place(now)
    rows = list(Order.objects.all())  # what the page showed
    flow.override(other.pk, "baking")

    staff.post("/admin/home/order/", list_form(rows, **{order.order_id: "baked"}))

    assert (fresh(order).stage, fresh(other).stage) == ("baked", "baking")


def test_a_list_is_saved_whatever_the_order_of_its_rows(staff, place, small_kitchen):
    last, first = place(), place()
    flow.override(last.pk, "out_for_delivery")
    rows = [fresh(last), fresh(first)]
    staff.post("/admin/home/order/", list_form(rows, **{last.order_id: "delivered", first.order_id: "baking"}))
    assert (fresh(last).stage, fresh(first).stage) == ("delivered", "baking")


def test_a_stage_chosen_in_the_form_is_an_override_with_a_reason(staff, bob, place):
    order = place()
    address = f"/admin/home/order/{order.pk}/change/"
    assert "started" in staff.get(address).content.decode()  # the history is part of the order

    data = {"stage": "out_for_delivery", "initial-stage": "received", "reason": "Burnt tongue"}
    assert staff.post(address, data | INLINES).status_code == 302

    event = order.events.last()
    assert (fresh(order).stage, event.event, event.by, event.reason) == (
        "out_for_delivery",
        "overridden",
        bob,
        "Burnt tongue",
    )


def test_what_makes_no_sense_is_an_error_in_the_form_and_no_success(staff, place):
    order = place()
    flow.override(order.pk, "baking")
    address = f"/admin/home/order/{order.pk}/change/"
    for data in (
        {"stage": "baking", "initial-stage": "received"},
        {"stage": "baking", "initial-stage": "baking", "reason": "Why not"},
        {"stage": "ready", "initial-stage": "baking"},  # it is to be delivered
    ):
        response = staff.post(address, data | INLINES)
        assert response.status_code == 200
        assert response.context["adminform"].form.errors
    assert fresh(order).seq == 2


def test_the_actions_go_through_flow_and_say_what_was_refused(staff, place):
    order, gone = place(), place()
    flow.cancel(gone.pk)

    for action, state in (
        ("advance", "working"),
        ("hold", "held"),
        ("resume", "working"),
        ("cancel", "cancelled"),
    ):
        response = act(staff, action, order, gone)
        assert fresh(order).state == state
        assert any(str(gone) in sentence for sentence in said(response))

    assert fresh(gone).seq == 2
    events = [(event.event, event.stage) for event in order.events.all()]
    assert events == [
        ("started", "received"),
        ("done", "received"),
        ("started", "baking"),
        ("held", "baking"),
        ("resumed", "baking"),
        ("cancelled", "cancelled"),
    ]


def test_a_stage_is_chosen_for_all_pizzas_of_an_order(staff, bob, place, margherita):
    order = place(items=[(margherita, 3)])
    flow.advance(order.pk, item=1)
    data = {"stage": "baked", "initial-stage": "received", "reason": "All out"}
    assert staff.post(f"/admin/home/order/{order.pk}/change/", data | INLINES).status_code == 302
    assert [(item.stage, item.is_done) for item in fresh(order).parts] == [("baked", True)] * 3
    assert (fresh(order).stage, order.events.last().by) == ("baked", bob)


def stage_field(response):
    return response.context["adminform"].form.fields["stage"]


def test_the_stages_to_choose_from_are_those_of_the_way(staff, place):
    address = "/admin/home/order/{}/change/"
    labels = [
        [label for _, label in stage_field(staff.get(address.format(order.pk))).widget.choices]
        for order in (place(), place(way="carry_out"))
    ]
    assert labels == [
        ["Order received", "Baking", "Baked", "Out for delivery", "Delivered", "Cancelled"],
        ["Order received", "Baking", "Baked", "Ready to collect", "Collected", "Cancelled"],
    ]


def test_an_order_shows_its_pizzas_whose_rows_nobody_can_write(staff, place, small_kitchen, margherita, diavola):
    order = place(items=[(margherita, 1), (diavola, 1)], way="carry_out")
    response = staff.get(f"/admin/home/order/{order.pk}/change/")
    items = next(each.formset for each in response.context["inline_admin_formsets"] if each.formset.prefix == "items")
    assert [(form.instance.number, form.instance.name, form.instance.state) for form in items.forms] == [
        (1, "Margherita", "working"),
        (2, "Diavola", "waiting"),
    ]
    assert "Collect" in response.content.decode()

    forged = {"items-TOTAL_FORMS": 1, "items-INITIAL_FORMS": 1, "items-0-id": order.parts[0].pk}
    forged |= {"items-0-order": order.pk, "items-0-stage": "delivered", "items-0-name": "Calzone"}
    chosen = {"stage": "received", "initial-stage": "received"}
    before = list(order.items.values())
    assert staff.post(response.request["PATH_INFO"], INLINES | forged | chosen).status_code == 302
    assert list(order.items.values()) == before


def test_nobody_sees_when_work_was_drawn_to_end(staff, place):
    Shop.objects.update(speed=1)
    Station.objects.update(distribution="exponential", mean_seconds=36_000, spread_seconds=36_000, per_pizza=False)
    order = place()
    form = staff.get(f"/admin/home/order/{order.pk}/change/").context["adminform"]
    assert "expected" in form.readonly_fields and "due_at" not in form.readonly_fields
    now = timezone.now()
    with patch("django.utils.timezone.now", return_value=now):
        expected = outlook.expected_end(fresh(order).parts[0])
        assert (expected - now).total_seconds() == pytest.approx(36_000, rel=0.01)
        assert admin.site.get_model_admin(Order).expected(fresh(order)) == localize(timezone.localtime(expected))


def test_orders_to_collect_are_found(staff, place):
    place(), place(way="carry_out"), place(way="carry_out")
    for query, rows in (("way__exact=carry_out", 2), ("way__exact=delivery", 1)):
        page = staff.get(f"/admin/home/order/?{query}").content.decode()
        assert page.count('class="field-number"') == rows


def test_burnt_pizzas_are_made_again(staff, bob, place, margherita):
    order = place(items=[(margherita, 2)])
    flow.override(order.pk, "out_for_delivery")
    Station.objects.filter(stage="received").update(is_open=False)
    assert said(act(staff, "remake", order)) == ["1 order begun again."]
    assert [(item.stage, item.rushed) for item in fresh(order).parts] == [("received", True)] * 2
    assert [(event.event, event.by) for event in order.events.all()][-2:] == [("remade", bob)] * 2


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_an_action_takes_the_lock_once_for_each_order(staff, place, sent, monkeypatch):
    orders = [place() for _ in range(3)]
    hold, inside = flow.hold, []

    def noted(*args, **kwargs):
        inside.append(connection.in_atomic_block)
        hold(*args, **kwargs)

    monkeypatch.setattr(flow, "hold", noted)
    act(staff, "hold", *orders)
    assert {fresh(order).state for order in orders} == {"held"}
    assert inside == [False] * 3


def test_orders_cannot_be_added_or_deleted_here(staff, place):
    order = place()
    assert staff.get("/admin/home/order/add/").status_code == 403
    assert staff.post(f"/admin/home/order/{order.pk}/delete/").status_code == 403


def test_more_places_seat_the_next_at_once(staff, place, small_kitchen, cooked, django_capture_on_commit_callbacks):
    _, waiting = place(), place()
    with django_capture_on_commit_callbacks(execute=True):
        post_station(staff, capacity=2)
    assert fresh(waiting).state == "working"
    assert cooked[-1] == (waiting.pk, 1, "received")


@pytest.mark.parametrize(
    "wrong",
    [{"capacity": 0}, {"capacity": -1}, {"mean_seconds": 0}, {"mean_seconds": "nan"}, {"spread_seconds": -1}],
)
def test_a_station_that_cannot_be_is_refused(staff, wrong):
    assert post_station(staff, **wrong)
    assert Station.objects.get(stage="received").mean_seconds == 120


def post_station(staff, **changes):
    """Post the make line's form as it is, but for `changes`; return the sentences about what is wrong."""
    page = page_of("received")
    response = staff.post(page, posted(opened(staff, page) | changes))
    return "" if response.status_code == 302 else str(response.context["errors"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"spread_seconds": 1e300},
        {"distribution": "hyperexponential", "spread_seconds": 1e14},
        {"distribution": "gamma", "mean_seconds": 1e300, "spread_seconds": 1e300},
        {"distribution": "triangular", "parameters": "low 1 mode 2 high 4", "mean_seconds": 1e300},
        {"distribution": "empirical", "parameters": "values 1 1e300"},
        {"distribution": "uniform", "parameters": "low 1 high 1e300"},
    ],
)
def test_numbers_beyond_all_bounds_are_refused_in_a_sentence(staff, wrong):
    assert post_station(staff, **wrong)
    assert make_line("distribution", "mean_seconds") == ("lognormal", 120)


def make_line(*names):
    return Station.objects.values_list(*names).get(stage="received")


def test_a_tap_ends_the_work_of_a_station(staff):
    assert post_station(staff, ends_by="hand", goes_on_after_times=3) == ""
    assert make_line("ends_by", "goes_on_after_times") == ("hand", 3)
    assert post_station(staff, goes_on_after_times="") == ""
    assert make_line("ends_by", "goes_on_after_times") == ("hand", None)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"goes_on_after_times": 0.5}, "greater than or equal to 1."),
        ({"goes_on_after_times": 101}, "less than or equal to 100"),
        ({"goes_on_after_times": "nan"}, "Enter a number."),
        ({"goes_on_after_times": "soon"}, "Enter a number."),
        ({"ends_by": "magic"}, "magic is not one of the available choices."),
    ],
)
def test_an_impossible_end_of_work_is_refused_in_a_sentence(staff, wrong, sentence):
    assert sentence in post_station(staff, **({"ends_by": "hand"} | wrong))
    assert make_line("ends_by", "goes_on_after_times") == ("clock", None)


def test_the_list_says_who_ends_the_work(staff):
    Station.objects.filter(stage="received").update(ends_by="hand", goes_on_after_times=2.5)
    Station.objects.filter(stage="baked").update(ends_by="hand")
    Shop.objects.update(hands_over=False)
    page = staff.get("/admin/kitchen/station/").content.decode()
    assert re.findall(r'class="field-work_ends">([^<]*)<', page) == [
        "a tap, or by itself after 2.5 × the mean",
        "the clock",
        "a tap",
        "the clock",
        "a tap",
    ]
    assert "Lognormal, for each pizza" in page


@pytest.mark.parametrize(("hands_over", "words"), [("on", "The clock, as the shop"), ("", "A tap, as the shop")])
def test_who_ends_the_work_at_the_counter_is_the_shops_to_say(staff, hands_over, words):
    staff.post(SHOP, posted(opened(staff, SHOP) | {"hands_over": hands_over or False}))
    counter = Station.objects.get(stage="ready")
    page = f"/admin/kitchen/station/{counter.pk}/change/"
    response = staff.get(page)
    assert f"{words} has “hand over by itself” switched {hands_over or 'off'}." in strip_tags(
        response.content.decode()
    )
    form = response.context["adminform"].form
    assert "ends_by" not in form.fields
    data = opened(staff, page) | {"ends_by": "hand", "goes_on_after_times": 2}
    assert staff.post(page, posted(data)).status_code == 302
    counter.refresh_from_db()
    assert (counter.ends_by, counter.goes_on_after_times) == ("clock", 2)


def test_a_station_becomes_a_belt(staff, place, small_kitchen):
    orders = [place(), place()]
    assert post_station(staff, kind="belt", headway_seconds=30) == ""
    assert make_line("kind", "headway_seconds") == ("belt", 30)
    assert [fresh(order).state for order in orders] == ["working", "working"]  # nothing waits for a place there


@pytest.mark.parametrize("wrong", [{"headway_seconds": -1}, {"headway_seconds": "nan"}, {"kind": "ski lift"}])
def test_an_impossible_belt_is_refused_in_a_sentence(staff, wrong):
    assert post_station(staff, **({"kind": "belt"} | wrong))
    assert make_line("kind", "headway_seconds") == ("slots", 60)


@pytest.mark.parametrize(
    ("is_busy", "sentence"),
    [
        (False, "Stations that work on pizzas must come before those that work on orders."),
        (True, "What a station works on can change only while no order is open."),
    ],
)
def test_what_the_kitchen_refuses_is_said_and_nothing_is_changed(staff, place, is_busy, sentence):
    if is_busy:
        place()
    station = Station.objects.get(stage="baking" if is_busy else "received")
    page = f"/admin/kitchen/station/{station.pk}/change/"
    data = opened(staff, page) | {"works_on": "order", "capacity": 9, "name": "Grill"}
    response = staff.post(page, posted(data), follow=True)
    assert (response.status_code, response.redirect_chain) == (200, [(page, 302)])
    assert [(message.level_tag, str(message)) for message in response.context["messages"]] == [("error", sentence)]
    assert Station.objects.values().get(pk=station.pk) == station_values(station)


def station_values(station):
    return {field.attname: getattr(station, field.attname) for field in station._meta.concrete_fields}


def test_a_shop_can_bake_whole_orders(staff):
    station = Station.objects.get(stage="baking")
    page = f"/admin/kitchen/station/{station.pk}/change/"
    data = opened(staff, page) | {"works_on": "order"}
    assert staff.post(page, posted(data)).status_code == 302
    assert Station.objects.get(stage="baking").works_on == "order"


def test_the_form_says_which_parameters_a_distribution_takes(staff):
    station = Station.objects.get(stage="received")
    page = staff.get(f"/admin/kitchen/station/{station.pk}/change/").content.decode()
    assert "such as low 60, mode 90, high 240" in page
    assert "Triangular: low, mode and high." in page and "Empirical: values." in page


def test_parameters_set_their_mean_and_spread(staff):
    assert post_station(staff, distribution="triangular", parameters="low 60, mode 90, high 240") == ""
    values = make_line("distribution", "parameters", "mean_seconds", "spread_seconds")
    assert values == ("triangular", {"low": 60, "mode": 90, "high": 240}, 130, pytest.approx(39.37, abs=0.01))
    assert post_station(staff, name="Line") == ""  # nothing else changes
    assert make_line("distribution", "parameters", "mean_seconds", "spread_seconds") == values


def test_a_mean_that_is_set_stretches_them(staff):
    post_station(staff, distribution="triangular", parameters="low 60, mode 90, high 240", mean_seconds=260)
    assert make_line("mean_seconds", "spread_seconds") == (260, pytest.approx(2 * 39.37, abs=0.01))
    post_station(staff, mean_seconds=130)
    assert make_line("mean_seconds", "spread_seconds") == (130, pytest.approx(39.37, abs=0.01))
    drawn = [Station.objects.get(stage="received").service_seconds(f"order-{n}", 1) for n in range(200)]
    assert 60 <= min(drawn) < 75 and 200 < max(drawn) <= 240


def test_a_list_of_times_in_the_shop(staff):
    assert post_station(staff, distribution="empirical", parameters="values 60 90 90 130") == ""
    assert make_line("parameters", "mean_seconds") == ({"values": [60, 90, 90, 130]}, 92.5)
    assert post_station(staff, distribution="lognormal", parameters="") == ""
    assert make_line("parameters", "mean_seconds") == ({}, 92.5)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"distribution": "triangular"}, "Triangular takes low, mode and high."),
        ({"distribution": "triangular", "parameters": "60 90 240"}, "Parameters must look like low 60, mode 90"),
        (
            {"distribution": "triangular", "parameters": "low 90 mode 60 high 240"},
            "mode must be between low and high.",
        ),
        ({"distribution": "triangular", "parameters": "low -1 mode 60 high 240"}, "low must be a number from 0 to"),
        ({"parameters": "low 60"}, "Lognormal takes no parameters of its own."),
        ({"distribution": "empirical", "parameters": "values 0 0"}, "greater than or equal to 0.1"),
        ({"distribution": "empirical", "parameters": "values" + " 60" * 501}, "1 to 500 entries, not 501"),
        ({"distribution": "empirical", "parameters": "values 1e999"}, "must be a number from 0 to"),
        ({"distribution": "shifted_lognormal", "parameters": "shift 120"}, "shift must be below the mean."),
        ({"distribution": "truncated_normal", "spread_seconds": 120}, "0.01 to 0.99 means"),
        ({"spread_seconds": 1300}, "The spread must be at most ten times the mean."),
    ],
)
def test_impossible_distributions_are_refused_in_a_sentence(staff, changes, sentence):
    before = Station.objects.values().get(stage="received")
    assert sentence in post_station(staff, **changes)
    assert Station.objects.values().get(stage="received") == before


def post_list(staff, **changes):
    """Post the list of stations as it is, but for these changes of the make line."""
    page = staff.get("/admin/kitchen/station/")
    formset, data = page.context["cl"].formset, filled_in(page) | {"_save": "Save"}
    row = next(form.prefix for form in formset.forms if form.instance.stage == "received")
    data |= {f"{row}-{name}": value for name, value in changes.items()}
    return staff.post("/admin/kitchen/station/", posted(data))


def test_a_mean_in_the_list_stretches_the_spread(staff):
    post_station(staff, distribution="triangular", parameters="low 60, mode 90, high 240")
    assert post_list(staff, mean_seconds=65).status_code == 302
    assert make_line("mean_seconds", "spread_seconds") == (65, pytest.approx(39.37 / 2, abs=0.01))


def test_the_list_also_says_what_is_wrong_with_what_it_does_not_show(staff):
    post_station(staff, distribution="shifted_lognormal", parameters="shift 60")
    response = post_list(staff, mean_seconds=50)
    assert response.status_code == 200 and "shift must be below the mean." in response.content.decode()
    assert make_line("mean_seconds") == (120,)


def test_the_speed_stretches_what_is_under_way(staff, place, small_kitchen):
    order = place()
    staff.post(SHOP, opened(staff, SHOP) | {"speed": 100})
    assert Shop.objects.get().speed == 100
    (item,) = fresh(order).parts
    # each of the two moments is rounded to a microsecond
    assert (item.due_at - item.started_at).total_seconds() == pytest.approx(0.1, abs=2e-6)
    assert "errorlist" in staff.post(SHOP, opened(staff, SHOP) | {"speed": 0}).content.decode()


def test_the_shop_says_how_many_collect_and_who_hands_over(staff):
    changes = {"carry_out_share": 0.4, "hands_over": False}
    assert staff.post(SHOP, posted(opened(staff, SHOP) | changes)).status_code == 302
    shop = Shop.objects.get()
    assert (shop.carry_out_share, shop.hands_over, shop.is_open) == (0.4, False, True)
    for share in (-0.1, 1.1, "nan"):
        assert "errorlist" in staff.post(SHOP, opened(staff, SHOP) | {"carry_out_share": share}).content.decode()
    assert Shop.objects.get().carry_out_share == 0.4


def pizza_form(**more):
    return {"name": "Funghi", "description": "", "price": "11", "on_menu": "on", **more}


def test_an_uploaded_picture_is_made_small_and_safe(staff, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    assert staff.post("/admin/home/pizza/add/", pizza_form(image=picture())).status_code == 302
    pizza = Pizza.objects.get()
    with Image.open(pizza.image.path) as image:
        assert (image.format, image.size) == ("WEBP", (500, 500))
    assert f'src="/media/{pizza.image.name}"' in staff.get("/admin/home/pizza/").content.decode()
    assert staff.get(pizza.image.url).headers["Content-Type"] == "image/webp"


@pytest.mark.parametrize("content", [b"I am no picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n"])
def test_what_is_no_picture_gets_a_form_error_and_saves_nothing(staff, settings, tmp_path, content):
    settings.MEDIA_ROOT = tmp_path
    upload = io.BytesIO(content)
    upload.name = "pizza.png"
    response = staff.post("/admin/home/pizza/add/", pizza_form(image=upload))
    assert response.status_code == 200
    assert response.context["adminform"].form.errors["image"]
    assert not Pizza.objects.exists()
    assert list(tmp_path.iterdir()) == []


def test_who_only_reads_orders_opens_their_page(client, place, charlie):
    charlie.is_staff = True
    charlie.save()
    charlie.user_permissions.set(Permission.objects.filter(codename="view_order"))
    client.force_login(charlie)
    order = place()
    page = client.get(f"/admin/home/order/{order.pk}/change/")
    assert page.status_code == 200
    assert order.order_id in page.content.decode() and 'name="stage"' not in page.content.decode()
