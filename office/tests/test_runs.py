"""An action on many rows runs in the background, once for each row, whatever happens to its worker."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from home.models import Order, OrderEvent, Pizza
from kitchen import flow
from office import runs, tasks
from office.models import Run, Selection
from office.tests.browser import filled_in, opened, said
from pizzaProj import limits

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cooked"), pytest.mark.database]

ORDERS = "/admin/home/order/"


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(limits, "ACTION_ROWS_AT_ONCE", 2)


@pytest.fixture
def sent(monkeypatch):
    numbers = []
    monkeypatch.setattr(tasks, "send", numbers.append)
    return numbers


@pytest.fixture
def orders(place):
    return [place() for _ in range(5)]


def act(client, page, action, orders, **more):
    chosen = {"action": action, "index": 0, "_selected_action": [order.pk for order in orders]}
    return client.post(ORDERS, page | chosen | more)


def held():
    return list(Order.objects.order_by("pk").values_list("items__held", flat=True))


def state(client, run):
    return client.get(f"/admin/office/run/{run.pk}/state.json").json()


def test_many_orders_are_answered_at_once_and_taken_in_the_background(
    staff, bob, orders, sent, django_capture_on_commit_callbacks
):
    page = opened(staff, ORDERS)
    with django_capture_on_commit_callbacks(execute=True):
        response = act(staff, page, "hold", orders)
    run = Run.objects.get()
    link = f'<a href="/admin/office/run/{run.pk}/change/">See how far it is</a>'
    assert said(response) == [f"5 orders are taken one by one in the background. {link}"]
    assert (sent, held(), run.by) == ([run.pk], [False] * 5, bob)
    flow.override(orders[1].pk, "baked")

    assert runs.work(run.pk) is False
    assert held() == [True, False, True, True, True]
    assert state(staff, run) == {
        "status": "done",
        "position": 5,
        "total": 5,
        "counted": "5 of 5",
        "done": "4 orders put on hold.",
        "refused": f"1 refused: has moved on: it is being cut and boxed already ({orders[1]}).",
        "note": "",
    }
    assert not Selection.objects.exists()
    assert OrderEvent.objects.filter(event="held", by=bob).count() == 4


def test_a_worker_that_dies_costs_nothing_and_does_nothing_twice(staff, bob, orders, sent, monkeypatch, swept):
    rows = [[order.pk, "1"] for order in orders]
    run = runs.store("home.Order", "advance", rows, bob)
    attempt, taken = type(runs.admin_of(run)).attempt, []

    def dies(modeladmin, outcome, name, key, seen, by):
        attempt(modeladmin, outcome, name, key, seen, by)
        taken.append(key)
        if len(taken) == 3:
            raise KeyboardInterrupt  # after the deed, before its mark

    monkeypatch.setattr(type(runs.admin_of(run)), "attempt", dies)
    with pytest.raises(KeyboardInterrupt):
        runs.work(run.pk)
    now = timezone.now()
    assert list(runs.let_go(now)) == []
    assert runs.work(run.pk) is False  # somebody has it
    later = now + timedelta(minutes=1)
    assert list(runs.let_go(later)) == [run.pk]
    tasks.sweep()
    with monkeypatch.context() as patch:
        patch.setattr(tasks.timezone, "now", lambda: later)
        tasks.sweep()
    assert (sent, swept) == ([run.pk], [("action", 1)])
    runs.work(run.pk, lambda: later)
    run.refresh_from_db()
    assert (run.status, run.position, run.done, run.refused) == ("done", 5, 5, {})
    assert set(Order.objects.values_list("stage", flat=True)) == {"baking"}


def test_two_workers_never_take_the_same_row(bob, orders):
    run = runs.store("home.Order", "advance", [[order.pk, "1"] for order in orders], bob)
    assert runs.step(run, [orders[0].pk, "1"], 0, timezone.now()) == 1
    assert runs.step(run, [orders[0].pk, "1"], 0, timezone.now()) is None
    assert Run.objects.get().done == 1


def test_it_makes_room_for_others_and_goes_on(bob, orders, sent):
    run = runs.store("home.Order", "hold", [[order.pk, "1"] for order in orders], bob)
    ticks = iter(range(100))
    start = timezone.now()
    assert runs.work(run.pk, lambda: start + timedelta(seconds=next(ticks))) is True
    assert Run.objects.get().position == 1
    tasks.act(run.pk)
    assert (Run.objects.get().status, sent) == ("done", [])
    tasks.sweep()
    assert sent == []


def test_it_can_be_stopped(staff, bob, orders):
    run = runs.store("home.Order", "hold", [[order.pk, "1"] for order in orders], bob)
    runs.step(run, [orders[0].pk, "1"], 0, timezone.now())
    assert staff.post(f"/admin/office/run/{run.pk}/stop/").status_code == 302
    assert runs.work(run.pk) is False
    assert held() == [True, False, False, False, False]
    assert state(staff, run)["note"] == "Stopped. What was done stays done, the rest was left as it is."
    assert said(staff.post(f"/admin/office/run/{run.pk}/stop/")) == ["It had ended already."]


def test_without_a_worker_it_says_so(staff, bob, orders):
    run = runs.store("home.Order", "hold", [[order.pk, "1"] for order in orders], bob)
    assert state(staff, run)["note"] == ""
    Run.objects.update(begun_at=timezone.now() - timedelta(seconds=30))
    page = staff.get(f"/admin/office/run/{run.pk}/change/").content.decode()
    assert "No worker is at it right now." in page and "Hold: 5 orders" in page


def test_who_has_lost_the_right_does_no_more(charlie, orders):
    charlie.is_staff = True
    charlie.save()
    charlie.user_permissions.set(Permission.objects.filter(codename="change_order"))
    run = runs.store("home.Order", "hold", [[order.pk, "1"] for order in orders], charlie)
    charlie.user_permissions.clear()
    assert runs.work(run.pk) is False
    assert (Run.objects.get().status, held()) == ("failed", [False] * 5)


def test_only_who_started_it_or_may_see_all_sees_a_run(client, charlie, bob, orders):
    run = runs.store("home.Order", "hold", [[order.pk, "1"] for order in orders], bob)
    charlie.is_staff = True
    charlie.save()
    client.force_login(charlie)
    assert client.get(f"/admin/office/run/{run.pk}/change/").status_code == 403
    assert client.get(f"/admin/office/run/{run.pk}/state.json").status_code == 403
    assert client.post(f"/admin/office/run/{run.pk}/stop/").status_code == 403
    Run.objects.update(by=charlie)
    assert client.get(f"/admin/office/run/{run.pk}/change/").status_code == 200
    assert client.get("/admin/office/run/999/state.json").status_code == 404


def test_all_are_those_that_were_there_when_the_page_was_made(staff, orders, place, monkeypatch, sent):
    monkeypatch.setattr(type(runs.admin_of(Run(table="home.Order"))), "list_per_page", 3)
    page = opened(staff, ORDERS)
    place()  # nobody has seen it
    flow.override(orders[0].pk, "baked")  # not on the page, so as it is now
    flow.override(orders[4].pk, "delivered")  # on the page
    act(staff, page, "cancel", orders[:1], select_across="1")
    run = Run.objects.get()
    runs.work(run.pk)
    run.refresh_from_db()
    assert (run.total, run.done) == (5, 4)
    assert list(run.refused.values()) == [[1, [str(orders[4])]]]


def test_many_pizzas_are_deleted_in_the_background(staff, place, sent):
    address = "/admin/home/pizza/"
    place()
    extra = [Pizza.objects.create(name=f"Pizza {n}", price=5) for n in range(4)]
    chosen = {"action": "delete_selected", "index": 0, "_selected_action": [pizza.pk for pizza in Pizza.objects.all()]}
    question = staff.post(address, opened(staff, address) | chosen)
    assert "5 pizzas will be deleted one by one in the background" in question.content.decode()
    staff.post(address, filled_in(question) | {"action": "delete_selected"})
    run = Run.objects.get()
    Pizza.objects.filter(pk=extra[2].pk).update(price=6)
    runs.work(run.pk)
    assert list(Pizza.objects.values_list("name", flat=True)) == ["Margherita", "Pizza 2"]
    told = state(staff, run)
    assert told["done"] == "3 pizzas deleted."
    assert told["refused"].split(". ") == [
        "1 refused: has changed since you saw it (Pizza 2)",
        "1 refused: is still needed by something else (Margherita).",
    ]


def test_more_than_the_most_are_refused(staff, orders, monkeypatch):
    monkeypatch.setattr(limits, "ACTION_ROWS", 4)
    assert said(act(staff, opened(staff, ORDERS), "hold", orders)) == ["That is too many at once. Choose at most 4."]
    assert not Run.objects.exists()
