"""Identification on sockets: the three ways in, what is refused, and how a socket ends with its session or right."""

import asyncio
import json
import subprocess
import sys
import threading
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from accounts import limits, tokens
from accounts.models import Token
from accounts.whose import whose
from chat.models import Message
from home import live
from home.models import Order
from kitchen import flow
from kitchen.board import consumers
from kitchen.models import Shop, Station
from pizzaProj.asgi import application
from pizzaProj.tests.test_stack import environment, free_port
from realtime import identities, revalidation, seldom, sockets
from realtime.broadcast import broadcaster
from realtime.identities import Credential, read_all
from realtime.refused import Refused
from telemetry import trace

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("valkey", "cooked"),
]
OURS = (b"origin", b"http://localhost")
FOREIGN = (b"origin", b"http://evil.example")
PATIENCE_SECONDS = 20  # with a machine that has much else to do
KINDS = ["one order", "a list", "the board"]
in_database = sync_to_async


def session_of(user):
    client = Client()
    client.force_login(user)
    return client, cookie(client)


def cookie(client):
    return (b"cookie", f"sessionid={client.cookies[settings.SESSION_COOKIE_NAME].value}".encode())


def header(key):
    return (b"authorization", f"Token {key}".encode())


@asynccontextmanager
async def open_socket(path, *headers, address="192.0.2.1"):
    socket = WebsocketCommunicator(application, path, headers=headers)
    socket.scope["client"] = [address, 4000]
    assert (await socket.connect(timeout=5))[0]
    yield socket
    await socket.disconnect()
    await get_channel_layer().flush()


async def receive(socket):
    return json.loads(await socket.receive_from(timeout=PATIENCE_SECONDS))


async def closed_with(socket):
    """Return the close code, after reading everything that was sent before it."""
    while (message := await socket.receive_output(timeout=PATIENCE_SECONDS))["type"] != "websocket.close":
        pass
    return message["code"]


async def is_silent(*sockets, seconds=0.2):
    return all(await asyncio.gather(*(socket.receive_nothing(timeout=seconds) for socket in sockets)))


async def authenticate(socket, key):
    await socket.send_json_to({"type": "authenticate", "token": key})
    return await receive(socket)


async def sees_staff(socket, kind):
    """Return whether a newly opened socket treats its person as staff. (The board lets nobody else in.)"""
    if kind == "the board":
        return "board" in await receive(socket)
    if kind == "one order":
        assert (await receive(socket))["status"] == "connected"
    return await is_obeyed(socket, kind)


async def is_obeyed(socket, kind):
    """Return whether a socket that has been open for a while treats its person as staff."""
    if kind == "one order":
        await socket.send_json_to({"action": "override", "stage": "fried"})
        return "Only staff" not in (await receive(socket))["error"]
    new, watched = "z" * 20, "y" * 20
    for watch in ([watched], "rubbish"):
        await socket.send_json_to({"watch": watch})
    assert "error" in await receive(socket)  # so the first watch was handled before
    live.announce(Order(order_id=new, seq=1), is_new=True)
    live.announce(Order(order_id=watched, seq=2))  # everyone hears this one, so there is no need to wait for silence
    heard = (await receive(socket))["payload"]["order_id"]
    return heard == new and (await receive(socket))["payload"]["order_id"] == watched


async def test_each_frame_is_a_click_of_its_own(paths, key, monkeypatch):
    seen = []

    def override(order_id, stage, user):
        seen.append(trace.present())
        raise Refused("Not now.")

    monkeypatch.setattr("home.consumers.override", sync_to_async(override))
    async with open_socket(paths["one order"], header(key)) as socket:
        await receive(socket)
        for _ in range(2):
            await socket.send_json_to({"action": "override", "stage": "baked"})
            assert (await receive(socket))["error"] == "Not now."
    first, second = (trace.checked(one.request) for one in seen)
    assert first and second and first != second


@pytest.fixture
def order(small_kitchen, place, alice):
    order = place(user=alice)
    broadcaster.flush()
    return order


@pytest.fixture
def paths(order):
    return dict(zip(KINDS, (f"/ws/pizza/{order.order_id}/", "/ws/orders/", "/ws/kitchen/"), strict=True))


@pytest.fixture
def key(bob):
    return tokens.make(bob, "a script")


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Let no slow machine be told that a token is missing before the test has sent it."""
    monkeypatch.setattr(sockets, "AUTHENTICATE_GRACE_SECONDS", 60)


@pytest.fixture
def soon(monkeypatch):
    """Revalidate often."""
    monkeypatch.setattr(revalidation.Revalidator, "every_seconds", 0.1)


@pytest.fixture
def never(monkeypatch):
    """Make sure that no periodic check and no time limit ends a socket, so that each end is immediate."""
    monkeypatch.setattr(revalidation.Revalidator, "every_seconds", 60)
    monkeypatch.setattr(sockets, "AUTHENTICATE_SECONDS", 60)


# Three ways in


async def test_a_session_a_token_and_a_message_open_every_socket(paths, alice, bob, key, never):
    (_, bobs), (_, alices) = await in_database(session_of)(bob), await in_database(session_of)(alice)
    in_the_handshake = [
        [OURS, bobs],
        [header(key)],
        [header(key), FOREIGN],
        [header(key), OURS, alices],  # the token counts, not the cookie
        [(b"authorization", f"token  {key} ".encode())],
    ]
    for kind, path in paths.items():
        for headers in in_the_handshake:
            async with open_socket(path, *headers) as socket:
                assert await sees_staff(socket, kind), headers
        for headers in ([], [alices]):
            async with open_socket(path, *headers) as socket:
                first = await receive(socket) if kind == "one order" else {}
                answer = await authenticate(socket, key)
                assert (answer["type"], answer["username"]) == ("authenticated", "bob")
                if kind == "one order":  # on which each frame has the payload
                    assert answer["payload"] == first["payload"]
                    assert await is_obeyed(socket, kind), headers
                else:
                    assert await sees_staff(socket, kind), headers


async def test_what_anyone_may_read_anyone_may_watch_at_once(paths, order, alice, never):
    """A plain client has no Origin and no cookie; with a cookie it is a visitor all the same."""
    _, alices = await in_database(session_of)(alice)
    for headers in ([], [alices]):
        async with open_socket(paths["one order"], *headers) as socket:
            assert await receive(socket) == {"status": "connected", "payload": await in_database(order.payload)()}
        async with open_socket(paths["a list"], *headers) as socket:
            assert not await is_obeyed(socket, "a list")


async def test_a_plain_client_is_told_at_once_that_it_needs_a_log_in(paths, key, monkeypatch):
    """It can still send its token, as long as it is waited for. A page learns it from the close code."""
    monkeypatch.setattr(sockets, "AUTHENTICATE_GRACE_SECONDS", 0.1)
    async with open_socket(paths["the board"]) as socket:
        assert await receive(socket) == {"type": "error", "error": sockets.NO_LOG_IN}
        assert (await authenticate(socket, key))["username"] == "bob"
        assert await sees_staff(socket, "the board")
    async with open_socket(paths["the board"]) as socket:
        await socket.send_json_to({"action": "rush"})
        assert await receive(socket) == {"type": "error", "error": sockets.NO_LOG_IN}
        assert await socket.receive_output(timeout=5) == {"type": "websocket.close", "code": 4401}
    async with open_socket(paths["the board"], OURS) as socket:
        await socket.send_json_to({"type": "heartbeat"})
        assert await socket.receive_output(timeout=5) == {"type": "websocket.close", "code": 4401}


async def test_only_staff_see_the_board(paths, alice):
    _, alices = await in_database(session_of)(alice)
    alices_key = await in_database(tokens.make)(alice, "a script")
    for headers in ([OURS, alices], [header(alices_key)]):
        async with open_socket(paths["the board"], *headers) as socket:
            assert (await socket.receive_output(timeout=5))["code"] == 4403
    async with open_socket(paths["the board"]) as socket:
        assert (await authenticate(socket, alices_key))["username"] == "alice"
        assert (await socket.receive_output(timeout=5))["code"] == 4403


@pytest.mark.database  # PostgreSQL takes no NUL
async def test_a_page_without_a_log_in_is_a_visitors_and_can_still_authenticate(paths, key, never):
    for kind in KINDS[:2]:
        async with open_socket(paths[kind], OURS) as socket:
            assert not await sees_staff(socket, kind)
        async with open_socket(paths[kind], OURS, (b"cookie", b"sessionid=\x00' OR 1=1")) as socket:
            assert not await sees_staff(socket, kind)
        async with open_socket(paths[kind], OURS) as socket:
            first = await receive(socket) if kind == "one order" else {}
            answer = await authenticate(socket, key)
            assert (answer["type"], answer["username"]) == ("authenticated", "bob")
            assert answer.get("payload") == first.get("payload")
            assert await is_obeyed(socket, kind)
    async with open_socket(paths["the board"], OURS) as socket:
        assert (await authenticate(socket, key))["username"] == "bob"
        assert await sees_staff(socket, "the board")


async def test_a_visitor_who_watches_is_never_looked_up(paths, monkeypatch):
    monkeypatch.setattr(identities, "read_all", None)
    for kind in KINDS[:2]:
        async with open_socket(paths[kind], OURS) as socket:
            assert not await sees_staff(socket, kind)
    assert revalidation.revalidator.task is None


async def test_only_the_first_message_can_authenticate(paths, key):
    async with open_socket(paths["one order"], OURS) as socket:
        await receive(socket)
        await socket.send_json_to({"action": "eat"})
        assert "Unknown action" in (await receive(socket))["error"]
        assert "Unknown action" in (await authenticate(socket, key))["error"]
        assert not await is_obeyed(socket, "one order")


# What is refused


async def test_a_foreign_page_is_refused_at_the_handshake(paths, bob):
    _, bobs = await in_database(session_of)(bob)
    foreign = [b"http://evil.example", b"null", b"", b"http://[", b"http://localhost.evil.example"]
    for origin in foreign:
        for headers in ([], [bobs], [(b"authorization", b"Basic Ym9iOm92ZW4=")]):
            for path in paths.values():
                socket = WebsocketCommunicator(application, path, headers=[(b"origin", origin), *headers])
                assert not (await socket.connect(timeout=5))[0], origin


async def test_a_page_is_ours_if_it_comes_from_the_host_that_is_asked(paths, settings):
    settings.ALLOWED_HOSTS = ["*"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://shop.example", "https://*.pizza.example"]
    validator = sockets.OwnOriginValidator(application.application_mapping["websocket"].application)
    for origin, host, is_let_in in [
        ("http://localhost", "localhost", True),
        ("http://localhost:8000", "localhost:8000", True),
        ("http://localhost:9999", "localhost:8000", False),  # another local program, which gets the cookie too
        ("http://evil.example", "localhost:8000", False),
        ("https://shop.example", "web:8000", True),  # a proxy that changes the Host
        ("https://till.pizza.example", "web:8000", True),
        ("http://shop.example", "web:8000", False),
    ]:
        headers = [(b"origin", origin.encode()), (b"host", host.encode())]
        socket = WebsocketCommunicator(validator, paths["one order"], headers=headers)
        assert (await socket.connect(timeout=5))[0] is is_let_in, origin
        await socket.disconnect()


async def test_a_socket_with_a_bad_token_is_accepted_then_closed(paths, bob, key, never):
    @in_database
    def bad_keys():
        expired = tokens.make(bob, "expired", timezone.now() - timedelta(seconds=1))
        revoked = tokens.make(bob, "revoked")
        tokens.revoke(bob, Token.objects.get(name="revoked").pk)
        gone = User.objects.create_user("gone", is_active=False)
        return ["", "fv_nonsense", key[:-1], "é" * 46, "fv_" + "x" * 200, expired, revoked, tokens.make(gone, "gone")]

    _, bobs = await in_database(session_of)(bob)
    for bad in await bad_keys():
        for path in paths.values():
            async with open_socket(path, header(bad), OURS, bobs) as socket:
                assert (await socket.receive_output(timeout=5))["code"] == 4401, bad


async def test_nothing_is_sent_or_obeyed_before_a_script_has_authenticated(paths, order, place, bob, valkey, never):
    _, bobs = await in_database(session_of)(bob)
    async with AsyncExitStack() as stack:
        board = await stack.enter_async_context(open_socket(paths["the board"], bobs))
        assert valkey.client.pubsub_channels("*__group__*") == []
        await in_database(flow.override)(order.pk, "baking", by=bob)
        await in_database(place)()
        assert await is_silent(board)
        await board.send_json_to({"action": "override", "order_id": order.order_id, "seq": 2, "stage": "baked"})
        assert await closed_with(board) == 4401
    await in_database(order.refresh_from_db)()
    assert order.stage == "baking"


async def test_a_wrong_first_message_ends_it_at_once(paths, order, key, valkey, never):
    wrong = [
        "{",
        "[]",
        '"authenticate"',
        "{}",
        "[" * 9000,
        json.dumps({"type": "authenticate"}),
        json.dumps({"type": "authenticate", "token": [key]}),
        json.dumps({"type": "authenticate", "token": "fv_\ud800"}),
        json.dumps({"type": "authenticate", "token": key[:-1]}),
        json.dumps({"type": "authenticate", "token": key, "padding": "x" * 10_000}),
        json.dumps({"type": "login", "token": key}),
        json.dumps({"token": key}),
        json.dumps({"watch": [order.order_id]}),
        json.dumps({"action": "override", "stage": "baking"}),
    ]
    for text in wrong:
        async with open_socket(paths["the board"]) as socket:
            await socket.send_to(text_data=text)
            await socket.send_json_to({"type": "authenticate", "token": key})  # there is no second try
            assert await closed_with(socket) == 4401, text
            assert await is_silent(socket, seconds=0.01)
            assert valkey.client.pubsub_channels("*__group__*") == []
    async with open_socket(paths["the board"]) as socket:
        await socket.send_to(bytes_data=key.encode())
        assert await closed_with(socket) == 4401
    async with open_socket(paths["a list"], OURS) as socket:  # a visitor's
        await socket.send_json_to({"type": "authenticate", "token": "fv_nonsense"})
        assert (await socket.receive_output(timeout=5))["code"] == 4401


async def test_a_silent_socket_is_closed(paths, bob, monkeypatch):
    assert sockets.AUTHENTICATE_SECONDS == 5
    monkeypatch.setattr(sockets, "AUTHENTICATE_SECONDS", 0.1)
    _, bobs = await in_database(session_of)(bob)
    for headers in ([], [OURS], [bobs]):
        async with open_socket(paths["the board"], *headers) as socket:
            assert await closed_with(socket) == 4401


async def test_an_authenticated_socket_can_stay_silent(paths, key, monkeypatch):
    monkeypatch.setattr(sockets, "AUTHENTICATE_SECONDS", 0.5)
    async with open_socket("/ws/inbox/") as socket:
        await authenticate(socket, key)
        assert (await receive(socket))["type"] == "inbox"
        assert await is_silent(socket, seconds=0.7)
        await socket.send_json_to({"type": "eat"})
        assert "Unknown type" in (await receive(socket))["error"]


async def test_a_token_in_the_address_is_ignored(paths, key, monkeypatch):
    monkeypatch.setattr(sockets, "AUTHENTICATE_SECONDS", 0.1)
    for kind, path in paths.items():
        for headers in ([], [OURS]):
            async with open_socket(f"{path}?token={key}&authorization=Token%20{key}", *headers) as socket:
                if kind == "the board":
                    assert await closed_with(socket) == 4401
                else:
                    assert not await sees_staff(socket, kind)


async def test_attempts_with_wrong_tokens_are_limited(paths, key, monkeypatch):
    monkeypatch.setitem(limits.LIMITS, "token", limits.Limit(2, limits.QUARTER))
    for bad, code in (("fv_a", 4401), ("fv_b", 4401), ("fv_c", 4429), (key, 4429)):
        async with open_socket(paths["a list"], header(bad)) as socket:
            assert (await socket.receive_output(timeout=5))["code"] == code
    async with open_socket(paths["a list"]) as socket:
        await socket.send_json_to({"type": "authenticate", "token": key})
        assert (await socket.receive_output(timeout=5))["code"] == 4429
    async with open_socket(paths["one order"], header(key), address="192.0.2.2") as socket:
        assert await sees_staff(socket, "one order")


# The end


def log_out(client, user):
    client.logout()


def change_the_password(client, user):
    user.set_password("another oven 3")
    user.save()


def let_the_session_expire(client, user):
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))


def deactivate(client, user):
    User.objects.filter(pk=user.pk).update(is_active=False)


def delete(client, user):
    user.delete()


def revoke(client, user):
    assert tokens.revoke(user, user.tokens.get().pk)


def let_the_token_expire(client, user):
    Token.objects.filter(user=user).update(expires_at=timezone.now() - timedelta(seconds=1))


BOTH, BY_SESSION, BY_TOKEN = ("session", "token"), ("session",), ("token",)


@pytest.mark.parametrize(
    ("event", "ended"),
    [
        (log_out, BY_SESSION),
        (change_the_password, BY_SESSION),
        (let_the_session_expire, BY_SESSION),
        (revoke, BY_TOKEN),
        (let_the_token_expire, BY_TOKEN),
        (deactivate, BOTH),
        (delete, BOTH),
    ],
)
async def test_sockets_end_with_their_session_or_token(paths, place, bob, charlie, key, soon, event, ended):
    client, bobs = await in_database(session_of)(bob)
    charlies_key = await in_database(tokens.make)(charlie, "stays")
    async with AsyncExitStack() as stack:
        open_sockets = {"session": [], "token": [], "other": []}

        async def enter(way, path, *headers):
            socket = await stack.enter_async_context(open_socket(path, *headers))
            open_sockets[way].append(socket)
            return socket

        for path in paths.values():
            await enter("session", path, OURS, bobs)
            await enter("token", path, header(key))
        await authenticate(await enter("token", paths["a list"]), key)
        visitor = await enter("token", paths["one order"], OURS)
        await receive(visitor)
        await authenticate(visitor, key)
        await enter("other", paths["one order"], header(charlies_key))
        await enter("other", paths["one order"], OURS)

        await in_database(event)(client, bob)
        for way in ended:
            assert set(await asyncio.gather(*map(closed_with, open_sockets[way]))) == {4401}

        await in_database(place)()  # only open sockets are allowed to hear of it
        gone = [socket for way in ended for socket in open_sockets[way]]
        assert await is_silent(*gone)
        for socket in open_sockets["other"]:
            await receive(socket)
            assert not await is_obeyed(socket, "one order")
        for socket in [socket for way in {*BOTH} - {*ended} for socket in open_sockets[way]]:
            await socket.send_json_to({"action": "eat"})
            while "error" not in await receive(socket):
                pass


async def test_a_person_who_acts_is_checked_at_once(paths, order, bob, never):
    client, bobs = await in_database(session_of)(bob)
    async with open_socket(paths["one order"], OURS, bobs) as socket:
        await receive(socket)
        await in_database(client.logout)()
        await socket.send_json_to({"action": "override", "stage": "baked"})
        assert await closed_with(socket) == 4401
        await socket.send_json_to({"action": "override", "stage": "baked"})
        assert await is_silent(socket)
    await in_database(order.refresh_from_db)()
    assert order.stage == "received"


async def test_rights_are_checked_again(paths, place, bob, key, valkey, never):
    """Run each check by hand, so that the test knows when it is over."""

    async def set_staff(is_staff):
        await User.objects.filter(pk=bob.pk).aupdate(is_staff=is_staff)
        await revalidation.revalidator.check()

    async with (
        open_socket(paths["a list"], header(key)) as a_list,
        open_socket(paths["the board"], header(key)) as board,
    ):
        assert await sees_staff(a_list, "a list")
        assert valkey.client.pubsub_channels(f"*__group__*{live.NEW_ORDERS}") != []
        await set_staff(False)
        assert await closed_with(board) == 4403
        assert valkey.client.pubsub_channels(f"*__group__*{live.NEW_ORDERS}") == []
        await in_database(place)()
        assert await is_silent(a_list, board)
        await set_staff(True)
        again = await in_database(place)()
        assert (await receive(a_list))["payload"]["order_id"] == again.order_id


async def test_with_the_database_away_no_socket_is_closed_and_the_next_check_runs(
    paths, order, bob, soon, monkeypatch, caplog
):
    client, bobs = await in_database(session_of)(bob)
    rounds = []

    def read(shown):
        rounds.append(shown)
        if len(rounds) < 3:
            raise OperationalError("away")
        return read_all(shown)

    async with open_socket(paths["one order"], OURS, bobs) as socket:
        assert await sees_staff(socket, "one order")
        monkeypatch.setattr(revalidation, "read_all", read)
        await in_database(client.logout)()
        assert await closed_with(socket) == 4401
    assert len(rounds) >= 3
    assert caplog.messages.count("Revalidator could not check its sockets: away") == 2


async def test_with_the_database_away_a_new_socket_is_told_to_try_again(paths, bob, key, monkeypatch):
    def away(*_):
        raise OperationalError("away")

    _, bobs = await in_database(session_of)(bob)
    monkeypatch.setattr(identities, "read_all", away)
    monkeypatch.setattr(tokens, "user_and_token", away)
    for headers in ([OURS, bobs], [header(key)]):
        async with open_socket(paths["the board"], *headers) as socket:
            assert (await socket.receive_output(timeout=5))["code"] == 4503


async def test_sockets_that_open_at_once_are_identified_together_and_each_as_its_own(
    paths, alice, bob, charlie, monkeypatch
):
    (_, bobs), (_, alices), (client, charlies) = [await in_database(session_of)(one) for one in (bob, alice, charlie)]
    await in_database(client.logout)()
    reads = []
    monkeypatch.setattr(identities, "read_all", lambda shown: reads.append(len(shown)) or read_all(shown))
    monkeypatch.setattr(sockets, "AUTHENTICATE_SECONDS", 0.1)
    people = [bobs, alices, charlies] * 5
    together = [WebsocketCommunicator(application, paths["the board"], headers=[OURS, one]) for one in people]
    await asyncio.gather(*(socket.connect(timeout=5) for socket in together))
    found = await asyncio.gather(*(socket.receive_output(timeout=5) for socket in together))
    assert [one.get("code", "opened") for one in found] == ["opened", 4403, 4401] * 5
    assert len(reads) < len(people) / 2
    for socket in together:
        await socket.disconnect()
    await get_channel_layer().flush()


async def test_a_question_that_fails_ends_its_own_socket_alone(paths, bob, monkeypatch):
    _, bobs = await in_database(session_of)(bob)
    calls = []

    def fail_once(self, user):
        calls.append(user)
        if len(calls) == 1:
            raise ZeroDivisionError
        return True

    monkeypatch.setattr(consumers.KitchenBoard, "may_stay", fail_once)
    together = [WebsocketCommunicator(application, paths["the board"], headers=[OURS, bobs]) for _ in range(3)]
    await asyncio.gather(*(socket.connect(timeout=5) for socket in together))
    found = await asyncio.gather(*(socket.receive_output(timeout=5) for socket in together), return_exceptions=True)
    assert sorted(type(one).__name__ for one in found) == ["ZeroDivisionError", "dict", "dict"]
    for socket, answer in zip(together, found, strict=True):
        if isinstance(answer, dict):
            await socket.disconnect()
    await get_channel_layer().flush()


async def test_a_shop_without_its_row_closes_boards_and_says_so(paths, bob, monkeypatch):
    def gone():
        raise Shop.DoesNotExist

    _, bobs = await in_database(session_of)(bob)
    async with open_socket(paths["the board"], OURS, bobs) as board:
        assert "board" in await receive(board)
        monkeypatch.setattr(Shop.objects, "get", gone)
        monkeypatch.setattr(Station.objects, "select_related", lambda _: [])  # what a join with no row finds
        await board.send_json_to({"action": "shop", "is_open": False})
        assert (await receive(board))["error"] == "The kitchen is incomplete: the shop's settings are gone."
        async with open_socket(paths["the board"], OURS, bobs) as socket:
            assert "settings are gone" in (await receive(socket))["error"]
            assert (await socket.receive_output(timeout=5))["code"] == 4503


async def test_a_socket_that_waits_for_too_long_is_told_to_try_again(paths, bob, key, monkeypatch):
    may_end = threading.Event()
    _, bobs = await in_database(session_of)(bob)
    monkeypatch.setattr(sockets, "ANSWER_SECONDS", 0.3)
    async with open_socket(paths["one order"], header(key)) as connected:
        assert await receive(connected)
        for hangs, name in ((identities, "read_all"), (tokens, "user_and_token")):
            monkeypatch.setattr(hangs, name, lambda *_: may_end.wait(10))
        try:
            for headers in ([OURS, bobs], [header(key)]):
                async with open_socket(paths["the board"], *headers) as socket:
                    assert await closed_with(socket) == 4503
            await connected.send_json_to({"action": "override", "stage": "baking"})
            assert await closed_with(connected) == 4503
        finally:
            may_end.set()


async def test_an_event_that_cannot_be_read_closes_the_socket_with_a_reason(paths, bob, monkeypatch, caplog):
    async def away(*_):
        raise OperationalError("away")

    _, bobs = await in_database(session_of)(bob)
    monkeypatch.setattr(sockets.closed, "said_at", None)
    monkeypatch.setattr(sockets.closed, "unsaid", 0)
    monkeypatch.setattr(seldom, "monotonic", lambda: 100.0)
    async with (
        open_socket(paths["the board"], OURS, bobs) as one,
        open_socket(paths["the board"], OURS, bobs) as other,
    ):
        assert all(["board" in await receive(socket) for socket in (one, other)])
        monkeypatch.setattr(consumers, "read_changes", away)
        await in_database(live.announce_kitchen)()
        assert [await closed_with(socket) for socket in (one, other)] == [4503, 4503]
    assert [line for line in caplog.messages if "Sockets asked" in line] == [
        "Sockets asked to come back: 1. The reason: away"
    ]


@pytest.mark.database
def test_one_check_is_three_queries_however_many_sockets(alice, bob, charlie, django_assert_num_queries):
    people, shown = [alice, bob, charlie], []
    for n in range(20):
        user = people[n % 3]
        tokens.make(user, f"number {n}")
        token = Token.objects.latest("pk")
        client, _ = session_of(user)
        shown += [Credential(session_key=client.session.session_key), Credential(token_pk=token.pk, owner_pk=user.pk)]
    with django_assert_num_queries(3):
        people_found = read_all(shown)
    expected = [people[n // 2 % 3] for n in range(40)]
    assert [people_found[one].user for one in shown] == expected
    with django_assert_num_queries(2):
        read_all(shown[::2])


# In Daphne, with a third-party client


@contextmanager
def daphne():
    """Start a web process on the tests' database and Valkey, and yield its host and port."""
    database = connection.settings_dict
    assert connection.vendor == "sqlite"
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "pizzaProj.asgi:application"],
        env=environment(settings.DATA_DIR, DATABASE_URL=f"sqlite:///{database['NAME']}"),
        cwd=settings.BASE_DIR,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert any("Listening on TCP" in line for line in process.stderr)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


async def close_code(socket):
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await asyncio.wait_for(socket.recv(), 6)
    return closed.value.rcvd.code


@pytest.mark.slow
@pytest.mark.skipif(connection.vendor != "sqlite", reason="the process would need a database of its own")
async def test_in_daphne_too(paths, bob, key):
    client, (_, bobs) = await in_database(session_of)(bob)
    with daphne() as place:
        url, page = f"ws://{place}{paths['one order']}", f"http://{place}"
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, origin="http://evil.example")
        assert refused.value.response.status_code == 403

        async with connect(url, additional_headers={"Authorization": "Token fv_nonsense"}) as socket:
            assert await close_code(socket) == 4401
        async with connect(url, additional_headers={"Authorization": f"Token {key}"}) as socket:
            assert json.loads(await socket.recv())["status"] == "connected"
        async with (
            connect(url) as script,
            connect(url, origin=page, additional_headers={"Cookie": bobs.decode()}) as tab,
        ):
            await script.send(json.dumps({"type": "authenticate", "token": key}))
            for socket in (script, tab):
                assert json.loads(await socket.recv())["status"] == "connected"
            await in_database(client.logout)()
            assert await close_code(tab) == 4401
            await in_database(tokens.revoke)(bob, (await bob.tokens.aget()).pk)
            assert await close_code(script) == 4401


# Whose page it is


@pytest.mark.parametrize("path", ["/ws/chat/lobby/", "/ws/notices/", "/ws/kitchen/", "/ws/inbox/"])
async def test_a_page_of_somebody_else_is_closed_before_it_is_obeyed(alice, bob, path):
    _, bobs = await in_database(session_of)(bob)
    async with open_socket(f"{path}?as={whose(alice)}", OURS, bobs) as socket:
        await socket.send_json_to({"message": "Only for my friends"})
        said = "You are now logged in as bob in another tab. Reload this page to go on."
        assert await receive(socket) == {"type": "error", "error": said}
        assert await closed_with(socket) == 4409
    async with open_socket(f"{path}?as={whose(bob)}", OURS, bobs) as socket:
        assert "error" not in await receive(socket)
    assert not await in_database(Message.objects.exists)()


async def test_a_page_of_a_member_does_not_go_on_as_a_visitor(alice):
    for headers in ([OURS], [OURS, (b"cookie", b"sessionid=forgotten")]):
        async with open_socket(f"/ws/chat/lobby/?username=Eve&as={whose(alice)}", *headers) as socket:
            said = {"type": "error", "error": "You have been logged out. Log in again to go on."}
            assert await receive(socket) == said
            assert await closed_with(socket) == 4409
    async with open_socket(f"/ws/chat/lobby/?username=Eve&as={whose(AnonymousUser())}", OURS) as socket:
        assert (await receive(socket))["type"] == "welcome"
