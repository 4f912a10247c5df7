"""The socket of a room, from the handshake on, through a real Valkey."""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import quote

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts import limits, people, tokens
from accounts.limits import paces
from accounts.models import Profile
from chat import messages, rooms, stream
from chat.models import Message, Room
from chat.person import Person, guest_name
from chat.sockets import presence
from chat.sockets import room as room_socket
from chat.sockets.rate_limit import RateLimit
from chat.tests.cast import befriend, say
from pizzaProj import waits
from pizzaProj.asgi import application
from pizzaProj.lanes import Lane
from pizzaProj.limits import PACES, Limit
from realtime import sockets
from realtime.broadcast import broadcaster
from realtime.periodic import PeriodicCheck

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("valkey", "cooked"),
]
in_database = sync_to_async
ORIGIN = (b"origin", b"http://localhost")
open_sockets = set()


@pytest.fixture(autouse=True)
def fresh_limits(monkeypatch):
    """Start each test with rate limits that nobody has used yet."""
    for name in ("frequent_limit", "frequent_limit_of_address"):
        pace = getattr(room_socket, name)
        monkeypatch.setattr(room_socket, name, RateLimit(pace.most, pace.seconds))


def cookie_of(user=None, guest=""):
    """Return the cookie of a browser in which this person is logged in, or of a visitor with this word."""
    client = Client()
    if user is not None:
        client.force_login(user)
        return (b"cookie", f"sessionid={client.cookies[settings.SESSION_COOKIE_NAME].value}".encode())
    session = client.session
    session["guest"] = guest
    session.save()
    return (b"cookie", f"sessionid={session.session_key}".encode())


class Talker:
    """One socket, and what comes over it."""

    def __init__(self, socket):
        self.socket = socket

    async def frame(self):
        return json.loads(await self.socket.receive_from(timeout=5))

    async def until(self, kind, /, **like):
        """Return the next frame of this type."""
        while True:
            frame = await self.frame()
            if frame["type"] == kind and like.items() <= frame.items():
                return frame

    async def send(self, **content):
        await self.socket.send_json_to(content)

    async def say(self, message, **more):
        await self.send(message=message, **more)

    async def until_any(self, *types):
        while (frame := await self.frame())["type"] not in types:
            pass
        return frame

    async def rest(self, seconds=0.3):
        """Collect frames until none has come for a while."""
        frames = []
        while not await self.socket.receive_nothing(timeout=seconds):
            frames.append(await self.frame())
        return frames

    async def closed_with(self):
        while True:
            message = await self.socket.receive_output(timeout=5)
            if message["type"] == "websocket.close":
                return message["code"]

    async def welcome(self):
        """Wait for everything that is sent at connect."""
        self.greeting = await self.until("welcome")
        self.history = await self.until("history")
        return self


@asynccontextmanager
async def opened(path, *headers, origin=ORIGIN, address=None):
    """Open a socket. Closing the last one also closes the channel layer of this test's loop."""
    socket = WebsocketCommunicator(application, path, headers=[*filter(None, [origin]), *headers])
    if address:
        socket.scope["client"] = [address, 4000]
    connected, _ = await socket.connect(timeout=5)
    assert connected
    open_sockets.add(socket)
    yield Talker(socket)
    await socket.disconnect()
    open_sockets.discard(socket)
    if not open_sockets:
        await get_channel_layer().flush()


@asynccontextmanager
async def talker(slug, user=None, guest="", query="", headers=(), address=None):
    if user is not None or guest:
        headers = [*headers, await in_database(cookie_of)(user, guest)]
    async with opened(f"/ws/chat/{quote(slug, safe='')}/{query}", *headers, address=address) as found:
        yield found


# Talking


async def test_what_is_said_comes_to_everyone_once_and_in_the_same_order(alice, charlie):
    async with (
        talker("pizza", alice) as one,
        talker("Pizza", charlie) as two,
        talker("pizza", guest="v" * 32) as three,
    ):
        everyone = [await each.welcome() for each in (one, two, three)]
        for n in range(4):
            for each in everyone:
                claimed = {} if each is three else {"username": "bob"}
                await each.say(f"{n}", id=f"id{n}", room_name="elsewhere", **claimed)
        heard = [[await each.until("message") for _ in range(12)] for each in everyone]
        assert [[m["seq"] for m in frames] for frames in heard] == [list(range(1, 13))] * 3
        assert as_said(heard[0]) == as_said(heard[1]) == as_said(heard[2])
        for each in everyone:
            await no_message(each)
    mine = [m for m in heard[0] if m["mine"]]
    assert {(m["username"], m["guest"]) for m in mine} == {("alice", False)}  # not the name that was sent along
    assert [m["id"] for m in mine] == ["id0", "id1", "id2", "id3"]
    assert {m["username"] for m in heard[0]} == {"alice", "charlie", guest_name("v" * 32)}
    assert await Message.objects.filter(room__slug="pizza").acount() == 12


def as_said(frames):
    return [(m["seq"], m["username"], m["message"]) for m in frames]


async def no_message(each):
    """Assert that no message comes. The list of people who are here can still change."""
    assert not [frame for frame in await each.rest() if frame["type"] in ("message", "changed", "error")]


async def test_the_simple_client_of_a_tutorial_works_unchanged(alice):
    """Such a client reads `message` from every frame that has one, and nothing else."""
    async with talker("pizza", alice) as one:
        await one.socket.send_json_to({"message": "Hello", "username": "alice", "room_name": "pizza"})
        while "message" not in (frame := await one.frame()):
            pass
        frames = [frame, *await one.rest()]
    assert [frame["message"] for frame in frames if "message" in frame] == ["Hello"]


async def test_a_visitor_talks_under_a_free_name_and_keeps_what_is_theirs(alice):
    async with talker("pizza", guest="v" * 32, query="?username=Vera%20K") as one:
        await one.welcome()
        assert one.greeting["you"] == {"username": "Vera K", "guest": True}
        await one.say("Hello")
        assert {"username": "Vera K", "guest": True, "mine": True}.items() <= (await one.until("message")).items()
        await one.say("I am not Vera", username="ALICE")
        assert "somebody else's name" in (await one.until("error"))["error"]
    async with talker("pizza", guest="v" * 32, query="?username=alice") as again:
        assert "somebody else's name" in (await again.until("error"))["error"]
        await again.welcome()
        assert again.greeting["you"]["username"] == guest_name("v" * 32)
        assert again.history["messages"][0]["mine"]
        await again.send(type="edit", seq=1, message="Hello!")
        assert (await again.until("changed"))["body"] == "Hello!"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("4", "not a JSON object"),
        ("x" * 30_001, "at most 30000"),
        ({}, 'Send {"message"'),
        ({"msg": "x"}, 'Send {"message"'),
        ({"type": "eat"}, "Unknown type"),
        ({"type": ["message"], "message": "x"}, "Unknown type"),
        ({"type": None, "message": "x"}, "Unknown type"),
        ({"message": ""}, "empty"),
        ({"message": "x" * 2001}, "at most 2,000"),
        ({"message": {"a": 1}}, "must be text"),
        ({"message": "x", "id": 4}, "An id is text"),
        ({"type": "history"}, "Say which message"),
        ({"type": "history", "before": "1"}, "Say which message"),
        ({"type": "read"}, "Say which message"),
        ({"type": "edit", "seq": 1}, "must be text"),
        ({"type": "delete", "seq": 1}, "no such message"),
        ({"type": "remove", "seq": 1}, "Only staff"),
        ({"type": "mute", "username": "alice", "muted": True}, "Only staff"),
        ({"type": "report", "seq": 1, "reason": 4}, "must be text"),
        ({"type": "wish", "wish": "cancel"}, "Only the customer"),
        ({"type": "answer_wish", "seq": 1, "accept": True}, "Only the staff"),
        ({"type": "take"}, "Only the staff"),
        ({"type": "hand_over", "to": "bob"}, "Only the staff"),
        ({"type": "close"}, "Only the staff"),
        ({"type": "reopen"}, "Only the staff"),
    ],
)
async def test_invalid_frames_are_refused_with_a_sentence_and_the_socket_stays_open(db, sent, words):
    async with talker("pizza", guest="v" * 32) as one:
        await one.welcome()
        await one.socket.send_to(text_data=sent if isinstance(sent, str) else json.dumps(sent))
        error = await one.until("error")
        assert words in error["error"] and "message" not in error
        await one.say("Still here")
        assert (await one.until("message"))["seq"] == 1


async def test_bytes_are_refused_with_a_sentence_too(db):
    async with talker("pizza", guest="v" * 32) as one:
        await one.welcome()
        await one.socket.send_to(bytes_data=b"\x00\xff")
        assert "Send text" in (await one.until("error"))["error"]


@pytest.fixture
def slow(monkeypatch):
    """Let no message be forgotten, and Valkey be waited for, however slow the machine is."""
    monkeypatch.setattr(waits, "COUNT_SECONDS", 30)
    monkeypatch.setattr(paces, "valkey", paces.InValkey())
    for name in ("message", "message_address"):
        monkeypatch.setitem(PACES, name, PACES[name]._replace(seconds=3600))


async def test_ten_messages_in_five_seconds_is_the_limit_over_all_sockets_of_a_person(alice, charlie, slow):
    async with talker("pizza", alice) as one, talker("pizza", alice) as tab, talker("pizza", charlie) as other:
        for each in (one, tab, other):
            await each.welcome()
        for n in range(6):
            await one.say(str(n))
        for _ in range(6):
            await one.until("message")
        for n in range(6):
            await tab.say(str(n), id=f"x{n}")
        error = await tab.until("error")
        assert ("Slow down" in error["error"], error["id"]) == (True, "x4")
        await other.say("I am another one")
        assert (await other.until("message", username="charlie"))["seq"] == 11


async def is_kept(each, text, client_id):
    """Say this, and return whether it was kept."""
    await each.say(text, id=client_id)
    while (frame := await each.until_any("message", "error")).get("id") != client_id:
        pass
    return frame["type"] == "message"


async def test_visitors_without_a_cookie_are_one_visitor_for_each_address(db, slow):
    sockets_of_one = [talker("pizza", address=f"2001:db8::{n}") for n in range(1, 5)]
    async with AsyncExitStack() as stack:
        everyone = [await stack.enter_async_context(one) for one in sockets_of_one]
        kept = [await is_kept(one, str(n), f"{at}-{n}") for at, one in enumerate(everyone) for n in range(4)]
        assert kept == [True] * 10 + [False] * 6
        with_a_cookie = await stack.enter_async_context(talker("pizza", guest="v" * 32, address="2001:db8::9"))
        assert await is_kept(with_a_cookie, "I am a person", "mine")
        elsewhere = await stack.enter_async_context(talker("pizza", address="192.0.2.7"))
        assert await is_kept(elsewhere, "I am somewhere else", "there")


async def test_all_webs_count_together(alice, slow, monkeypatch):
    """Another web is another process: with counts of its own it would begin at nothing."""
    async with talker("pizza", alice) as one:
        await one.welcome()
        assert [await is_kept(one, "Hello", f"{n}") for n in range(10)] == [True] * 10
    monkeypatch.setattr(paces, "process", paces.InProcess())
    monkeypatch.setattr(paces, "valkey", paces.InValkey())
    async with talker("pizza", alice) as elsewhere:
        await elsewhere.welcome()
        assert not await is_kept(elsewhere, "Hello again", "more")


async def test_an_address_has_a_limit_over_all_its_people(alice, charlie, slow, monkeypatch):
    monkeypatch.setitem(PACES, "message_address", Limit(2, 3600))
    async with (
        talker("pizza", alice, address="192.0.2.7") as one,
        talker("pizza", charlie, address="192.0.2.7") as two,
        talker("pizza", charlie, address="192.0.2.8") as other,
    ):
        kept = [await is_kept(each, "Hello", f"{n}") for n, each in enumerate((one, two, two, other))]
        assert kept == [True, True, False, True]


async def test_a_script_talks_with_its_token_in_a_header_or_in_its_first_message(alice, charlie, monkeypatch):
    for name in ("AUTHENTICATE_SECONDS", "AUTHENTICATE_GRACE_SECONDS"):
        monkeypatch.setattr(sockets, name, 60)
    await in_database(befriend)(alice, charlie)
    room = await in_database(rooms.private_room)(alice, charlie)
    keys = [await in_database(tokens.make)(user, "script") for user in (alice, charlie)]
    header = (b"authorization", f"Token {keys[0]}".encode())
    path = f"/ws/chat/{room.slug}/"
    async with opened(path, header, origin=None) as one, opened(path, origin=None) as two:
        await one.welcome()
        await one.say("Hello")
        await one.until("message")
        assert await two.socket.receive_nothing(timeout=0.1)  # nothing is sent before it has authenticated
        await two.send(type="authenticate", token=keys[1])
        assert await two.frame() == {"type": "authenticated", "username": "charlie"}
        await two.welcome()
        assert [m["message"] for m in two.history["messages"]] == ["Hello"]
        await two.say("Hello yourself")
        assert (await one.until("message"))["username"] == "charlie"


# History


@pytest.fixture
def long_room(db, alice):
    room = rooms.public_room("Pizza")
    Message.objects.bulk_create(
        Message(room=room, seq=n, revision=n, body=str(n), author=alice, sent_by="alice") for n in range(1, 121)
    )
    room.last_seq = room.revision = 120
    room.save()
    return room


def seqs(frame):
    return [message["seq"] for message in frame["messages"]], frame["more"]


async def test_the_last_fifty_come_first_and_older_ones_when_asked_for(long_room, alice):
    async with talker("pizza", alice) as one:
        await one.welcome()
        assert seqs(one.history) == (list(range(71, 121)), True)
        await one.send(type="history", before=71)
        assert seqs(await one.until("history")) == (list(range(21, 71)), True)
        await one.send(type="history", before=21)
        assert seqs(await one.until("history")) == (list(range(1, 21)), False)


async def test_pages_of_history_are_read_one_at_a_time(long_room, alice, monkeypatch):
    lane = Lane(1)
    monkeypatch.setattr(room_socket, "history_lane", lane)
    async with talker("pizza", alice) as one:
        await one.welcome()
        async with lane.turn("198.51.100.7"):
            for where in ({"before": 71}, {"after": 70}):
                await one.send(type="history", **where)
            assert "history" not in {frame["type"] for frame in await one.rest()}
        assert [seqs(await one.until("history"))[0][0] for _ in range(2)] == [21, 71]
    assert lane.free == 1


async def test_who_waits_for_history_in_vain_is_told_to_come_again(long_room, alice, monkeypatch):
    lane = Lane(1)
    monkeypatch.setattr(room_socket, "history_lane", lane)
    monkeypatch.setattr(waits, "LANE_SECONDS", 0.05)
    async with lane.turn("198.51.100.7"), talker("pizza", alice) as one:
        assert await one.closed_with() == 4503


async def test_a_client_that_comes_back_gets_exactly_what_came_after(long_room, alice, charlie):
    async with talker("pizza", alice, query="?after=60") as one:
        await one.welcome()
        assert seqs(one.history) == (list(range(61, 111)), True)
        await one.send(type="history", after=110)
        assert seqs(await one.until("history")) == (list(range(111, 121)), False)
        await one.say("Next")
        assert (await one.until("message"))["seq"] == 121
    for nothing in ("120", "9999"):
        async with talker("pizza", alice, query=f"?after={nothing}") as one:
            await one.welcome()
            assert seqs(one.history)[0] == ([121] if nothing == "120" else [])
            await in_database(say)(long_room, member_of(charlie), "And on")
            await one.until("message", message="And on")
    for nonsense in ("-1", "x", "1e3", "9" * 30, "%00"):
        async with talker("pizza", alice, query=f"?after={nonsense}") as one:
            assert len(seqs((await one.welcome()).history)[0]) == 50


async def test_a_client_that_is_behind_gets_everything_in_its_place(long_room, alice, charlie):
    """What is new meanwhile, its own included, comes after what it missed. It is told once that there is more."""
    async with talker("pizza", alice, query="?after=10") as one, talker("pizza", charlie) as two:
        await one.welcome()
        assert (seqs(one.history), await newest(one)) == ((list(range(11, 61)), True), 120)
        for number, speaker in ((121, two), (122, one)):
            await speaker.say("New", id=f"id{number}")
            await two.until("message", seq=number)
        await in_database(messages.edit)(long_room.pk, member_of(alice), 122, "Newer", timezone.now())
        await in_database(broadcaster.flush)()
        told = [frame for frame in await one.rest() if frame["type"] in ("message", "changed", "history")]
        assert told == [room_socket.READ_ON]
        pages = []
        while not pages or pages[-1]["more"]:
            await one.send(type="history", after=pages[-1]["messages"][-1]["seq"] if pages else 60)
            pages.append(await one.until("history"))
        assert [seqs(page) for page in pages] == [(list(range(61, 111)), True), (list(range(111, 123)), False)]
        assert [(m["id"], m["message"]) for m in pages[-1]["messages"][-2:]] == [(None, "New"), ("id122", "Newer")]
        await two.say("Live again")
        assert ((await one.until("message"))["seq"], await newest(one)) == (123, 123)


async def newest(each):
    await each.send(type="heartbeat")
    return (await each.until("heartbeat"))["seq"]


@pytest.mark.parametrize("key", ["before", "after"])
@pytest.mark.parametrize("seq", [-1, 2**31, 10**400, 1.5, "1", None, True, [1], {}], ids=str)
async def test_a_page_of_nonsense_is_refused(long_room, alice, key, seq):
    async with talker("pizza", alice) as one:
        await one.welcome()
        await one.send(type="history", **{key: seq})
        assert "Say which message" in (await one.until("error"))["error"]


async def test_a_client_that_comes_back_gets_changes_of_what_it_has_seen(alice, charlie):
    room = await in_database(rooms.public_room)("Pizza")
    for body in ("One", "Two", "Three"):
        await in_database(say)(room, member_of(charlie), body)
    await in_database(messages.edit)(room.pk, member_of(charlie), 1, "One!", timezone.now())
    await in_database(messages.delete)(room.pk, member_of(charlie), 2, timezone.now())
    async with talker("pizza", alice, query="?after=3") as one:
        changed = [await one.until("changed"), await one.until("changed")]
    assert [(frame["seq"], frame["body"], frame["edited"], frame["deleted"]) for frame in changed] == [
        (1, "One!", True, False),
        (2, None, False, True),
    ]


def member_of(user):
    return Person(user, name=user.get_username())


# Nothing is lost


async def test_what_the_layer_loses_is_read_from_the_database(alice, charlie, monkeypatch):
    monkeypatch.setattr(PeriodicCheck, "every_seconds", 0.2)
    layer, lost = get_channel_layer(), []

    async def losing(group, message):
        if group.startswith("chat_") and message["type"] in ("chat.message", "chat.room"):
            return lost.append(message)
        await layer._get_layer().group_send(group, message)

    async with talker("pizza", alice) as one, talker("pizza", charlie) as two:
        await one.welcome()
        await two.welcome()
        monkeypatch.setattr(layer, "group_send", losing, raising=False)
        for n in range(3):
            await one.say(str(n))
            assert (await one.until("message"))["seq"] == n + 1  # the sender does not wait for the layer
        await one.send(type="edit", seq=1, message="Better")
        assert await told(two) == {1: "Better", 2: "1", 3: "2"}
        assert len(lost) == 4
        monkeypatch.undo()
        await one.say("Heard")
        assert (await two.until("message"))["seq"] == 4


async def told(each):
    """Return {seq: final text} of three messages, and assert that each is sent once and in order."""
    shown = {}
    while len(shown) < 3 or shown[1] != "Better":
        frame = await each.frame()
        if frame["type"] == "message":
            assert frame["seq"] == len(shown) + 1
            shown[frame["seq"]] = frame["message"]
        elif frame["type"] == "changed":
            shown[frame["seq"]] = frame["body"]
    return shown


async def test_a_gap_is_filled_before_what_comes_after_it(alice, charlie, monkeypatch):
    layer = get_channel_layer()

    async def losing_the_second(group, message):
        if message.get("message", {}).get("seq") == 2:
            return
        await layer._get_layer().group_send(group, message)

    async with talker("pizza", alice) as one, talker("pizza", charlie) as two:
        await one.welcome()
        await two.welcome()
        monkeypatch.setattr(layer, "group_send", losing_the_second, raising=False)
        for n in range(3):
            await one.say(str(n))
        assert [(await two.until("message"))["seq"] for _ in range(3)] == [1, 2, 3]


async def test_a_valkey_that_restarts_neither_loses_nor_repeats_nor_reorders_messages(
    alice, charlie, valkey, monkeypatch
):
    monkeypatch.setattr(PeriodicCheck, "every_seconds", 0.2)
    async with talker("pizza", alice) as one, talker("pizza", charlie) as two:
        await one.welcome()
        await two.welcome()
        for n in range(3):
            if n == 1:
                await in_database(valkey.stop)()
            if n == 2:
                await in_database(valkey.start)()
            for each in (one, two):
                await each.say(str(n))
        heard = [[await each.until("message") for _ in range(6)] for each in (one, two)]
        assert [[m["seq"] for m in frames] for frames in heard] == [[1, 2, 3, 4, 5, 6]] * 2
        assert as_said(heard[0]) == as_said(heard[1])
        for each in (one, two):
            await no_message(each)


async def test_a_message_that_the_check_sends_first_is_not_sent_again(alice, monkeypatch):
    act, send, is_sent = room_socket.act, room_socket.RoomSocket.send_packed, asyncio.Event()

    async def act_slowly(*args):
        done = await act(*args)
        async with asyncio.timeout(20):
            await is_sent.wait()
        return done

    async def send_packed(socket, packed):
        await send(socket, packed)
        is_sent.set()

    monkeypatch.setattr(PeriodicCheck, "every_seconds", 0.05)
    monkeypatch.setattr(room_socket, "act", act_slowly)
    monkeypatch.setattr(room_socket.RoomSocket, "send_packed", send_packed)
    async with talker("pizza", alice) as one:
        await one.welcome()
        await one.say("Hello")
        assert (await one.until("message"))["seq"] == 1
        await no_message(one)


async def test_a_message_sent_again_is_confirmed_again_and_stored_once(alice, charlie):
    async with talker("pizza", alice) as one, talker("pizza", charlie) as two:
        await one.welcome()
        await two.welcome()
        await one.say("Hello", id="x")
        await one.until("message")
    async with talker("pizza", alice) as again, talker("pizza", charlie) as two:
        await two.welcome()
        await again.welcome()
        await again.say("Hello", id="x")
        answer = await again.until("message")
        assert (answer["seq"], answer["id"]) == (1, "x")
        await no_message(two)
    assert await Message.objects.acount() == 1


# Presence, typing, read receipts


async def test_everybody_sees_who_is_here_and_each_person_is_named_once(alice, charlie):
    async with talker("pizza", alice) as one, talker("pizza", alice):
        assert (await here(one, 1)) == [("alice", False)]
        async with talker("pizza", guest="v" * 32, query="?username=Vera") as two:
            assert await here(one, 2) == await here(two, 2) == [("Vera", True), ("alice", False)]
        assert (await here(one, 1)) == [("alice", False)]


async def here(each, number):
    while True:
        frame = await each.until("here")
        if len(frame["people"]) == number:
            return [(one["username"], one["guest"]) for one in frame["people"]]


async def test_another_process_is_heard_and_forgotten_when_it_is_silent(alice, monkeypatch):
    async with talker("pizza", alice) as one:
        await one.welcome()
        room_pk = (await Room.objects.aget()).pk
        group = stream.group_name(room_pk)
        broadcaster.send(group, {"type": "chat.roster", "process": "p2", "people": [["zoe", False]]})
        assert await here(one, 2) == [("alice", False), ("zoe", False)]
        monkeypatch.setattr(presence, "GONE_SECONDS", -1)
        presence.roster.forget(room_pk)
        presence.roster.announce(room_pk)
        assert await here(one, 1) == [("alice", False)]


async def test_typing_and_reading_go_to_the_others_only(alice, charlie):
    async with talker("pizza", alice) as one, talker("pizza", charlie) as two:
        await one.welcome()
        await two.welcome()
        await one.say("Hello")
        await two.until("message")
        await two.send(type="typing")
        await two.send(type="read", seq=1)
        assert await one.until("typing") == {"type": "typing", "username": "charlie"}
        assert await one.until("read") == {"type": "read", "username": "charlie", "seq": 1}
        assert not [frame for frame in await two.rest() if frame["type"] in ("typing", "read")]
    async with talker("pizza", alice) as one:  # and again after a reload
        assert await one.until("read") == {"type": "read", "username": "charlie", "seq": 1}


async def test_read_receipts_can_be_switched_off(alice, charlie):
    await Profile.objects.acreate(user=charlie, shows_reads=False)
    async with talker("pizza", alice) as one, talker("pizza", charlie) as two:
        await one.welcome()
        await two.welcome()
        await one.say("Hello")
        await two.until("message")
        await two.send(type="read", seq=1)
        await one.send(type="read", seq=1)
        said = ["Hello", "Read, but not told", "And I?"]
        await two.say(said[1])
        assert [(await one.until_any("message", "read")).get("message") for _ in range(2)] == said[:2]
        await one.say(said[2])
        assert [(await two.until_any("message", "read")).get("message") for _ in range(2)] == said[1:]


# Rights that change while the socket is open


async def test_unfriending_closes_the_room_on_both_sides_and_hides_who_is_there(alice, charlie):
    await in_database(befriend)(alice, charlie)
    room = await in_database(rooms.private_room)(alice, charlie)
    async with talker(room.slug, alice) as one, talker(room.slug, charlie) as two:
        await one.welcome()
        await two.welcome()
        assert one.greeting["room"]["name"] == "charlie"
        await one.say("Secret")
        await two.until("message")
        await here(one, 2)
        await in_database(people.unfriend)(charlie, alice)
        for each in (one, two):
            closed = (await each.until("room"))["room"]
            assert (closed["is_open"], closed["may_write"]) == (False, False)
            assert "no longer friends" in closed["why_not"]
        assert await here(one, 1) == [("alice", False)]
        await two.send(type="typing")
        await two.send(type="read", seq=1)
        await two.say("Are you there?")
        assert "no longer friends" in (await two.until("error"))["error"]
        assert not [frame for frame in await one.rest() if frame["type"] in ("typing", "read", "message", "here")]
        await one.send(type="history", before=2)
        assert (await one.until("history"))["messages"][0]["message"] == "Secret"


async def test_muting_shows_at_once(alice, bob):
    async with talker("pizza", alice) as one, talker("pizza", bob) as two:
        await one.welcome()
        await two.welcome()
        assert (one.greeting["room"]["may_moderate"], two.greeting["room"]["may_moderate"]) == (False, True)
        await one.say("Nasty")
        await two.until("message")
        await two.send(type="mute", seq=1, muted=True)
        assert "muted" in (await one.until("room"))["room"]["why_not"]
        await one.say("Still here?")
        assert "muted" in (await one.until("error"))["error"]
        await two.send(type="remove", seq=1)
        assert (await one.until("changed"))["deleted"]
        await two.send(type="report", seq=1, reason="x")
        assert "no such message" in (await two.until("error"))["error"]


async def test_a_socket_closes_when_its_person_logs_out(alice, charlie):
    client = Client()
    await in_database(client.force_login)(alice)
    cookie = (b"cookie", f"sessionid={client.cookies[settings.SESSION_COOKIE_NAME].value}".encode())
    async with talker("pizza", headers=[cookie]) as one:
        await one.welcome()
        await in_database(client.logout)()
        await one.say("I am gone")
        assert await one.closed_with() == 4401
    assert not await Message.objects.aexists()


async def test_a_room_that_is_gone_closes(alice, monkeypatch):
    monkeypatch.setattr(PeriodicCheck, "every_seconds", 0.1)
    async with talker("pizza", alice) as one:
        await one.welcome()
        await Room.objects.all().adelete()
        assert await one.closed_with() == 4404


async def test_the_number_of_new_rooms_is_limited(alice, monkeypatch):
    monkeypatch.setitem(limits.LIMITS, "room", limits.Limit(1, limits.QUARTER))
    async with talker("one", alice) as one:
        await one.welcome()
    async with talker("two", alice) as two:
        assert "many new rooms" in (await two.until("error"))["error"]
        assert await two.closed_with() == 4404
    async with talker("one", alice) as one:  # it exists
        await one.welcome()
    assert await Room.objects.acount() == 1
