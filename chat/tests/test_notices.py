"""The socket of the counts in the header, from the handshake on, through a real Valkey."""

import json
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from accounts import people
from chat import messages, rooms
from chat.person import Person
from chat.sockets import notices
from home import sharing
from pizzaProj.asgi import application
from realtime import broadcast

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("valkey", "cooked"),
]
ORIGIN = (b"origin", b"http://localhost")


# The cast without passwords: nobody types one here, and hashing one takes a tenth of a second.


@pytest.fixture
def alice(db):
    return User.objects.create(username="alice")


@pytest.fixture
def charlie(db):
    return User.objects.create(username="charlie")


def cookie_of(user):
    client = Client()
    client.force_login(user)
    return (b"cookie", f"sessionid={client.cookies[settings.SESSION_COOKIE_NAME].value}".encode())


@asynccontextmanager
async def watch(user):
    """Open the user's socket; yield it and the counts and marks that it sent first."""
    cookie = await sync_to_async(cookie_of)(user)
    socket = WebsocketCommunicator(application, "/ws/notices/", headers=[ORIGIN, cookie])
    connected, _ = await socket.connect(timeout=5)
    assert connected
    yield socket, *(await receive(socket))
    await socket.disconnect()
    await get_channel_layer().flush()


async def receive(socket):
    frame = json.loads(await socket.receive_from(timeout=5))
    return frame["notices"], frame["marks"]


async def drain(socket):
    """Return the last counts that come; at least one frame does."""
    counts, _ = await receive(socket)
    while not await socket.receive_nothing(0.2):
        counts, _ = await receive(socket)
    return counts


def ask_the_kitchen(order):
    """Write as the customer; nobody takes the conversation."""
    room = rooms.order_room(order)
    messages.post(room.pk, Person(order.user), "Is it far?", "one", timezone.now())


@sync_to_async
def do(verb, *args):
    return verb(*args)


async def test_a_request_changes_the_badge_of_the_person_asked_and_both_pages(alice, charlie):
    async with watch(alice) as (alices, counts, marks), watch(charlie) as (charlies, *_):
        assert counts == {"requests": 0, "unread": 0, "shared": 0}

        await do(people.ask, charlie, alice)
        counts, asked = await receive(alices)
        assert counts["requests"] == 1
        assert asked["people"] != marks["people"]
        assert (await receive(charlies))[0]["requests"] == 0

        await do(people.accept, alice, charlie)
        counts, accepted = await receive(alices)
        assert counts["requests"] == 0
        assert accepted["people"] != asked["people"]
        await receive(charlies)


async def test_declining_sends_the_asker_nothing(alice, charlie):
    await do(people.ask, alice, charlie)
    async with watch(alice) as (alices, *_), watch(charlie) as (charlies, counts, _):
        assert counts["requests"] == 1
        await do(people.decline, charlie, alice)
        assert (await receive(charlies))[0]["requests"] == 0
        broadcast.nudge(alice.pk)  # and a nudge without a change sends nothing
        assert await alices.receive_nothing(0.3)


async def test_a_shared_order_counts_until_it_is_opened(alice, charlie, place):
    await do(people.ask, alice, charlie)
    await do(people.accept, charlie, alice)
    order = await sync_to_async(place)(user=alice)
    async with watch(charlie) as (socket, counts, marks):
        assert counts["shared"] == 0
        await do(sharing.share, order, charlie, alice)
        counts, shared = await receive(socket)
        assert counts["shared"] == 1
        assert shared["shared"] != marks["shared"]

        await do(sharing.opened, order, charlie)
        assert (await receive(socket))[0]["shared"] == 0

        await do(people.unfriend, alice, charlie)
        counts, ended = await receive(socket)
        assert ended["shared"] != shared["shared"]


async def test_a_message_from_a_friend_counts_until_it_is_read(alice, charlie):
    @sync_to_async
    def talk():
        people.ask(alice, charlie)
        people.accept(charlie, alice)
        room = rooms.private_room(alice, charlie)
        return room, messages.post(room.pk, Person(alice), "Shall we order?", "one", timezone.now())

    async with watch(charlie) as (socket, counts, _), watch(alice) as (alices, *_):
        room, message = await talk()
        while not counts["unread"]:  # the first frame is about the friendship
            counts, _ = await receive(socket)
        assert counts["unread"] == 1
        await do(messages.read, room.pk, Person(charlie), message.seq)
        assert (await receive(socket))[0]["unread"] == 0
        assert (await drain(alices))["unread"] == 0  # one's own messages do not count


async def test_a_lost_nudge_is_made_up_for(alice, charlie, monkeypatch):
    monkeypatch.setattr(notices.NoticesCheck, "every_seconds", 0.1)
    monkeypatch.setattr(broadcast, "nudge", lambda pk: None)
    async with watch(alice) as (socket, *_):
        await do(people.ask, charlie, alice)
        assert (await receive(socket))[0]["requests"] == 1


async def test_waiting_conversations_are_counted_for_agents(alice, charlie, place):
    @sync_to_async
    def hire():
        charlie.user_permissions.add(Permission.objects.get(codename="answer_customers"))
        User.objects.filter(pk=charlie.pk).update(is_staff=True)

    order = await sync_to_async(place)(user=alice)
    await hire()
    async with watch(charlie) as (socket, counts, _):
        assert counts["inbox"] == 0
        await do(ask_the_kitchen, order)
        assert (await receive(socket))[0]["inbox"] == 1


@pytest.mark.parametrize("what", ["staff alone", "permission alone"])
def test_the_inbox_count_needs_both_staff_and_permission(what, alice):
    if what == "staff alone":
        User.objects.update(is_staff=True)
    else:
        alice.user_permissions.add(Permission.objects.get(codename="answer_customers"))
    assert "inbox" not in notices.read([alice.pk])[alice.pk]["notices"]


def test_the_check_costs_as_many_queries_for_one_as_for_many(alice, charlie, django_assert_max_num_queries):
    people.ask(alice, charlie)
    with django_assert_max_num_queries(8) as few:
        notices.read([alice.pk])
    others = [User.objects.create(username=f"u{n}").pk for n in range(20)]
    with django_assert_max_num_queries(len(few)):
        found = notices.read([alice.pk, charlie.pk, *others])
    assert found[charlie.pk]["notices"]["requests"] == 1


async def test_frames_from_a_client_are_refused(alice):
    async with watch(alice) as (socket, *_):
        for text in ("nonsense", "[]", '{"type": "notices.changed"}'):
            await socket.send_to(text)
            assert "error" in json.loads(await socket.receive_from(timeout=5))


async def test_visitors_are_turned_away():
    socket = WebsocketCommunicator(application, "/ws/notices/", headers=[ORIGIN])
    await socket.connect(timeout=5)
    await socket.send_to('{"type": "authenticate", "token": "none"}')
    message = await socket.receive_output(timeout=5)
    assert (message["type"], message["code"]) == ("websocket.close", 4401)
