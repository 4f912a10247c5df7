"""Floods of frames: refused in words at first, then closed with 4429, and nothing of what is queued is read."""

import asyncio
import json

import pytest
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from channels.routing import URLRouter
from twisted.internet.testing import StringTransport

from benchmarks.watchers import HANDSHAKE
from home import consumers
from home.consumers import OrderList, Unknown
from pizzaProj import asgi, limits
from realtime import admission, pace
from realtime.buckets import Bucket, Buckets
from realtime.inflow import Inflow
from realtime.pace import SLOW_DOWN, TOO_MANY_FRAMES, Pace, Verdict
from realtime.sockets import Identified
from realtime.tests.test_sockets import open_socket, receive

pytestmark = pytest.mark.usefixtures("valkey")
on_sockets = pytest.mark.django_db(transaction=True, serialized_rollback=True)  # a socket's end looks at connections
WRONG = {"error": 'Send {"watch": ["<order_id>", ...]}.'}
BEAT = '{"type": "heartbeat"}'


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def few(monkeypatch):
    """Let three frames of a socket be heard, and three refused, however long it takes."""
    numbers = {"FRAMES_OF_SOCKET": 3, "FRAMES_REFUSED": 3}
    rates = dict.fromkeys(("FRAMES_OF_SOCKET_A_SECOND", "FRAMES_REFUSED_A_SECOND", "REFUSALS_A_SECOND"), 0)
    for name, number in {**numbers, **rates}.items():
        monkeypatch.setattr(limits, name, number)


@pytest.fixture
def shared(monkeypatch):
    """Let the sockets of an address have two frames together."""
    monkeypatch.setattr(pace, "of_addresses", Buckets(2, 0))


async def ending(socket):
    """Return the frames up to the close, and its code."""
    frames = []
    while (message := await socket.receive_output(timeout=5))["type"] != "websocket.close":
        frames.append(json.loads(message["text"]))
    return frames, message["code"]


def problem(words):
    return {"type": "error", "error": words}


# Buckets


def test_a_bucket_fills_again_at_its_rate_and_never_beyond_its_size():
    clock = Clock()
    bucket = Bucket(3, 2, clock)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.now += 1
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    clock.now += 1000
    assert bucket.fill() == 3
    assert not bucket.take(4)


def test_full_buckets_are_forgotten_and_those_in_use_are_kept(monkeypatch):
    clock = Clock()
    buckets = Buckets(1, 1, clock)
    buckets.clean_at = 10
    for n in range(9):
        buckets.take(f"old{n}")
    clock.now += 1
    for n in range(3):
        buckets.take(f"new{n}")
    assert set(buckets.kept) == {"new0", "new1", "new2"}


# Consumers


def test_every_socket_of_the_shop_is_paced():
    classes = {pattern.callback.consumer_class for pattern in asgi.sockets}
    assert {one for one in classes if not issubclass(one, Identified)} == {Unknown}
    assert URLRouter(asgi.sockets)


@on_sockets
async def test_a_flood_is_refused_in_words_then_closed_and_the_rest_is_never_read(few, monkeypatch):
    read = []
    monkeypatch.setattr(consumers, "parse_object", lambda text: read.append(text) or {})
    async with open_socket("/ws/orders/") as socket:
        for n in range(50):
            await socket.send_to(text_data=str(n))
        frames, code = await ending(socket)
        assert (code, frames[-1]) == (4429, problem(TOO_MANY_FRAMES))
        assert frames.count(problem(SLOW_DOWN)) == 1
        await asyncio.sleep(0)
        assert read == ["0", "1", "2"]
        assert await socket.receive_nothing(timeout=0.05)


@on_sockets
async def test_bytes_and_heartbeats_are_frames_like_any_other(few):
    for flood in ({"bytes_data": b"\xff"}, {"text_data": BEAT}):
        async with open_socket("/ws/orders/") as socket:
            for _ in range(20):
                await socket.send_to(**flood)
            assert (await ending(socket))[1] == 4429


@on_sockets
async def test_the_sockets_of_an_address_share_a_bucket_and_their_pages_still_get_their_heartbeats(shared):
    async with (
        open_socket("/ws/orders/") as one,
        open_socket("/ws/orders/") as tab,
        open_socket("/ws/orders/", address="198.51.100.7") as other,
    ):
        for socket, answer in ((one, WRONG), (tab, WRONG), (tab, problem(SLOW_DOWN)), (other, WRONG)):
            await socket.send_to(text_data="{}")
            assert await receive(socket) == answer
        await tab.send_to(text_data=BEAT)
        assert await receive(tab) == {"type": "heartbeat"}


def test_an_open_page_is_never_too_much():
    """Ten tabs of one person for an hour, each with a heartbeat every five seconds and a frame beside it."""
    clock = Clock()
    tabs = [Pace(clock) for _ in range(10)]
    for _ in range(720):
        clock.now += 5
        for tab in tabs:
            assert [tab.judge(text, "", "") for text in (BEAT, '{"type": "typing"}', BEAT)] == [Verdict.HEARD] * 3


def test_a_page_that_comes_back_with_a_full_outbox_is_never_too_much():
    """It asks for forty pages of history at once and sends forty messages, each with a heartbeat."""
    one = Pace(Clock())
    assert [one.judge(text, "", "") for _ in range(40) for text in ("{}", BEAT)] == [Verdict.HEARD] * 80


def test_refusals_that_are_far_apart_close_nothing():
    clock = Clock()
    one = Pace(clock)
    one.frames.a_second = 0
    one.frames.tokens = 0
    for _ in range(3600):
        clock.now += 1
        assert one.judge("{}", "", "") is Verdict.REFUSED


@on_sockets
async def test_a_person_has_a_limited_number_of_sockets(monkeypatch):
    monkeypatch.setattr(admission, "people", admission.Places(1))
    monkeypatch.setattr(OrderList, "person_key", "g1")
    async with open_socket("/ws/orders/") as one, open_socket("/ws/orders/") as two:
        assert await ending(two) == ([problem(admission.TOO_MANY_OF_PERSON)], 4429)
        await one.send_to(text_data="{}")
        assert await receive(one) == WRONG
    async with open_socket("/ws/orders/") as three:
        await three.send_to(text_data="{}")
        assert await receive(three) == WRONG
    assert not admission.people.taken


# What Daphne reads


class Wire:
    """Autobahn's protocol as Daphne uses it, on an open connection without a network."""

    def __init__(self):
        self.queue = asyncio.Queue()
        factory = WebSocketServerFactory()
        factory.protocol = WebSocketServerProtocol
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(StringTransport())
        self.protocol.dataReceived(HANDSHAKE.format(path="/", port=80).encode())
        self.protocol.transport.clear()
        self.protocol.transport.registerProducer(self, True)
        self.protocol.onMessage = lambda payload, is_binary: self.queue.put_nowait(payload)
        self.inflow = Inflow(self.protocol, self.queue)

    def send(self, payload=b"", opcode=1, is_last=True, times=1):
        length = len(payload)
        head = bytes([opcode | 0x80 * is_last])
        head += bytes([0x80 | length]) if length < 126 else bytes([0xFF]) + length.to_bytes(8, "big")
        self.protocol.dataReceived((head + bytes(4) + payload) * times)

    @property
    def is_reading(self):
        return self.protocol.transport.producerState == "producing"

    @property
    def answers(self):
        return self.protocol.transport.value()


def close_frame(code):
    return bytes([0x88, 2]) + code.to_bytes(2, "big")


@pytest.fixture
def wire(monkeypatch):
    monkeypatch.setattr(limits, "WIRE_FRAMES_A_SECOND", 0)
    one = Wire()
    yield one
    if one.protocol.closeHandshakeTimeoutCall:
        one.protocol.closeHandshakeTimeoutCall.cancel()


def test_no_more_is_read_than_the_application_takes(wire):
    wire.send(b"x", times=100)
    assert (wire.queue.qsize(), wire.is_reading) == (limits.WIRE_WAITING, False)
    while not wire.is_reading:
        wire.queue.get_nowait()
        wire.inflow.taken()
    taken = limits.WIRE_WAITING - wire.queue.qsize()
    assert taken < limits.WIRE_WAITING


@pytest.mark.parametrize(
    "flood",
    [
        {"payload": b"x"},
        {"opcode": 9},
        {"opcode": 10, "payload": b"pong"},
        {"opcode": 2, "payload": b"x" * 70_000},
    ],
    ids=["text", "pings", "pongs", "large"],
)
def test_a_flood_on_the_wire_is_closed_in_words_and_the_rest_is_thrown_away(wire, flood):
    for _ in range(limits.WIRE_FRAMES + 1):
        wire.send(**flood)
        while not wire.queue.empty():
            wire.queue.get_nowait()
            wire.inflow.taken()
    assert wire.answers.endswith(close_frame(4429))
    assert TOO_MANY_FRAMES.encode() in wire.answers
    wire.send(**flood, times=10)
    assert (wire.queue.qsize(), wire.protocol.data, wire.answers.count(close_frame(4429))) == (0, b"", 1)


def test_empty_fragments_count(wire):
    wire.send(b"x", is_last=False)
    wire.send(opcode=0, is_last=False, times=limits.WIRE_FRAMES)
    assert wire.answers.endswith(close_frame(4429))


def test_a_message_that_is_too_long_is_refused_before_it_is_there(wire):
    head = bytes([0x81, 0xFF]) + (2**40).to_bytes(8, "big") + bytes(4)
    wire.protocol.dataReceived(head)
    assert close_frame(1009)[2:] in wire.answers


def test_a_message_in_many_fragments_is_refused_when_it_gets_too_long(wire):
    wire.send(b"x" * 70_000, is_last=False)
    assert wire.answers == b""
    wire.send(b"x" * 70_000, opcode=0)
    assert (close_frame(1009)[2:] in wire.answers, wire.queue.qsize()) == (True, 0)


def test_what_the_shop_sends_is_as_long_as_it_is(wire):
    """Test that the board's first frame arrives, which has hundreds of orders."""
    wire.send(b"x")
    wire.protocol.sendMessage(b"x" * 2 * limits.WIRE_MESSAGE_BYTES)
    assert wire.answers.endswith(b"x" * 2 * limits.WIRE_MESSAGE_BYTES)


def test_nothing_is_queued_behind_a_close_but_the_answer_to_it_is_read(wire):
    wire.protocol.sendClose(code=4401)
    wire.send(b"x", times=5)
    wire.send((4401).to_bytes(2, "big"), opcode=8)
    assert (wire.queue.qsize(), wire.protocol.wasClean) == (0, True)
