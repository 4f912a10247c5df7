"""Conversations with customers: agents, waits, the inbox, and requests to cancel or change an order."""

from contextlib import asynccontextmanager

import pytest
from django.utils import timezone

from chat import orders, requests, rooms
from chat.models import CannedAnswer, Message, Room
from chat.templatetags import chat_tags
from chat.tests.cast import ANSWER, MODERATE, member, say, staff, visitor
from chat.tests.test_chat_socket import cookie_of, in_database, opened, talker
from home.models import Order
from kitchen import flow
from kitchen.tests.clock import NOON, at
from kitchen.tests.test_races import all_at_once
from realtime.refused import Refused

on_rows = pytest.mark.django_db
on_sockets = pytest.mark.django_db(transaction=True, serialized_rollback=True)
pytestmark = [pytest.mark.usefixtures("cooked")]


def fresh(room):
    return Room.objects.select_related("agent").get(pk=room.pk)


def state(room):
    room = fresh(room)
    return room.state, room.agent and room.agent.username


@pytest.fixture
def maria(db):
    return staff("maria", ANSWER)


@pytest.fixture
def order(db, small_kitchen, place, alice):
    return place(NOON, user=alice)


@pytest.fixture
def talk(order):
    return rooms.order_room(order)


# Agents


@on_rows
def test_a_conversation_waits_from_the_customers_first_message_until_somebody_takes_it(talk, alice, maria):
    assert state(talk) == ("quiet", None)
    say(talk, member(alice), now=at(0))
    say(talk, member(alice), now=at(20))
    assert (state(talk), fresh(talk).waiting_since) == (("waiting", None), at(0))
    orders.take(talk.pk, member(maria), at(30))
    assert (state(talk), fresh(talk).waited_seconds) == (("active", "maria"), 30)
    say(talk, member(alice), now=at(40))
    assert state(talk) == ("active", "maria")


@on_rows
def test_an_answer_takes_the_conversation(talk, alice, bob, maria):
    say(talk, member(alice), now=at(0))
    say(talk, member(maria), now=at(5))
    say(talk, member(bob), now=at(6))  # another agent can join in
    assert state(talk) == ("active", "maria")


@on_rows
def test_a_closed_conversation_opens_with_the_customers_next_message(talk, alice, maria):
    say(talk, member(alice), now=at(0))
    orders.take(talk.pk, member(maria), at(1))
    orders.close(talk.pk, member(maria), at(2))
    assert state(talk) == ("closed", "maria")
    say(talk, member(alice), now=at(3))
    assert (state(talk), fresh(talk).waiting_since) == (("waiting", None), at(3))
    orders.close(talk.pk, member(maria), at(4))
    orders.reopen(talk.pk, member(maria), at(5))
    assert state(talk) == ("active", "maria")


@on_rows
def test_hand_over_goes_to_another_agent(talk, alice, bob, maria):
    with pytest.raises(Refused, match="nothing to hand over"):
        orders.hand_over(talk.pk, member(bob), "maria", at(0))
    orders.take(talk.pk, member(bob), at(0))
    staff("nora", MODERATE)
    for nobody in ("nora", "alice", "nope", None, 4, "a\x00"):
        with pytest.raises(Refused, match="Nobody with that name"):
            orders.hand_over(talk.pk, member(bob), nobody, at(1))
    with pytest.raises(Refused, match="bob is already answering"):
        orders.hand_over(talk.pk, member(bob), "bob", at(1))
    orders.hand_over(talk.pk, member(bob), "maria", at(1))
    assert state(talk) == ("active", "maria")


@on_rows
@pytest.mark.parametrize("verb", ["take", "close", "reopen", "hand_over"])
def test_only_agents_take_close_reopen_and_hand_over(talk, alice, charlie, verb):
    more = ("alice",) if verb == "hand_over" else ()
    with pytest.raises(Refused, match="Only the staff"):
        getattr(orders, verb)(talk.pk, member(alice), *more, at(1))
    for nobody in (member(charlie), visitor(), member(staff("nora", MODERATE))):
        with pytest.raises(rooms.NoRoom):
            getattr(orders, verb)(talk.pk, nobody, *more, at(1))
    assert state(talk) == ("quiet", None)


@on_rows
def test_conversations_of_a_former_agent_wait_for_another(talk, alice, bob, maria):
    orders.take(talk.pk, member(maria), at(0))
    with pytest.raises(Refused, match="maria has already taken"):
        orders.take(talk.pk, member(bob), at(1))
    maria.user_permissions.clear()
    say(talk, member(alice), now=at(2))
    assert state(talk) == ("waiting", None)


@pytest.mark.database
@on_sockets
def test_of_two_agents_who_take_at_once_one_is_refused(talk, alice, bob, maria):
    say(talk, member(alice), now=at(0))
    people = [member(bob), member(maria)]
    results = all_at_once(*[lambda who=who: orders.take(talk.pk, who, at(1)) for who in people])
    (refused,) = filter(None, results)
    assert str(refused) == f"{state(talk)[1]} has already taken this conversation."


# Waiting


@on_rows
def test_a_waiting_customer_sees_how_many_are_before_them_and_the_usual_wait(place, alice, charlie, maria):
    talks = [rooms.order_room(place(user=user)) for user in (alice, charlie, alice, charlie)]
    for number, talk in enumerate(talks):
        assert orders.line(fresh(talk))["state"] == "quiet"
        say(talk, member(talk.client), now=at(number))
    assert [orders.line(fresh(talk))["before"] for talk in talks] == [0, 1, 2, 3]
    assert orders.line(fresh(talks[0]))["waited_seconds"] is None

    orders.take(talks[1].pk, member(maria), at(11))  # waited 10
    orders.take(talks[0].pk, member(maria), at(30))  # waited 30
    assert [orders.line(fresh(talk))["before"] for talk in talks] == [0, 0, 0, 1]
    assert orders.line(fresh(talks[3])) == {
        "type": "line",
        "state": "waiting",
        "agent": None,
        "before": 1,
        "waited_seconds": 20.0,
    }
    assert orders.line(fresh(talks[0]))["agent"] == "maria"


@on_rows
def test_the_inbox_has_three_lists(place, alice, charlie, bob, maria, django_assert_max_num_queries):
    talks = [rooms.order_room(place(user=user)) for user in (alice, charlie, alice, None, charlie)]
    late, early, mine, hers, closed = talks
    say(late, member(alice), "Late", now=at(9))
    say(early, member(charlie), "Early", now=at(2))
    orders.take(mine.pk, member(maria), at(3))
    orders.take(hers.pk, member(bob), at(4))
    orders.close(closed.pk, member(bob), at(5))

    with django_assert_max_num_queries(8):
        inbox = orders.mine_first(orders.inbox(), "maria")

    slugs = {name: [row["slug"] for row in inbox[name]] for name in ("waiting", "active", "closed")}
    assert slugs == {
        "waiting": [early.slug, late.slug],
        "active": [mine.slug, hers.slug],
        "closed": [closed.slug],
    }
    assert (inbox["agents"], inbox["canned"][0]["title"]) == (["bob", "maria"], "Allergens")
    first = inbox["waiting"][0]
    assert (first["customer"], first["guest"], first["last"]["message"], first["unanswered"]) == (
        "charlie",
        False,
        "Early",
        True,
    )
    assert first["order"]["summary"] == "1 × Margherita"
    assert (inbox["active"][1]["customer"], inbox["active"][1]["guest"]) == ("Customer", True)


@on_rows
def test_staff_write_canned_answers_in_the_admin(client, bob):
    assert CannedAnswer.objects.count() == 5
    client.force_login(bob)
    client.post("/admin/chat/cannedanswer/add/", {"title": "Dough", "body": "We make it ourselves."})
    assert CannedAnswer.objects.get(title="Dough").body == "We make it ourselves."


# Requests


def ask(talk, who, **content):
    return requests.ask(talk.pk, who, content, timezone.now())


@on_rows
def test_a_request_to_cancel_is_one_click_for_staff(order, talk, alice, maria, cooked):
    message = ask(talk, member(alice), wish="cancel")
    assert (message.kind, message.body, message.data) == (
        "wish",
        "Please cancel my order.",
        {"wish": "cancel", "state": "open"},
    )
    assert state(talk) == ("waiting", None)
    assert Order.objects.get().stage == "received"  # the request alone cancels nothing

    requests.answer(talk.pk, member(maria), message.seq, True, timezone.now())

    message.refresh_from_db()
    assert (Order.objects.get().stage, message.data["state"], state(talk)) == (
        "cancelled",
        "accepted",
        ("active", "maria"),
    )
    event = order.events.last()
    assert (event.event, event.by, event.sentence) == (
        "cancelled",
        maria,
        "Cancelled by staff: at the customer's request",
    )
    assert Message.objects.last().body == event.sentence


@on_rows
def test_an_accepted_request_to_change_changes_the_order(
    order, talk, alice, maria, margherita, diavola, cooked, django_capture_on_commit_callbacks
):
    diavola_row = {"id": diavola.pk, "quantity": 2}
    message = ask(talk, member(alice), wish="change", items=[diavola_row, {"id": margherita.pk}])
    assert message.body == "Please change my order to 2 × Diavola, 1 × Margherita."
    with django_capture_on_commit_callbacks(execute=True):
        requests.answer(talk.pk, member(maria), message.seq, True, timezone.now())
    order = Order.objects.get()
    assert (order.summary, order.amount) == ("2 × Diavola, 1 × Margherita", 33.5)
    assert [(item.number, item.name, item.state, item.epoch) for item in order.parts] == [
        (1, "Margherita", "working", 1),  # it is in both orders: nobody throws it away
        (2, "Diavola", "waiting", 0),
        (3, "Diavola", "waiting", 0),
    ]
    assert cooked == []
    assert Message.objects.last().body == "Changed at your request"


@on_rows
def test_a_conversation_about_several_pizzas_is_not_flooded(place, alice, margherita, diavola):
    order = place(items=[(margherita, 1), (diavola, 2)], user=alice)
    talk = rooms.order_room(order)
    for stage in ("baking", "baked"):
        for number in (1, 2, 3):
            flow.override(order.pk, stage, item=number)
    flow.remake(order.pk, reason="it was dropped", item=2)
    orders.copy_events(talk.pk)
    said = list(Message.objects.filter(room=talk).order_by("seq").values_list("body", flat=True))
    assert said[0] == "We started making your order"
    assert "Out of the oven, being cut and boxed" in said
    assert said[-1] == "We are making your Diavola again: it was dropped"
    assert not any("being made" in sentence for sentence in said)


@on_rows
def test_a_request_can_have_two_lines_of_the_same_pizza(order, talk, alice, maria, margherita, diavola):
    lines = [{"id": margherita.pk}, {"id": diavola.pk}, {"id": margherita.pk}]
    message = ask(talk, member(alice), wish="change", items=lines)
    assert [row["id"] for row in message.data["items"]] == [margherita.pk, diavola.pk, margherita.pk]
    requests.answer(talk.pk, member(maria), message.seq, True, timezone.now())
    assert [line.pizza_id for line in order.lines.all()] == [margherita.pk, diavola.pk, margherita.pk]
    with pytest.raises(Refused, match="already what you ordered"):
        ask(talk, member(alice), wish="change", items=[{"id": diavola.pk}, {"id": margherita.pk, "quantity": 2}])


@on_rows
def test_a_request_to_change_is_possible_while_a_pizza_is_at_the_make_line(place, alice, maria, margherita, diavola):
    order = place(items=[(margherita, 1), (diavola, 1)], user=alice)
    talk = rooms.order_room(order)
    flow.override(order.pk, "baking", item=1)
    message = ask(talk, member(alice), wish="change", items=[{"id": margherita.pk}])
    assert requests.answer(talk.pk, member(maria), message.seq, True, timezone.now()) is None
    order = Order.objects.get(pk=order.pk)
    assert [(item.name, item.stage) for item in order.parts] == [("Margherita", "baking")]  # what is made is kept
    with pytest.raises(Refused, match="too late to change"):
        ask(talk, member(alice), wish="change", items=[{"id": diavola.pk}])


@on_rows
def test_a_declined_request_changes_nothing(order, talk, alice, maria):
    message = ask(talk, member(alice), wish="cancel")
    requests.answer(talk.pk, member(maria), message.seq, False, timezone.now())
    message.refresh_from_db()
    assert (message.data["state"], Order.objects.get().stage) == ("declined", "received")
    with pytest.raises(Refused, match="already been answered"):
        requests.answer(talk.pk, member(maria), message.seq, True, timezone.now())


@on_rows
@pytest.mark.parametrize(
    ("asked", "stage", "words"),
    [("cancel", "out_for_delivery", "too late to cancel"), ("change", "baking", "too late to change")],
)
def test_both_sides_read_that_it_is_too_late(order, talk, alice, maria, diavola, asked, stage, words):
    message = ask(talk, member(alice), wish=asked, items=[{"id": diavola.pk}])
    flow.override(order.pk, stage)
    answer = requests.answer(talk.pk, member(maria), message.seq, True, timezone.now())
    message.refresh_from_db()
    assert words in answer and message.data["answer"] == answer
    assert (message.data["state"], Order.objects.get().stage) == ("too late", stage)
    with pytest.raises(Refused, match=words):
        ask(talk, member(alice), wish=asked, items=[{"id": diavola.pk}])


@on_rows
@pytest.mark.parametrize(("way", "word"), [("delivery", "delivered"), ("carry_out", "collected")])
@pytest.mark.parametrize("wish", ["cancel", "change"])
def test_what_is_too_late_says_how_the_order_went(place, alice, margherita, way, word, wish):
    order = place(user=alice, way=way)
    flow.override(order.pk, "delivered")
    with pytest.raises(Refused, match=f"^It is too late to {wish}.*: the order is {word}.$"):
        ask(rooms.order_room(order), member(alice), wish=wish, items=[{"id": margherita.pk, "quantity": 2}])


@on_rows
def test_an_order_that_goes_on_while_staff_click_is_too_late(order, talk, alice, maria, diavola, monkeypatch):
    """Move the order between the check and the locks: flow refuses, and only the answer is written."""
    message = ask(talk, member(alice), wish="change", items=[{"id": diavola.pk}])
    check = requests.refuse_late_change

    def check_then_move_on(order):
        check(order)
        flow.override(order.pk, "baking")

    monkeypatch.setattr(requests, "refuse_late_change", check_then_move_on)
    answer = requests.answer(talk.pk, member(maria), message.seq, True, timezone.now())
    message.refresh_from_db()
    assert "moved on" in answer and message.data["state"] == "too late"
    assert Order.objects.get().summary == "1 × Margherita"


@on_rows
def test_a_newer_request_replaces_an_open_one(talk, alice, maria, diavola):
    older = ask(talk, member(alice), wish="change", items=[{"id": diavola.pk}])
    newer = ask(talk, member(alice), wish="cancel", id="x")
    assert ask(talk, member(alice), wish="cancel", id="x") == newer
    older.refresh_from_db()
    assert older.data["state"] == "replaced by a newer wish"
    with pytest.raises(Refused, match="already been answered"):
        requests.answer(talk.pk, member(maria), older.seq, True, timezone.now())


@on_rows
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "You can ask"),
        ({"wish": "eat"}, "You can ask"),
        ({"wish": ["cancel"]}, "You can ask"),
        ({"wish": "change"}, "must be a list"),
        ({"wish": "change", "items": []}, "empty"),
        ({"wish": "change", "items": [4]}, "must be an object"),
        ({"wish": "change", "items": [{"id": 10**6}]}, "not on the menu"),
        ({"wish": "change", "items": [{"id": "x" * 5, "quantity": 1}]}, "whole number"),
        ({"wish": "cancel", "id": 4}, "An id is text"),
    ],
)
def test_an_invalid_request_is_refused_with_a_sentence(talk, alice, content, words):
    with pytest.raises(Refused, match=words):
        ask(talk, member(alice), **content)
    assert not Message.objects.filter(kind="wish").exists()


@on_rows
def test_the_same_items_are_refused_and_a_pizza_off_the_menu_can_stay(talk, alice, margherita, diavola):
    margherita.on_menu = False
    margherita.save()
    with pytest.raises(Refused, match="already what you ordered"):
        ask(talk, member(alice), wish="change", items=[{"id": margherita.pk}])
    assert ask(talk, member(alice), wish="change", items=[{"id": margherita.pk, "quantity": 2}])


@on_rows
def test_a_pizza_that_was_cancelled_by_itself_can_be_asked_for_again(place, alice, margherita, diavola):
    order = place(items=[(margherita, 2), (diavola, 1)], user=alice)
    talk = rooms.order_room(order)
    flow.cancel(order.pk, item=1)
    flow.cancel(order.pk, item=3)
    with pytest.raises(Refused, match="already what you ordered"):
        ask(talk, member(alice), wish="change", items=[{"id": margherita.pk}])
    order = Order.objects.get()
    assert chat_tags.choices(order) == [(margherita, 1), (diavola, 0)]
    both = [{"id": margherita.pk, "quantity": 2}, {"id": diavola.pk}]
    assert ask(talk, member(alice), wish="change", items=both).data["state"] == "open"
    diavola.on_menu = False
    diavola.save()
    assert chat_tags.choices(order) == [(margherita, 1)]
    with pytest.raises(Refused, match="not on the menu"):
        ask(talk, member(alice), wish="change", items=both)


@on_rows
def test_only_the_customer_asks_and_only_the_kitchen_answers(talk, alice, bob, maria):
    with pytest.raises(Refused, match="Only the customer"):
        ask(talk, member(maria), wish="cancel")
    message = ask(talk, member(alice), wish="cancel")
    with pytest.raises(Refused, match="Only the staff"):
        requests.answer(talk.pk, member(alice), message.seq, True, timezone.now())
    for nonsense in (None, "yes", 1):
        with pytest.raises(Refused, match="true or false"):
            requests.answer(talk.pk, member(maria), message.seq, nonsense, timezone.now())
    text = say(talk, member(alice))
    with pytest.raises(Refused, match="already been answered"):
        requests.answer(talk.pk, member(maria), text.seq, True, timezone.now())


# Over the sockets


@asynccontextmanager
async def inbox_of(user):
    async with opened("/ws/inbox/", await in_database(cookie_of)(user)) as inbox:
        yield inbox


async def lists_until(inbox, **wanted):
    """Return the next state in which the lists have these numbers of conversations."""
    while True:
        frame = await inbox.until("inbox")
        if all(len(frame[name]) == number for name, number in wanted.items()):
            return frame


@on_sockets
async def test_a_customer_asks_and_gets_an_answer(valkey, order, talk, alice, maria):
    async with inbox_of(maria) as inbox, talker(talk.slug, alice) as customer:
        await customer.welcome()
        assert [m["message"] for m in customer.history["messages"]] == ["We started making your order"]
        assert (await customer.until("line"))["state"] == "quiet"
        await customer.say("How long?")
        assert (await customer.until("line"))["before"] == 0
        (row,) = (await lists_until(inbox, waiting=1))["waiting"]
        assert (row["slug"], row["last"]["message"]) == (talk.slug, "How long?")

        async with talker(row["slug"], maria) as kitchen:
            await kitchen.welcome()
            assert kitchen.greeting["room"]["is_agent"] and not customer.greeting["room"]["is_agent"]
            await inbox.send(type="take", slug=row["slug"])
            await lists_until(inbox, waiting=0, active=1)
            assert (await customer.until("line"))["agent"] == "maria"
            await kitchen.say("Ten minutes")
            answer = await customer.until("message", username="maria")
            assert (answer["message"], answer["staff"], answer["mine"]) == ("Ten minutes", True, False)
            await in_database(flow.finish_item)(order.pk, 1, 1, "received")
            for one in (customer, kitchen):
                event = await one.until("message", kind="event")
                assert (event["username"], event["message"]) == ("kitchen", "Your pizza went into the oven")
            await kitchen.send(type="close")
            assert (await customer.until("line"))["state"] == "closed"
            await lists_until(inbox, active=0, closed=1)


@on_sockets
async def test_the_answer_to_a_request_shows_on_both_sides(valkey, order, talk, alice, maria):
    async with talker(talk.slug, alice) as customer, talker(talk.slug, maria) as kitchen:
        await customer.welcome()
        await kitchen.welcome()
        await customer.send(type="wish", wish="cancel")
        request = await kitchen.until("message", kind="wish")
        assert request["data"] == {"wish": "cancel", "state": "open"}
        await kitchen.send(type="answer_wish", seq=request["seq"], accept=True)
        for one in (customer, kitchen):
            # The order's events and the answer come from two groups: either can be first.
            seen = {}
            while not {"changed", "message"} <= seen.keys():
                frame = await one.until_any("changed", "message")
                if frame["type"] == "changed" or "Cancelled" in frame["message"]:
                    seen[frame["type"]] = frame
            assert seen["changed"]["data"]["state"] == "accepted"
        await kitchen.send(type="answer_wish", seq=request["seq"], accept=True)
        assert "already been answered" in (await kitchen.until("error"))["error"]


@on_sockets
async def test_the_inbox_is_for_agents_and_refuses_invalid_frames(valkey, talk, alice, maria):
    async with inbox_of(alice) as nobody:
        assert await nobody.closed_with() == 4403
    async with inbox_of(maria) as inbox:
        await inbox.until("inbox")
        for content, words in (
            ({"type": "take", "slug": "order-" + "z" * 20}, "no such conversation"),
            ({"type": "take"}, "no such conversation"),
            ({"type": "take", "slug": "a\x00"}, "can't be stored"),
            ({"type": "message", "slug": talk.slug, "message": "x"}, "Unknown type"),
            ({"type": "reopen", "slug": talk.slug}, "is open"),
            ({}, "Unknown type"),
        ):
            await inbox.send(**content)
            assert words in (await inbox.until("error"))["error"]
        await in_database(maria.user_permissions.clear)()
        assert await inbox.closed_with() == 4403
