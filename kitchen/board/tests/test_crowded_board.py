"""A board in a kitchen with more orders than it shows: small frames, right counts, and nothing out of step."""

import asyncio
import json
import random
from functools import partial

import pytest
from asgiref.sync import sync_to_async
from django.db.models import Q
from django.utils import timezone

from benchmarks.crowded import fill
from home import live
from home.models import Order
from kitchen import flow
from kitchen.board import consumers, handover, snapshot, windows
from kitchen.board.tests.crowd import Page, in_counts, totals_of
from kitchen.board.tests.test_board import ask, cookie_of, open_socket
from kitchen.board.totals import read_totals
from kitchen.drivers import deliveries
from kitchen.models import Station
from pizzaProj.limits import BOARD_FRAME_BYTES, BOARD_IN_LINE, BOARD_UNDER_WAY
from realtime import hurried
from realtime.broadcast import broadcaster

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("valkey", "cooked", "small_kitchen", "timeless"),
]
MANY = 5000
in_database = sync_to_async


@pytest.fixture
def few(monkeypatch):
    """Let boards show little: six orders, of more one work under way and four in line."""
    for module in (windows, consumers):
        monkeypatch.setattr(module, "BOARD_ORDERS", 6)
    monkeypatch.setattr(windows, "BOARD_UNDER_WAY", 2)
    monkeypatch.setattr(windows, "BOARD_IN_LINE", 4)
    monkeypatch.setattr(hurried, "REST_SECONDS", 0.01)
    monkeypatch.setattr(hurried, "REST_TIMES", 0)


@pytest.fixture
async def page_of(bob):
    """page_of(**said) opens a board, says that, and returns its socket and what it knows."""
    opened = []

    async def open_page(**said):
        _, cookie = await in_database(cookie_of)(bob)
        context = open_socket(cookie)
        socket, page = await context.__aenter__(), Page()
        opened.append(context)
        page.hear(await socket.receive_from(timeout=10))
        if said:
            await socket.send_json_to({"action": "show", **said})
            while "done" not in page.hear(await socket.receive_from(timeout=10)):
                pass
        return socket, page

    yield open_page
    for context in opened:
        await context.__aexit__(None, None, None)


# How much is read and sent


async def test_at_5000_orders_no_frame_is_large_and_nothing_reads_them_all(page_of, bob, monkeypatch):
    await in_database(fill)(MANY)
    read = []
    monkeypatch.setattr(live, "state_of", lambda order, of=live.state_of: read.append(order.pk) or of(order))
    socket, page = await page_of(first={})
    assert len(read) <= BOARD_UNDER_WAY + BOARD_IN_LINE + snapshot.LATELY
    assert sum(row["orders"] for row in page.totals["orders"]) == MANY

    first = await in_database(Order.objects.filter(stage="received").earliest)("joined_at")
    read.clear()
    assert await ask(socket, "station", stage="baking", places=9) == {"done": "station"}
    assert (await until_frame(socket, page, "changed"))["changed"].keys() == {"stations"}
    done = await ask(socket, "advance", order_id=first.order_id, seq=1)
    page.hear(json.dumps(done))
    await until(page, socket, lambda: page.totals["orders"] and page.orders[first.order_id]["seq"] > 1)
    assert len(read) < 50

    await in_database(announce_many)()  # as a forecast does, or an action in the admin on many orders
    await until(page, socket, lambda: len(page.sizes) > 5)
    assert max(page.sizes) <= BOARD_FRAME_BYTES


def announce_many():
    for order in Order.objects.open().with_items().order_by("pk")[:800]:
        live.announce_eta(order)
    broadcaster.flush(30)


async def until_frame(socket, page, key):
    while key not in (frame := page.hear(await socket.receive_from(timeout=10))):
        pass
    return frame


async def until(page, socket, is_so):
    """Listen until something is so; fail if it never is."""
    async with asyncio.timeout(20):
        while not is_so():
            page.hear(await socket.receive_from(timeout=15))


async def test_long_names_come_in_frames_of_their_own(page_of, alice, monkeypatch):
    for module in (live, consumers):
        monkeypatch.setattr(module, "BOARD_FRAME_BYTES", 9_000)
    alice.first_name = "Ж" * 150  # six bytes each
    await in_database(alice.save)()
    await in_database(fill)(60)
    ids = {order.order_id async for order in Order.objects.filter(stage="ready")}
    await Order.objects.filter(stage="ready").aupdate(user=alice)
    socket, page = await page_of()
    await until(page, socket, lambda: page.named.keys() >= ids)
    assert {page.named[order_id] for order_id in ids} == {alice.first_name}
    assert max(page.sizes[1:]) <= 9_000


# Whether it is right


@pytest.mark.parametrize("promised", [True, False])
def test_the_database_counts_as_a_page_with_all_orders_would(promised):
    fill(60, promised)
    dice, orders = random.Random(5), list(Order.objects.open())
    for _ in range(80):
        disturb(dice, orders)
    now = timezone.now()
    stations = [row.with_shop() for row in Station.objects.select_related("shop")]
    totals = read_totals(now, stations)
    payloads = [order.payload() for order in Order.objects.open().with_items()]
    assert in_counts(totals.frame) == totals_of(payloads, now)


VERBS = [flow.advance, flow.advance, flow.hold, flow.resume, flow.rush, flow.recall, flow.remake]


def disturb(dice, orders):
    """Do something to an order or to one of its pizzas, or place one; what can't be done is left."""
    order, verb = dice.choice(orders), dice.choice(VERBS)
    if dice.random() < 0.1:
        verb = partial(flow.cancel, reason="Out of dough")
    try:
        if dice.random() < 0.3:
            verb(order.pk, item=1)
        else:
            verb(order.pk)
    except flow.Refused:
        pass


async def test_random_verbs_leave_a_page_as_a_new_one_would_be(page_of, few, place):
    """With far more orders than it shows, down to where it shows them all, and up again."""
    await in_database(fill)(30)
    socket, page = await page_of(first={"baking": 7})
    dice, orders = random.Random(12), await in_database(list)(Order.objects.open())
    for turn in range(6):
        for _ in range(8):
            await in_database(disturb)(dice, orders)
        orders.append(await in_database(place)(simulated=turn % 2 == 0))
        await compare(socket, page)
    left = await in_database(list)(Order.objects.open())
    for order in left[4:]:
        await in_database(flow.override)(order.pk, "delivered")
    await compare(socket, page)
    assert page.totals is None and page.open.keys() == {order.order_id for order in left[:4]}
    for _ in range(8):
        await in_database(place)()
    await compare(socket, page)
    assert page.totals is not None


async def compare(socket, page):
    """Listen until the page knows what the database says of all that a new one would be sent."""
    await in_database(broadcaster.flush)()
    async with asyncio.timeout(20):
        while (wrong := await in_database(what_is_wrong)(page)) is not None:
            try:
                page.hear(await socket.receive_from(timeout=5))
            except TimeoutError:
                raise AssertionError(wrong) from None


def what_is_wrong(page):
    window = windows.read_window(windows.parse_asked({"first": {"baking": 7}}))
    if window.orders.keys() - page.open.keys():
        return "it lacks orders", window.orders.keys() - page.open.keys()
    for order in Order.objects.filter(order_id__in=page.open).with_items():
        if page.open[order.order_id]["seq"] != order.seq:
            return "it has an old state", order, page.open[order.order_id]
    if (page.totals is None) != (window.totals is None):
        return "it counts wrongly", page.totals, window.totals
    if page.totals and in_counts(page.totals) != in_counts(window.totals):
        return "it counts wrongly", in_counts(page.totals), in_counts(window.totals)
    return None


async def test_what_was_asked_for_is_followed_and_moved_like_the_first(page_of, few):
    await in_database(fill)(40)
    socket, page = await page_of()
    last = await Order.objects.filter(stage="baked").order_by("-joined_at").afirst()
    assert last.order_id not in page.open
    assert await ask(socket, "show", first={"baked": 9}) == {"done": "show"}

    answer = await ask(socket, "rush", order_id=last.order_id, seq=1)
    assert answer["order"]["rushed"]
    await in_database(flow.advance)(last.pk)
    stale = await ask(socket, "advance", order_id=last.order_id, seq=1)
    assert "has moved on" in stale["error"]
    await in_database(flow.recall)(last.pk)
    await compare_one(socket, page, last.order_id)


async def compare_one(socket, page, order_id):
    seq = (await Order.objects.aget(order_id=order_id)).seq
    await until(page, socket, lambda: page.orders.get(order_id, {}).get("seq") == seq)


async def test_an_order_beyond_the_board_that_somebody_moves_is_followed_from_then_on(page_of, few):
    await in_database(fill)(40)
    socket, page = await page_of()
    beyond = await Order.objects.filter(stage="baked").order_by("-joined_at").afirst()
    answer = await ask(socket, "hold", order_id=beyond.order_id, seq=1)  # by a script, or found by its number
    page.hear(json.dumps(answer))
    await in_database(flow.resume)(beyond.pk)
    await compare_one(socket, page, beyond.order_id)


async def test_what_comes_back_while_a_kitchen_becomes_small_is_shown(page_of, few, monkeypatch):
    """Its frame comes when the board no longer waits for the next look, and does not yet hear of each order."""
    await in_database(fill)(8)
    socket, page = await page_of()
    back, *others = await in_database(list)(Order.objects.open())
    await in_database(flow.override)(back.pk, "delivered")
    await until(page, socket, lambda: back.order_id in page.orders and back.order_id not in page.open)
    is_passed_over, read_windows = asyncio.Event(), consumers.read_windows

    async def read_slowly(wishes):
        found = await read_windows(wishes)
        if all(window.totals is None for window in found.values()) and not is_passed_over.is_set():
            await in_database(flow.override)(back.pk, "baking")
            await in_database(broadcaster.flush)()
            await is_passed_over.wait()
        return found

    async def listen(board, event, of=consumers.KitchenBoard.kitchen_orders):
        await of(board, event)
        if event["seqs"].get(back.order_id, 0) > page.orders[back.order_id]["seq"]:
            is_passed_over.set()

    monkeypatch.setattr(consumers, "read_windows", read_slowly)
    monkeypatch.setattr(consumers.KitchenBoard, "kitchen_orders", listen)
    for order in others[:2]:
        await in_database(flow.override)(order.pk, "delivered")
    await until(page, socket, lambda: back.order_id in page.open)


async def test_a_board_lets_go_of_what_is_far_back_in_line_again(page_of, few):
    """It would come to show all orders of an evening, each of which was among the first somewhere."""
    await in_database(fill)(100)
    socket, page = await page_of(first={"out_for_delivery": 30})
    held = [order async for order in Order.objects.filter(stage="out_for_delivery", held=True).order_by("pk")]
    assert page.open.keys() >= {order.order_id for order in held}
    await socket.send_json_to({"action": "show", "first": {"baking": 7}})
    await until(page, socket, lambda: len(page.open.keys() & {order.order_id for order in held}) <= 4)
    await compare(socket, page)
    gone = next(order for order in held if order.order_id not in page.open)
    await in_database(flow.resume)(gone.pk)
    await socket.send_json_to({"action": "show", "first": {"out_for_delivery": 30}})
    await compare_one(socket, page, gone.order_id)


@pytest.mark.parametrize("stage", ["received", "baked"])
async def test_where_simulated_orders_are_hidden_the_lists_are_those_of_real_ones(page_of, few, stage):
    await in_database(fill)(60)
    real = await Order.objects.filter(stage=stage).order_by("-joined_at").afirst()
    await Order.objects.exclude(pk=real.pk).aupdate(simulated=True)
    socket, page = await page_of(first={})
    assert real.order_id not in page.open
    await socket.send_json_to({"action": "show", "first": {}, "simulated": False})
    await until(page, socket, lambda: real.order_id in page.open)


def test_boards_that_ask_for_different_lists_are_counted_for_once(few, monkeypatch):
    fill(40)
    counted = []
    monkeypatch.setattr(windows, "read_totals", lambda *given, of=read_totals: counted.append(1) or of(*given))
    more = windows.Asked(frozenset({("baked", 9)}))
    found = windows.read_windows([windows.Asked(), more])
    assert counted == [1] and len(found[more].orders) > len(found[windows.Asked()].orders)


async def test_what_was_sent_of_many_orders_stays_sent_if_time_is_up(monkeypatch, few):
    fill_some = await in_database(list_of)(6)
    sent, board = [], consumers.KitchenBoard()
    monkeypatch.setattr(consumers, "READ_AT_ONCE", 2)

    async def send(text):
        if len(sent) == 2:
            raise TimeoutError
        sent.extend(json.loads(text)["orders"])

    monkeypatch.setattr(board, "send", send)
    with pytest.raises(TimeoutError):
        await board.send_new(fill_some)
    assert board.open == {order["order_id"] for order in sent} and len(sent) == 2


def list_of(count):
    fill(count)
    return dict(Order.objects.open().values_list("order_id", "pk"))


def test_what_a_board_has_heard_since_is_not_forgotten_for_an_older_state():
    board = consumers.KitchenBoard()
    board.note("a", 3, True)
    board.note("a", 2, False)
    assert (board.seen, board.open) == ({"a": 3}, set())


# Stations


async def test_a_new_speed_moves_all_that_is_under_way(page_of, monkeypatch):
    """Also where more is under way than a crowded board would show."""
    monkeypatch.setattr(windows, "BOARD_UNDER_WAY", 2)
    await in_database(fill)(40)
    under_way = Order.objects.filter(Q(due_at__isnull=False) | Q(items__due_at__isnull=False))
    socket, page = await page_of(first={})
    await socket.send_json_to({"action": "shop", "speed": 7})
    frame = await until_frame(socket, page, "changed")
    assert {order["order_id"] for order in frame["orders"]} == {order.order_id async for order in under_way}


async def test_a_change_of_a_station_sends_the_station(page_of, few):
    await in_database(fill)(40)
    socket, page = await page_of(first={})
    for changes, orders in (({"places": 3}, 0), ({"is_open": False}, 0), ({"mean_seconds": 42.5}, 1)):
        await socket.send_json_to({"action": "station", "stage": "received", **changes})
        frame = await until_frame(socket, page, "changed")
        (station,) = frame["changed"]["stations"]
        assert station.items() >= changes.items() and "shop" not in frame["changed"]
        assert bool(frame["orders"]) == bool(orders)  # those under way are due at another time


async def test_a_page_that_asks_for_nothing_is_sent_all_stations(page_of, few):
    await in_database(fill)(40)
    socket, page = await page_of()
    await socket.send_json_to({"action": "station", "stage": "baking", "places": 3})
    frame = await until_frame(socket, page, "stations")
    assert [one["stage"] for one in frame["stations"]][:2] == ["received", "baking"]
    assert frame["orders"] == []


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (None, "Say how many to show"),
        ([], "Say how many to show"),
        ({"fried": 1}, "There is no station for “fried”."),
        ({"baking": -1}, "at most 1,000"),
        ({"baking": True}, "at most 1,000"),
        ({"baking": 10**40}, "at most 1,000"),
    ],
)
async def test_what_can_not_be_shown_gets_a_sentence(page_of, first, words):
    socket, _ = await page_of()
    assert words in (await ask(socket, "show", first=first))["error"]
    assert "with true or false" in (await ask(socket, "show", first={}, simulated="no"))["error"]


# Those who hand orders over


def test_drivers_are_shown_what_leaves_next_and_how_many_come_after_it(monkeypatch, alice):
    monkeypatch.setattr(handover, "BOARD_ORDERS", 5)
    monkeypatch.setattr(handover, "DRIVERS_ORDERS", 2)
    fill(60)
    ready = Order.objects.filter(stage="ready").latest("joined_at")
    on_a_board = Order.objects.filter(stage="out_for_delivery", held=True).latest("joined_at")
    taken = Order.objects.filter(stage="out_for_delivery", due_at__isnull=False).latest("pk")
    taken.events.create(seq=1, stage="out_for_delivery", event="started", by=alice, at=timezone.now())
    read = handover.read_handover([ready.order_id, on_a_board.order_id], [alice.pk])
    shown = deliveries.orders(read, None).values()
    assert sorted(order["state"] for order in shown) == ["waiting", "waiting", "working", "working"]
    first = Order.objects.filter(stage="out_for_delivery", started_at=None, held=False).order_by("joined_at")[:2]
    assert {order.order_id for order in first} < {order["order_id"] for order in shown}
    assert deliveries.orders(read, alice.pk).keys() == {taken.order_id} | {order["order_id"] for order in shown}
    assert deliveries.station(read)["beyond"] == 12 - 2
    assert handover.names_of(read, {ready.order_id}).keys() == {ready.order_id}


# Frames


def test_lists_share_the_room_and_what_short_ones_leave():
    sizes = {"make line": 500, "oven": 3, "bench": 90}
    assert windows.fair(sizes, 100) == {"oven": 3, "bench": 48, "make line": 49}
    assert windows.fair(sizes, 1000) == sizes
    assert windows.fair({}, 10) == {}


def test_frames_are_cut_between_orders(monkeypatch):
    monkeypatch.setattr(live, "BOARD_FRAME_BYTES", 1100)
    payloads = [json.dumps("a" * 40)] * 4

    def first(orders, parts):
        return live.frame_of_orders(orders, parts=parts, who=["b" * 1008])

    frames = [json.loads(frame) for frame in live.frames_of(payloads, first)]
    assert [len(frame["orders"]) for frame in frames] == [1, 2, 1]
    assert (frames[0]["parts"], frames[1]["shown"]) == (2, True)
    alone = json.dumps("a" * 5000)  # one that is too large for any frame
    assert [json.loads(frame)["orders"] for frame in live.frames_of([alone], first)] == [[], [json.loads(alone)]]


def test_an_event_of_orders_can_be_taken_apart_and_an_older_versions_too(place):
    states = [live.state_of(place()) for _ in range(3)]
    event = live.orders_event(states)
    apart = {state.order_id: json.loads(state.payload) for state in states}
    assert {key: json.loads(text) for key, text in live.payloads_of(event).items()} == apart
    del event["lengths"]
    assert {key: json.loads(text) for key, text in live.payloads_of(event).items()} == apart
