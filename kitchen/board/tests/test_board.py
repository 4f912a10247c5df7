"""The board: who can see it, what it shows, what staff can do on it, and what it is told when that can't be done."""

import json
import re
import threading
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from home import live
from home.models import Order
from kitchen import flow
from kitchen.board import actions, snapshot
from kitchen.models import Shop, Station
from pizzaProj.asgi import application
from realtime import broadcast
from realtime.broadcast import broadcaster
from realtime.periodic import PeriodicCheck

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("valkey", "cooked", "small_kitchen"),
]
in_database = sync_to_async


def cookie_of(user):
    client = Client()
    client.force_login(user)
    return client, (b"cookie", f"sessionid={client.cookies[settings.SESSION_COOKIE_NAME].value}".encode())


@pytest.fixture(autouse=True)
def no_help_from_the_database(monkeypatch):
    """Switch off the resync of sockets (home.reconcile), which would hide a loss."""
    monkeypatch.setattr(PeriodicCheck, "every_seconds", 60)


@asynccontextmanager
async def open_socket(*headers):
    socket = WebsocketCommunicator(application, "/ws/kitchen/", headers=[(b"origin", b"http://localhost"), *headers])
    connected, _ = await socket.connect(timeout=5)
    assert connected
    yield socket
    await socket.disconnect()
    await get_channel_layer().flush()


@asynccontextmanager
async def board_of(user):
    """Yield the socket of a person with the right to it, and its first frame."""
    _, cookie = await in_database(cookie_of)(user)
    async with open_socket(cookie) as socket:
        yield socket, await receive(socket)


async def receive(socket):
    return json.loads(await socket.receive_from(timeout=5))


async def until(socket, key):
    """Return the next frame that has the key."""
    while key not in (frame := await receive(socket)):
        pass
    return frame


async def ask(socket, action, **more):
    """Send an action and return the answer to it."""
    await socket.send_json_to({"action": action, **more})
    while not {"done", "error"} & (frame := await receive(socket)).keys():
        pass
    return frame


@sync_to_async
def fresh(order):
    return Order.objects.get(pk=order.pk)


@sync_to_async
def act(verb, order, *args, **kwargs):
    return verb(order.pk, *args, **kwargs)


@pytest.fixture
def order(timeless, place):
    order = place()
    broadcaster.flush()
    return order


# Who can see it


def test_visitors_are_sent_to_the_log_in_and_customers_away(client, alice):
    assert client.get("/kitchen/").headers["Location"] == "/log-in/?next=/kitchen/"
    client.force_login(alice)
    assert client.get("/kitchen/").status_code == 403
    assert "/kitchen/" not in client.get("/").content.decode()


def test_staff_see_a_column_for_each_station_and_find_the_way(client, bob):
    client.force_login(bob)
    page = client.get("/kitchen/").content.decode()
    for station in Station.objects.all():
        assert f'data-stage="{station.stage}"' in page and station.name in page
    assert 'href="/kitchen/"' in client.get("/").content.decode()
    assert client.post("/kitchen/").status_code == 405


async def test_the_socket_is_for_staff(alice):
    _, cookie = await in_database(cookie_of)(alice)
    async with open_socket(cookie) as socket:
        assert await socket.receive_output(timeout=5) == {"type": "websocket.close", "code": 4403}


ACTIONS = {
    "shop": {"is_open": False},
    "station": {"stage": "baking", "places": 9},
    "rush": {},
    "override": {"stage": "baked"},
}
WITHOUT = {"shop": "change how the shop runs", "station": "change a station"}  # what a refusal says


def staff_with(*codenames):
    user = User.objects.create_user("nora", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


def what_is_there():
    shop, oven = Shop.objects.get(), Station.objects.get(stage="baking")
    return shop.is_open, oven.capacity, list(Order.objects.values_list("seq", "stage"))


async def test_staff_without_a_permission_see_no_board(client):
    nora = await in_database(staff_with)()
    async with open_socket((await in_database(cookie_of)(nora))[1]) as socket:
        assert await socket.receive_output(timeout=5) == {"type": "websocket.close", "code": 4403}
    await in_database(client.force_login)(nora)
    answer = await in_database(client.get)("/kitchen/")
    assert answer.status_code == 403
    assert "Your account can’t see everybody’s orders. Whoever runs the shop can allow it" in answer.content.decode()


async def test_who_sees_the_board_changes_nothing_with_that(order):
    nora, before = await in_database(staff_with)("view_order"), await in_database(what_is_there)()
    async with board_of(nora) as (socket, _):
        for action, more in ACTIONS.items():
            refused = await ask(socket, action, **more, order_id=order.order_id, seq=1)
            assert f"Your account can’t {WITHOUT.get(action, 'move an order')}." in refused["error"]
    assert await in_database(what_is_there)() == before


@pytest.mark.parametrize(
    ("codename", "allowed"),
    [("change_order", ["rush", "override"]), ("change_station", ["station"]), ("change_shop", ["shop"])],
)
async def test_each_permission_allows_its_own_actions(order, codename, allowed):
    async with board_of(await in_database(staff_with)("view_order", codename)) as (socket, _):
        answers = {
            action: await ask(socket, action, **more, order_id=order.order_id, seq=1)
            for action, more in ACTIONS.items()
        }
    assert [action for action in answers if "done" in answers[action]] == allowed


@pytest.mark.parametrize(
    ("codenames", "offered"),
    [
        (["view_order"], []),
        (["view_order", "change_order"], ["data-moves"]),
        (["view_order", "change_station"], ["data-sets"]),
        (["view_order", "change_shop"], ["shop"]),
    ],
)
def test_the_page_offers_what_the_account_can_do(client, codenames, offered):
    client.force_login(staff_with(*codenames))
    page = client.get("/kitchen/").content.decode()
    floor = re.search(r'<div class="floor"[^>]*>', page)[0]
    shop = re.search(r'<button [^>]*id="open-shop"[^>]*>', page)[0]
    found = [word for word in ("data-moves", "data-sets") if word in floor] + ["shop"] * ("disabled" not in shop)
    assert found == offered


@pytest.mark.parametrize("loses", ["the session", "the rights", "the permission"])
async def test_an_action_after_losing_access_is_refused(bob, order, loses):
    if loses == "the permission":
        bob = await in_database(staff_with)("change_order")
    client, cookie = await in_database(cookie_of)(bob)
    async with open_socket(cookie) as socket:
        await receive(socket)
        if loses == "the session":
            await in_database(client.logout)()
        elif loses == "the permission":
            await in_database(bob.user_permissions.clear)()
        else:
            bob.is_staff = False
            await bob.asave()
        await socket.send_json_to({"action": "advance", "order_id": order.order_id, "seq": 1})
        closed = {"type": "websocket.close", "code": 4401 if loses == "the session" else 4403}
        assert await socket.receive_output(timeout=5) == closed
    assert (await fresh(order)).seq == 1


# What it shows


async def test_first_comes_the_whole_board(bob, order, place):
    waiting = await in_database(place)(simulated=True)
    gone = await in_database(place)()
    await act(flow.cancel, gone)
    async with board_of(bob) as (_, frame):
        shown = frame["board"]
        assert shown["orders"] == [order.payload(), waiting.payload()]
        assert [(one["state"], one["simulated"]) for one in shown["orders"]] == [
            ("working", False),
            ("waiting", True),
        ]
        assert [one["order_id"] for one in shown["lately"]] == [gone.order_id]
        assert shown["stations"][1] == {
            "stage": "baking",
            "name": "Oven",
            "works_on": "item",
            "ends_by": "clock",
            "takes": False,
            "kind": "slots",
            "places": 1,
            "headway_seconds": 60,
            "is_open": True,
            "mean_seconds": 20,
            "per_pizza": False,
            "as_measured": False,
            "measured": None,
            "measured_words": "As set, until enough work has been measured.",
        }
        assert (shown["shop"]["is_open"], shown["shop"]["speed"], shown["shop"]["hands_over"]) == (True, 1, True)
        assert frame["history"]["real"]["in_station"]["received"][-1] == 1
        assert frame["history"]["simulated"]["in_station"]["received"][-1] == 1


@pytest.mark.usefixtures("timeless")
def test_the_queries_of_a_snapshot_do_not_grow_with_the_orders(place):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            snapshot.snapshot()
            snapshot.history(timezone.now())
        return len(captured)

    place()
    queries()  # the stations are remembered from here on
    few = queries()
    for _ in range(5):
        flow.advance(place().pk)
    assert queries() == few <= 8


def test_the_history_goes_back_from_now_minute_by_minute(place):
    now = timezone.now().replace(second=30)

    def ago(minutes):
        return now - timedelta(minutes=minutes)

    def clock(minutes):
        return lambda: ago(minutes)

    first, second, third = place(ago(90)), place(ago(20)), place(ago(5), simulated=True)
    flow.advance(first.pk, clock=clock(10))  # the second begins
    flow.advance(first.pk, clock=clock(8))
    flow.cancel(second.pk, clock=clock(2))

    hour = snapshot.history(now)
    real, simulated = hour["real"], hour["simulated"]
    assert real["in_station"]["received"] == [1] * 39 + [2] * 10 + [1] * 8 + [0] * 3
    assert real["in_station"]["baking"] == [0] * 49 + [1] * 2 + [0] * 9
    assert real["in_station"]["baked"] == [0] * 51 + [1] * 9
    assert simulated["in_station"]["received"] == [0] * 54 + [1] * 6
    assert [minute for minute, n in enumerate(real["placed"]) if n] == [39]
    assert [minute for minute, n in enumerate(simulated["placed"]) if n] == [54]
    assert third.simulated


@contextmanager
def silence():
    """Nothing is told meanwhile, however long it takes."""
    is_over = threading.Event()
    broadcaster.running_loop().call_soon_threadsafe(is_over.wait)
    try:
        yield
    finally:
        is_over.set()


async def test_what_happens_comes_gathered_with_the_newest_state_only(bob, place, monkeypatch):
    await in_database(broadcaster.flush)()  # what tests before have left to be told
    monkeypatch.setattr(broadcast, "GATHER_SECONDS", 3.0)  # longer than four verbs take on a slow machine
    async with board_of(bob) as (socket, _):
        first = await in_database(place)()
        frames, told_at = [await receive(socket)], live.boards.sent_at
        with silence():
            second = await in_database(place)()
            for verb in (flow.rush, flow.hold, flow.resume):  # the second takes the place, the first waits
                await act(verb, first)
        frames.append(await receive(socket))
    seqs = [{one["order_id"]: one["seq"] for one in frame["orders"]} for frame in frames]
    assert seqs == [{first.order_id: 1}, {first.order_id: 4, second.order_id: 2}]
    assert live.boards.sent_at - told_at >= broadcast.GATHER_SECONDS


async def test_a_board_catches_up_with_what_got_lost(bob, order, monkeypatch):
    monkeypatch.setattr(PeriodicCheck, "every_seconds", 0.1)
    async with board_of(bob) as (socket, _):
        with monkeypatch.context() as lost:
            lost.setattr(broadcaster, "send", lambda *_: None)
            await act(flow.rush, order)
            await in_database(flow.change_station)("baking", capacity=7)
            await in_database(broadcaster.flush)()  # what was gathered is lost as well
        shown = await receive(socket)
        shown |= await receive(socket)
        while not {"payload", "stations"} <= shown.keys():
            shown |= await receive(socket)
    assert shown["payload"]["seq"] == 2
    assert shown["stations"][1]["places"] == 7


# What staff do


@pytest.mark.parametrize(
    ("action", "more", "expected"),
    [
        ("advance", {}, ("baking", "working", "done")),
        ("hold", {}, ("received", "held", "held")),
        ("rush", {}, ("received", "working", "rushed")),
        ("cancel", {"reason": "Out of dough"}, ("cancelled", "cancelled", "cancelled")),
        ("override", {"stage": "baked"}, ("baked", "working", "overridden")),
    ],
)
async def test_an_action_is_done_once_answered_and_can_be_undone(bob, order, action, more, expected):
    async with board_of(bob) as (socket, _):
        answer = await ask(socket, action, order_id=order.order_id, seq=1, **more)
        event = await in_database(order.events.select_related("by").get)(seq=2)
        assert (answer["done"], answer["order"]["seq"]) == (action, 3 if action == "advance" else 2)
        assert (answer["order"]["stage"], answer["order"]["state"], event.event) == expected
        assert (event.by, event.reason) == (bob, more.get("reason", ""))

        undone = await ask(socket, "undo", order_id=order.order_id, seq=answer["order"]["seq"])
        assert (undone["order"]["stage"], undone["order"]["state"]) == ("received", "working")
        assert undone["order"]["rushed"] is False
        assert (
            "nothing to undo"
            in (await ask(socket, "undo", order_id=order.order_id, seq=undone["order"]["seq"]))["error"]
        )


async def test_recall_and_resume(bob, order):
    async with board_of(bob) as (socket, _):
        for seq, action, stage in ((1, "advance", "baking"), (3, "recall", "received"), (4, "hold", "received")):
            answer = await ask(socket, action, order_id=order.order_id, seq=seq)
            assert answer["order"]["stage"] == stage
        assert (await ask(socket, "resume", order_id=order.order_id, seq=5))["order"]["state"] == "working"


async def test_an_order_that_begins_through_an_action_gets_a_chain(bob, order, place, cooked):
    waiting = await in_database(place)()
    async with board_of(bob) as (socket, _):
        await ask(socket, "advance", order_id=order.order_id, seq=1)
    assert cooked[-2:] == [(order.pk, 2, "baking"), (waiting.pk, 1, "received")]


async def test_two_bump_the_same_ticket_it_happens_once_and_the_second_is_told(bob, order, django_user_model):
    dora = await in_database(django_user_model.objects.create_user)("dora", is_staff=True, is_superuser=True)
    async with board_of(bob) as (first, _), board_of(dora) as (second, _):
        await ask(first, "advance", order_id=order.order_id, seq=1)
        answer = await ask(second, "advance", order_id=order.order_id, seq=1)
    assert answer["error"] == f"{order.number} has moved on: it is in the oven already."
    assert answer["order"]["stage"] == (await fresh(order)).stage == "baking"
    assert (await fresh(order)).seq == 3


async def test_a_click_is_good_as_long_as_the_stage_is_the_same(bob, order):
    await act(flow.rush, order)
    async with board_of(bob) as (socket, _):
        answer = await ask(socket, "advance", order_id=order.order_id, seq=1)
        assert answer["order"]["stage"] == "baking"


async def test_stations_and_shop_change_for_all_boards(bob, order):
    async with board_of(bob) as (socket, _), board_of(bob) as (other, _):
        for changes in ({"places": 3}, {"is_open": False}, {"mean_seconds": 42.5}, {"headway_seconds": 30}):
            assert await ask(socket, "station", stage="baking", **changes) == {"done": "station"}
            shown = (await until(other, "stations"))["stations"][1]
            assert shown.items() >= changes.items()
        await ask(socket, "shop", is_open=False, demand_per_hour=240, hands_over=False)
        shown = (await until(other, "shop"))["shop"]
        assert (shown["is_open"], shown["demand_per_hour"], shown["hands_over"]) == (False, 240, False)
        await ask(socket, "shop", speed=2)
        frame = await until(other, "shop")
        assert frame["shop"]["speed"] == 2
        shown = await in_database(Order.get_order_detail)(order.order_id)
        assert frame["orders"] == [shown]  # due sooner, and no new seq
    assert not (await in_database(Shop.objects.get)()).is_open


# What can't be done


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"action": "eat"}, "Unknown action"),
        ({}, "Unknown action"),
        ({"action": ["advance"]}, "Unknown action"),
        ({"action": "advance", "seq": 1}, "no such order"),
        ({"action": "advance", "order_id": "z" * 20, "seq": 1}, "no such order"),
        ({"action": "advance", "order_id": {"a": 1}, "seq": 1}, "no such order"),
        ({"action": "advance", "order_id": "OURS"}, "its seq"),
        ({"action": "advance", "order_id": "OURS", "seq": True}, "its seq"),
        ({"action": "advance", "order_id": "OURS", "seq": -1}, "its seq"),
        ({"action": "undo", "order_id": "OURS", "seq": 10**40}, "its seq"),
        ({"action": "undo", "order_id": "OURS", "seq": 1}, "nothing to undo"),
        ({"action": "recall", "order_id": "OURS", "seq": 1}, "can't go back: it is at the first station"),
        ({"action": "station", "stage": "ready", "ends_by": "hand"}, "a setting of the shop"),
        ({"action": "resume", "order_id": "OURS", "seq": 1}, "is not on hold"),
        ({"action": "cancel", "order_id": "OURS", "seq": 1}, "Say why"),
        ({"action": "cancel", "order_id": "OURS", "seq": 1, "reason": " "}, "Say why"),
        ({"action": "cancel", "order_id": "OURS", "seq": 1, "reason": "a\0b"}, "can't be stored"),
        ({"action": "cancel", "order_id": "OURS", "seq": 1, "reason": "\ud800"}, "can't be stored"),
        ({"action": "cancel", "order_id": "OURS", "seq": 1, "reason": "x" * 201}, "in one line"),
        ({"action": "cancel", "order_id": "OURS", "seq": 1, "reason": 7}, "in one line"),
        ({"action": "override", "order_id": "OURS", "seq": 1}, "no stage"),
        ({"action": "override", "order_id": "OURS", "seq": 1, "stage": "cancelled"}, "Say why"),
        ({"action": "override", "order_id": "OURS", "seq": 1, "stage": "fried"}, "no stage “fried”"),
        ({"action": "override", "order_id": "OURS", "seq": 1, "stage": "received"}, "already at"),
        ({"action": "station", "stage": "baking"}, "Say what to change"),
        ({"action": "station", "stage": "delivered", "places": 2}, "There is no station for"),
        ({"action": "station", "stage": ["baking"], "places": 2}, "There is no station for"),
        ({"action": "station", "stage": "baking", "places": 0}, "Places: ensure"),
        ({"action": "station", "stage": "baking", "places": -3}, "Places: ensure"),
        ({"action": "station", "stage": "baking", "places": 2.5}, "whole number"),
        ({"action": "station", "stage": "baking", "places": "many"}, "Enter a number"),
        ({"action": "station", "stage": "baking", "places": 10**400}, "Enter a number"),
        ({"action": "station", "stage": "baking", "places": None}, "Enter a number"),
        ({"action": "station", "stage": "baking", "mean_seconds": -5}, "Mean seconds: ensure"),
        ({"action": "station", "stage": "baking", "mean_seconds": float("nan")}, "not JSON"),
        ({"action": "station", "stage": "baking", "is_open": "perhaps"}, "true or false"),
        ({"action": "station", "stage": "baking", "headway_seconds": -1}, "Time between loadings: ensure"),
        ({"action": "station", "stage": "baking", "headway_seconds": [60]}, "Enter a number"),
        ({"action": "shop"}, "Say what to change"),
        ({"action": "shop", "speed": 0}, "Speed: ensure"),
        ({"action": "shop", "speed": -1, "is_open": False}, "Speed: ensure"),
        ({"action": "shop", "demand_per_hour": -1, "speed": 5}, "Demand per hour: ensure"),
        ({"action": "shop", "speed": "fast"}, "Enter a number"),
        ({"action": "shop", "is_open": 1}, "true or false"),
        ({"action": "shop", "hands_over": "sometimes"}, "true or false"),
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("x" * 10_001, "at most 10000"),
    ],
)
async def test_what_can_not_be_gets_a_sentence_and_changes_nothing(bob, order, message, words):
    def everything():
        return [list(model.objects.values()) for model in (Order, Station, Shop)]

    before = await in_database(everything)()
    text = message if isinstance(message, str) else json.dumps(message).replace("OURS", order.order_id)
    async with board_of(bob) as (socket, _):
        await socket.send_to(text_data=text)
        answer = await receive(socket)
        assert words in answer["error"]
        is_read = "OURS" in str(message) and words != "can't be stored"
        assert answer["order"] == (order.payload() if is_read else None)
    assert await in_database(everything)() == before


async def test_a_delivered_order_can_only_be_brought_back(bob, order):
    await act(flow.override, order, "delivered")
    async with board_of(bob) as (socket, _):
        for action in ("advance", "hold", "rush"):
            answer = await ask(socket, action, order_id=order.order_id, seq=2)
            assert "is delivered already" in answer["error"]
        assert (await ask(socket, "recall", order_id=order.order_id, seq=2))["order"]["stage"] == "out_for_delivery"


async def test_an_order_that_is_deleted_under_the_click_is_said_to_be_none(bob, order, monkeypatch):
    def find(order_id):
        Order.objects.all().delete()
        return order.pk

    async with board_of(bob) as (socket, _):
        monkeypatch.setattr(actions, "find", find)
        answer = await ask(socket, "advance", order_id=order.order_id, seq=1)
    assert answer == {"error": "There is no such order.", "order": None}


async def test_bytes_get_an_answer_too(bob):
    async with board_of(bob) as (socket, _):
        await socket.send_to(bytes_data=b"\x00\xff")
        assert "Send text" in (await receive(socket))["error"]


async def test_a_database_that_is_away_is_said_and_the_socket_lives_on(bob, order, monkeypatch):
    def away(*_args, **_kwargs):
        raise OperationalError("disk I/O error")

    async with board_of(bob) as (socket, _):
        with monkeypatch.context() as broken:
            broken.setitem(actions.VERBS, "advance", away)
            answer = await ask(socket, "advance", order_id=order.order_id, seq=1)
            assert answer["error"] == "The kitchen could not be reached. Nothing was changed; please try again."
        assert (await ask(socket, "advance", order_id=order.order_id, seq=1))["done"] == "advance"


# One pizza of several


@pytest.fixture
def three(place, margherita, diavola):
    """An order of three pizzas to collect, the first of which is being made."""
    order = place(items=[(margherita, 2), (diavola, 1)], way="carry_out")
    broadcaster.flush()
    return order


def pizzas(answer):
    return [(item["stage"], item["state"]) for item in answer["order"]["items"]]


WAITS = ("received", "waiting")


async def test_a_pizza_is_done_by_itself_and_that_can_be_undone(bob, three):
    async with board_of(bob) as (socket, _):
        about = {"order_id": three.order_id, "item": 1}
        answer = await ask(socket, "advance", seq=three.seq, **about)
        assert (answer["done"], answer["item"]) == ("advance", 1)
        assert pizzas(answer) == [("baking", "working"), ("received", "working"), WAITS]
        assert answer["order"]["words"] == "1 of 3 in the oven"
        undone = await ask(socket, "undo", order_id=three.order_id, seq=answer["order"]["seq"])
        assert pizzas(undone)[0] == WAITS  # in its old turn: the next has its place


async def test_at_two_stations_done_ends_what_is_under_way_at_the_orders_stage(bob, three):
    await in_database(flow.change_station)("received", capacity=2)
    async with board_of(bob) as (socket, _):
        about = {"order_id": three.order_id}
        first = await ask(socket, "advance", seq=three.seq + 1, item=1, **about)  # the second has begun beside it
        assert pizzas(first) == [("baking", "working"), ("received", "working"), ("received", "working")]
        rest = await ask(socket, "advance", seq=first["order"]["seq"], **about)
        assert pizzas(rest) == [("baking", "working"), ("baking", "waiting"), ("baking", "waiting")]
        oven = await ask(socket, "advance", seq=rest["order"]["seq"], **about)  # not those that wait for a place
        assert pizzas(oven) == [("baked", "done"), ("baking", "working"), ("baking", "waiting")]


async def test_a_sibling_that_moves_meanwhile_refuses_nobody(bob, three):
    async with board_of(bob) as (socket, _):
        seen = three.seq
        await ask(socket, "advance", order_id=three.order_id, seq=seen, item=1)
        answer = await ask(socket, "advance", order_id=three.order_id, seq=seen, item=2)
        assert pizzas(answer)[1] == ("baking", "waiting")
        again = await ask(socket, "advance", order_id=three.order_id, seq=seen, item=2)
        assert "has moved on" in again["error"]


@pytest.mark.parametrize("item", [1, None])
async def test_what_was_dropped_is_made_again_and_the_customer_reads_why(bob, three, item):
    for number in (1, 2, 3):
        await in_database(flow.override)(three.pk, "baked", bob, item=number)
    async with board_of(bob) as (socket, _):
        shown = await in_database(Order.get_order_detail)(three.order_id)
        assert (shown["stage"], shown["items_done"]) == ("baked", 3)
        about = {"order_id": three.order_id, "seq": shown["seq"], "reason": "it was dropped"}
        answer = await ask(socket, "remake", **about, **({"item": item} if item else {}))
        made = 1 if item else 3
        assert (answer["order"]["stage"], answer["order"]["items_done"]) == ("received", 3 - made)
        rows = three.events.filter(event="remade").values_list("item", "reason").order_by("item")
        assert await in_database(list)(rows) == [(number, "it was dropped") for number in range(1, made + 1)]


async def test_a_pizza_is_held_rushed_and_cancelled_by_itself(bob, three):
    async with board_of(bob) as (socket, _):
        about = {"order_id": three.order_id, "item": 3}
        held = await ask(socket, "hold", seq=three.seq, **about)
        assert pizzas(held) == [("received", "working"), WAITS, ("received", "held")]
        resumed = await ask(socket, "resume", seq=held["order"]["seq"], **about)
        rushed = await ask(socket, "rush", seq=resumed["order"]["seq"], **about)
        assert not rushed["order"]["rushed"]
        gone = await ask(socket, "cancel", seq=rushed["order"]["seq"], reason="No more salami", **about)
        assert pizzas(gone)[2] == ("cancelled", "cancelled")
        assert (gone["order"]["summary"], gone["order"]["stage"]) == ("2 × Margherita", "received")


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("1", "a whole number"),
        (True, "a whole number"),
        (1.0, "a whole number"),
        ([1], "a whole number"),
        (0, "no such pizza"),
        (-1, "no such pizza"),
        (4, "no such pizza"),
        (10**40, "no such pizza"),
    ],
)
@pytest.mark.parametrize("action", ["advance", "remake", "override"])
async def test_a_pizza_that_is_not_there_gets_a_sentence(bob, three, action, item, words):
    async with board_of(bob) as (socket, _):
        answer = await ask(socket, action, order_id=three.order_id, seq=1, item=item, stage="baking")
        assert words in answer["error"]
    assert (await fresh(three)).seq == three.seq


async def test_at_the_counter_it_is_handed_over(bob, three):
    await in_database(flow.override)(three.pk, "ready", bob)
    async with board_of(bob) as (socket, frame):
        (shown,) = frame["board"]["orders"]
        assert (shown["stage"], shown["words"], shown["progress"]) == ("ready", "Ready to collect", 80)
        answer = await ask(socket, "advance", order_id=three.order_id, seq=shown["seq"])
        assert (answer["order"]["stage"], answer["order"]["status"]) == ("delivered", "Collected")


async def test_the_share_of_simulated_customers_who_collect_is_set_here(bob):
    async with board_of(bob) as (socket, frame):
        assert frame["board"]["shop"]["carry_out_share"] == 0
        assert await ask(socket, "shop", carry_out_share=0.4) == {"done": "shop"}
        assert "Carry out share" in (await ask(socket, "shop", carry_out_share=1.5))["error"]
    assert (await in_database(Shop.objects.get)()).carry_out_share == 0.4


def test_the_chart_counts_an_order_where_its_least_advanced_pizza_is(place, margherita):
    now = timezone.now().replace(second=30)
    order = place(now - timedelta(minutes=30), items=[(margherita, 2)])
    for number, minutes in ((1, 20), (2, 10)):
        flow.override(order.pk, "baking", item=number, clock=lambda ago=minutes: now - timedelta(minutes=ago))
    real = snapshot.history(now)["real"]["in_station"]
    assert real["received"] == [0] * 29 + [1] * 20 + [0] * 11
    assert real["baking"] == [0] * 49 + [1] * 11
