"""A client that reads slowly is waited for, one that does not read is cut off, and neither takes memory."""

import asyncio
import socket
import subprocess
import sys
import time
from functools import partial
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from autobahn.exception import Disconnected
from django.conf import settings
from twisted.internet import main, tcp
from twisted.protocols import policies

from benchmarks.watchers import HANDSHAKE
from pizzaProj.tests.test_stack import await_that, environment, free_port
from realtime import backpressure
from realtime.backpressure import SEND_AT_ONCE, Backpressure, write_at_once

IMPATIENT = """
from daphne.cli import CommandLineInterface
from realtime import backpressure
backpressure.UNREAD_SECONDS = 0.5
CommandLineInterface.entrypoint()
"""
PATIENCE_SECONDS = 20
NONSENSE = b'{"watch": 1}'
MASKED = bytes([0x81, 0x80 | len(NONSENSE), 0, 0, 0, 0]) + NONSENSE
FRAME = {"type": "websocket.send", "text": "news"}
CLOSE = {"type": "websocket.close", "code": 1000}


class Connection:
    """Stand in for Twisted's connection and Daphne's protocol."""

    data = b""
    state = STATE_OPEN = 1
    server = SimpleNamespace(ping_interval=20)
    last_ping = 100.0

    def __init__(self):
        self.transport = self
        self.processData = self.onFrameBegin = self.onMessage = None
        self.sent, self.notes = [], []

    def registerProducer(self, producer, streaming):
        self.producer = producer

    def write(self, data):
        self.sent.append(data)

    def unregisterProducer(self):
        pass

    def pauseProducing(self):
        self.notes.append("reads no more")

    def resumeProducing(self):
        self.notes.append("reads")

    def abortConnection(self):
        self.notes.append("cut off")
        self.producer.stopProducing()


async def handle_reply(connection, message):
    connection.sent.append(message)


async def run(connection, application, reply=handle_reply):
    receive = asyncio.Queue().get
    await Backpressure(application)({"type": "websocket"}, receive, partial(reply, connection))


async def test_a_slow_reader_is_waited_for():
    connection = Connection()

    async def application(scope, receive, send):
        await send(FRAME)
        connection.producer.pauseProducing()
        waiting = asyncio.create_task(send(FRAME))
        await asyncio.sleep(0)
        assert connection.sent == [FRAME]
        connection.producer.resumeProducing()
        await waiting

    await run(connection, application)
    assert connection.sent == [FRAME, FRAME]
    assert connection.notes == ["reads no more", "reads"]


async def test_one_that_does_not_read_is_cut_off(monkeypatch):
    """Also if each of those who wait gives up sooner, as the periodic checks do."""
    monkeypatch.setattr(backpressure, "UNREAD_SECONDS", 0.05)
    connection = Connection()

    async def application(scope, receive, send):
        connection.producer.pauseProducing()
        while "cut off" not in connection.notes:
            try:
                async with asyncio.timeout(0.01):
                    await send(FRAME)
            except TimeoutError:
                pass

    await asyncio.wait_for(run(connection, application), PATIENCE_SECONDS)


async def test_a_close_needs_no_room():
    connection = Connection()

    async def application(scope, receive, send):
        connection.producer.pauseProducing()
        await send(CLOSE)

    await run(connection, application)
    assert connection.sent == [CLOSE]


async def test_nothing_is_sent_to_one_that_has_left():
    """Daphne is told of the end a moment after autobahn has refused to send, and logs a traceback for it."""

    async def refuse(connection, message):
        raise Disconnected

    async def application(scope, receive, send):
        await send(FRAME)

    await run(Connection(), application, refuse)


async def test_a_text_is_sent_at_once_if_there_is_room():
    connection = Connection()

    async def application(scope, receive, send):
        send_at_once = scope["extensions"][SEND_AT_ONCE]
        assert send_at_once("news")
        connection.producer.pauseProducing()
        assert not send_at_once("more news")
        connection.producer.resumeProducing()
        connection.state = None
        assert send_at_once("news for nobody")

    await run(connection, application)
    assert connection.sent == [b"\x81\x04news"]


class Reactor:
    """Note which connections wait until they can write."""

    def __init__(self):
        self.writers = []

    def addWriter(self, connection):
        self.writers.append(connection)

    def removeWriter(self, connection):
        self.writers.clear()


@pytest.fixture
def ends():
    """Yield a connection of Twisted's and the client's end of it."""
    ours, client = socket.socketpair()
    ours.setblocking(False)
    connection = tcp.Connection(ours, None, Reactor())
    connection.connected = 1
    with ours, client:
        yield connection, client


def test_twisted_need_not_ask_for_room_where_there_is_some(ends):
    connection, client = ends
    write_at_once(connection, b"news")
    assert (client.recv(100), connection.reactor.writers) == (b"news", [])


def test_twisted_keeps_what_the_kernel_does_not_take(ends):
    connection, client = ends
    size = 16 * 1024 * 1024
    write_at_once(connection, bytes(size))
    write_at_once(connection, b"the last")  # in its turn, though nothing is asked of the kernel
    assert connection.reactor.writers
    received = b""
    while not received.endswith(b"the last"):
        connection.doWrite()
        received += client.recv(size)
    assert received == bytes(size) + b"the last"


def test_nothing_is_written_to_a_connection_that_is_being_closed(ends):
    connection, client = ends
    connection.disconnecting = 1
    write_at_once(connection, b"news")
    assert connection.reactor.writers == [connection]  # Twisted decides
    client.setblocking(False)
    assert try_to(client.recv, 100) is None


def test_a_connection_with_tls_writes_for_itself(ends):
    """Twisted's wraps a connection, and passes on what that has: written there, it would go out in plain text."""
    connection, client = ends
    wrapped = policies.ProtocolWrapper(None, None)
    wrapped.transport, wrapped.write = connection, Mock()
    assert wrapped.writeSomeData
    write_at_once(wrapped, b"news")
    wrapped.write.assert_called_once_with(b"news")
    client.setblocking(False)
    assert try_to(client.recv, 100) is None


def test_twisted_finds_out_that_the_client_is_gone(ends):
    connection, client = ends
    client.close()
    write_at_once(connection, b"news")
    assert connection.reactor.writers == [connection]
    assert connection.doWrite() is main.CONNECTION_LOST


async def test_sockets_that_come_together_are_not_pinged_together():
    async def application(scope, receive, send):
        pass

    connections = [Connection() for _ in range(50)]
    for connection in connections:
        await run(connection, application)
    ticks = {int(connection.last_ping) // 2 for connection in connections}  # Daphne looks every two seconds
    assert len(ticks) > 5 and ticks <= set(range(40, 50))


async def test_another_server_is_left_alone():
    sent = []

    async def application(scope, receive, send):
        assert SEND_AT_ONCE not in scope.get("extensions", {})
        await send(FRAME)

    async def send(message):
        sent.append(message)

    await Backpressure(application)({"type": "websocket"}, None, send)
    assert sent == [FRAME]


@pytest.fixture
def port(tmp_path, valkey):
    """Run Daphne, which cuts off after half a second, and yield its port."""
    port = free_port()
    command = [sys.executable, "-c", IMPATIENT, "-p", str(port), "pizzaProj.asgi:application"]
    with open(tmp_path / "web.log", "w") as log:
        web = subprocess.Popen(
            command,
            env=environment(tmp_path, REDIS_URL=settings.REDIS_URL),
            cwd=settings.BASE_DIR,
            stdout=log,
            stderr=log,
        )
    try:
        await_that(lambda: "Listening on TCP" in (tmp_path / "web.log").read_text())
        yield port
    finally:
        web.kill()
        web.wait()


LETTER = bytes([0x81, 0x81, 0, 0, 0, 0]) + b"x"


@pytest.mark.slow
def test_daphne_answers_a_page_while_a_client_floods_it(port):
    """The flood ends with 4429 while its client still sends, and a page is answered then."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as client:
        client.sendall(HANDSHAKE.format(path="/ws/orders/", port=port).encode())
        assert client.recv(12) == b"HTTP/1.1 101"
        heard, sent = b"", 0
        client.setblocking(False)
        while (closed := bytes([0x88, 2]) + (4429).to_bytes(2, "big")) not in heard:
            sent += try_to(client.send, LETTER * 1000) or 0
            heard += try_to(client.recv, 65536) or b""
        assert b"too much at once" in heard
        assert heard.count(b"error") < 150  # those that were read, and a sentence a second
        assert sent >= len(LETTER) * 100
        assert page_answers(port)
        assert heard.endswith(closed)


def try_to(act, what):
    """Return what a socket that does not block has done, None if it would have waited."""
    try:
        return act(what)
    except BlockingIOError:
        time.sleep(0.001)
        return None


def page_answers(port):
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as client:
        client.sendall(f"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        return b" 200 " in client.recv(100)


@pytest.mark.slow
def test_daphne_cuts_off_a_client_that_only_talks(port):
    """Its buffers are small, so that they are full soon."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.settimeout(PATIENCE_SECONDS)
        client.connect(("127.0.0.1", port))
        client.sendall(HANDSHAKE.format(path="/ws/orders/", port=port).encode())
        assert client.recv(12) == b"HTTP/1.1 101"
        with pytest.raises(ConnectionError):
            for _ in range(PATIENCE_SECONDS * 100):
                client.sendall(MASKED * 20)
                time.sleep(0.01)  # no flood: each gets its answer, which nobody reads
