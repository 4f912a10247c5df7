"""Old and test orders are removed with all that hangs on them, and nothing else is."""

import json
from collections import Counter
from io import StringIO

import pytest
from channels.testing import WebsocketCommunicator
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection, models

from chat import rooms
from chat.models import Message, Report
from chat.tests.cast import member, say
from home import live
from home.models import Order, OrderShare
from keeping import orders
from kitchen import flow
from kitchen.models import Outcome, Promise
from kitchen.promises import ledger
from kitchen.tests.clock import NOON, at

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("cooked")]

DAY = 24 * 3600


@pytest.fixture(autouse=True)
def gone(monkeypatch):
    """Collect the ids of orders whose pages are told that they are gone."""
    told = []
    monkeypatch.setattr(live, "announce_removed", told.append)
    return told


def command(*arguments):
    out = StringIO()
    call_command("remove_orders", *arguments, stdout=out)
    return out.getvalue().splitlines()


def everything():
    """Return how many rows each table has."""
    return Counter({model._meta.label: model.objects.count() for model in apps.get_models(include_auto_created=True)})


def fill(order, alice, charlie):
    """Hang a row of each kind on an order."""
    said = say(rooms.order_room(order), member(alice), "Hello", now=NOON)
    Report.objects.create(message=said, by=charlie)
    OrderShare.objects.create(order=order, friend=charlie, by=alice)
    about = ContentType.objects.get_for_model(Order)
    LogEntry.objects.create(user=alice, content_type=about, object_id=order.pk, object_repr="#", action_flag=CHANGE)
    order.room.waiting_since = None
    order.room.save()


def test_all_that_hangs_on_an_order_goes_and_nothing_else(
    ended, alice, charlie, gone, sent, django_capture_on_commit_callbacks
):
    fill(ended(user=alice), alice, charlie)
    before = everything()
    other = ended(user=alice)
    fill(other, alice, charlie)
    with django_capture_on_commit_callbacks(execute=True):
        said = command("--order", other.order_id, "--yes")
    assert (everything(), gone) == (before, [other.order_id])
    assert said[1] == (
        "Removed 1 order with 1 pizza, 2 events, 1 conversation and 3 messages. "
        "What was promised, and how it turned out, stays in the public book."
    )


def test_no_table_that_refers_to_an_order_is_forgotten():
    """What is removed with it is removed by name: the database's own cascades would not be counted."""
    named, found = {model for model, *_ in (*orders.TALK, *orders.HANGING)}, {Order}
    for model in (Order, *named):
        for relation in model._meta.related_objects:
            if relation.on_delete is models.CASCADE:
                found.add(relation.related_model)
    assert found - {Order} == named


def test_open_orders_stay_whatever_is_asked(ended, place, sent):
    old, open_one = ended(), place(NOON)
    assert orders.remove([old.pk, open_one.pk])["orders"] == 1
    flow.hold(open_one.pk, None, clock=NOON)
    assert command("--before", "2030-01-01", "--yes") == [
        "There is no such order to remove. Open orders, and those whose promise is not judged yet, stay."
    ]
    assert list(Order.objects.all()) == [open_one]


def test_an_order_that_was_opened_again_meanwhile_stays(ended, sent):
    order = ended()
    flow.override(order.pk, "baking", None)
    assert (orders.remove([order.pk])["orders"], Order.objects.count()) == (0, 1)


def test_an_order_of_which_somebody_begins_to_talk_just_now_stays(ended, sent, monkeypatch):
    order = ended()

    def begin_to_talk(found):
        rooms.order_room(order)
        connection.check_constraints()  # as at the commit
        delete(Order, "id", found)
        connection.check_constraints()

    delete = orders.delete
    monkeypatch.setattr(orders, "forget_in_the_log", begin_to_talk)
    assert (orders.remove([order.pk])["orders"], Order.objects.count(), order.events.count()) == (0, 1, 2)


def test_the_public_book_stays_true(place, sent):
    promise = Promise(
        at=NOON, speed=1, pizzas=1, open_orders=0, low_seconds=1, median_seconds=2, high_seconds=3,
        model_low_seconds=1, model_median_seconds=2, model_high_seconds=3,
    )  # fmt: skip
    order = place(NOON, promise=promise)
    flow.override(order.pk, "delivered", None, clock=at(60))
    early = orders.remove([order.pk])["orders"]
    ledger.settle(at(DAY))
    late = orders.remove([order.pk])["orders"]
    assert (early, late, Promise.objects.count()) == (0, 1, 1)
    assert list(Outcome.objects.values_list("kept", flat=True)) == [False]


def test_conditions_are_met_together(ended, alice, charlie, sent):
    numbers = {
        name: ended(now, user=user, simulated=simulated).pk
        for name, now, user, simulated in (
            ("old of alice", NOON, alice, False),
            ("young of alice", at(2 * DAY), alice, False),
            ("old simulated", NOON, None, True),
            ("young simulated", at(2 * DAY), None, True),
        )
    }

    def left():
        there = set(Order.objects.values_list("pk", flat=True))
        return [name for name, pk in numbers.items() if pk in there]

    command("--before", "2026-11-21", "--simulated", "--dry-run")
    seen = [left()]
    for arguments in (["--before", "2026-11-21", "--simulated"], ["--of", "charlie"], ["--of", "alice"]):
        command(*arguments, "--yes")
        seen.append(left())
    assert seen == [
        ["old of alice", "young of alice", "old simulated", "young simulated"],
        ["old of alice", "young of alice", "young simulated"],
        ["old of alice", "young of alice", "young simulated"],
        ["young simulated"],
    ]


@pytest.mark.parametrize(("answer", "left"), [("yes", 0), ("y", 1), ("", 1)])
def test_it_asks_first(ended, sent, monkeypatch, answer, left):
    ended()
    monkeypatch.setattr("builtins.input", lambda words: answer)
    command("--older-than", "0")
    assert Order.objects.count() == left


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Say which orders: --before, --older-than, --simulated, --of or --order."),
        (["--before", "yesterday"], "--before must be a day such as 2026-01-31, not “yesterday”."),
        (["--older-than", "-1"], "--older-than must be a whole number of days from 0 to 36500, not “-1”."),
        (["--of", "nobody\x00"], "There is no account called “nobody\x00”."),
    ],
)
def test_wrong_conditions_get_a_sentence(db, arguments, words):
    with pytest.raises(CommandError) as refused:
        command(*arguments)
    assert (str(refused.value), refused.value.returncode) == (words, 2)


def test_who_is_not_there_to_answer_is_told_what_to_add(ended, sent, monkeypatch):
    ended()
    monkeypatch.setattr("sys.stdin", StringIO())
    with pytest.raises(CommandError, match="add --yes or --dry-run"):
        command("--older-than", "0")
    assert Order.objects.count() == 1


def test_a_removed_orders_page_and_address_answer_in_words(ended, client, sent):
    order = ended()
    orders.remove([order.pk])
    page, api = client.get(f"/order/{order.order_id}/"), client.get(f"/api/order/{order.order_id}/")
    assert (page.status_code, "We can’t find this order" in page.content.decode()) == (404, True)
    assert (api.status_code, api.json()["error"]) == (404, "There is no order with this id.")


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
async def test_an_open_page_is_told(valkey, sent, monkeypatch):
    from asgiref.sync import sync_to_async

    from home.models import Pizza
    from pizzaProj.asgi import application

    monkeypatch.undo()  # announce as the shop does

    def placed():
        order = flow.place([(Pizza.objects.create(name="Margherita", price=9), 1)])
        flow.cancel(order.pk, None, "no")
        return order

    order = await sync_to_async(placed)()
    socket = WebsocketCommunicator(application, f"/ws/pizza/{order.order_id}/")
    assert (await socket.connect())[0]
    assert json.loads(await socket.receive_from(10))["payload"]["stage"] == "cancelled"
    await sync_to_async(orders.remove)([order.pk])
    assert json.loads(await socket.receive_from(10))["error"] == "This order is no longer in the shop’s books."
    assert await socket.receive_output(10) == {"type": "websocket.close", "code": 4404}


def test_nothing_of_it_is_left_to_read(ended, alice, sent):
    order = ended(user=alice)
    room = rooms.order_room(order)
    orders.remove([order.pk])
    assert not Message.objects.filter(room=room.pk).exists()
    with pytest.raises(rooms.NoRoom):
        rooms.enter(room.slug, member(alice))
