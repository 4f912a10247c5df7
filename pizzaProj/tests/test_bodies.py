"""What is too large or too slow is refused while it arrives. Daphne's own protocol, with a wire that a test holds."""

import json
from pathlib import Path

import pytest
from daphne import http_protocol
from django.conf import settings
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from pizzaProj import bodies, limits, waits

SMALL, LARGE = 1000, 5000  # instead of a megabyte and eleven


class Wire(StringTransport):
    is_half_closed = False
    is_cut = False

    def loseWriteConnection(self):
        self.is_half_closed = True

    def abortConnection(self):
        self.is_cut = True


class Server:
    """What a request needs of Daphne's server; it notes which requests were handed over, and how large they are."""

    proxy_forwarded_address_header = None  # as Daphne is started without --proxy-headers
    proxy_forwarded_port_header = proxy_forwarded_proto_header = None
    root_path = ""
    request_buffer_size = 8192

    def __init__(self):
        self.handed_over, self.clients = [], []

    def protocol_connected(self, protocol):
        pass

    protocol_disconnected = protocol_connected

    def create_application(self, protocol, scope):
        self.clients.append(scope["client"][0])
        self.handed_over.append((scope["path"], protocol.content.seek(0, 2)))
        protocol.content.seek(0)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(bodies, "reactor", clock)
    return clock


@pytest.fixture
def server(monkeypatch, clock):
    monkeypatch.setattr(limits, "BODY_BYTES", SMALL)
    monkeypatch.setattr(limits, "UPLOAD_BYTES", LARGE)
    monkeypatch.setattr(bodies.BoundedRequest, "uploads", set())
    monkeypatch.setattr(bodies.BoundedRequest, "queue", bodies.deque())
    monkeypatch.setattr(http_protocol, "WebRequest", bodies.BoundedRequest)
    return Server()


def send(server, data):
    """Send it on a connection of its own. Return the connection's two ends."""
    wire = Wire(peerAddress=IPv4Address("TCP", "10.0.0.1", 4000), hostAddress=IPv4Address("TCP", "10.0.0.2", 80))
    protocol = http_protocol.HTTPFactory(server).buildProtocol(None)
    protocol.makeConnection(wire)
    protocol.dataReceived(data)
    return protocol, wire


def post(path, length, more="", method="POST"):
    head = f"{method} {path} HTTP/1.1\r\nHost: shop\r\nContent-Length: {length}\r\n{more}\r\n"
    return head.encode()


def test_the_application_runs_with_it(server):
    from pizzaProj import asgi  # noqa: F401

    assert issubclass(http_protocol.WebRequest, bodies.BoundedRequest)


@pytest.mark.parametrize(
    ("path", "most"), [("/api/order/", SMALL), ("/log-in/", SMALL), ("/profile/", LARGE), ("/admin/x/", LARGE)]
)
def test_a_body_up_to_the_limit_is_handed_over(server, clock, path, most):
    send(server, post(path, most) + b"x" * most)
    assert server.handed_over == [(path, most)]
    assert not clock.getDelayedCalls()


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
@pytest.mark.parametrize(("path", "most"), [("/api/order/", SMALL), ("/log-in/", SMALL), ("/profile/", LARGE)])
def test_a_larger_one_is_refused_before_it_arrives(server, path, most, method):
    _, wire = send(server, post(path, most + 1, "Expect: 100-continue\r\n", method))
    head, _, body = wire.value().decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 413 Content Too Large\r\n")
    assert "100" not in head.splitlines()[0] and wire.value().count(b"HTTP/1.1") == 1
    if path.startswith("/api/"):
        assert json.loads(body) == {"status": False, "error": bodies.TOO_LARGE}
    else:
        assert f"<p>{bodies.TOO_LARGE}</p>" in body
    assert wire.is_half_closed and not server.handed_over


def chunks(path, *sizes):
    head = f"POST {path} HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (size, b"x" * size) for size in sizes)


def test_without_a_length_it_is_refused_once_there_is_too_much(server, clock):
    protocol, wire = send(server, chunks("/log-in/", SMALL))
    assert not wire.value()
    protocol.dataReceived(b"1\r\nx\r\n" + b"ff\r\n" + b"x" * 255 + b"\r\n0\r\n\r\n")
    assert wire.value().count(b"HTTP/1.1 413 ") == 1
    assert not server.handed_over
    clock.advance(waits.LINGER_SECONDS)
    assert wire.is_cut
    send(server, chunks("/log-in/", SMALL, 0)[:-2] + b"\r\n")
    assert server.handed_over == [("/log-in/", SMALL)]


def test_a_body_that_comes_by_drops_is_not_waited_for(server, clock):
    protocol, wire = send(server, post("/log-in/", SMALL))
    clock.advance(waits.BODY_SECONDS - 1)
    protocol.dataReceived(b"x")
    assert not wire.is_cut
    clock.advance(1)
    assert wire.is_cut


def test_large_ones_are_in_memory_a_few_at_a_time(server, monkeypatch):
    monkeypatch.setattr(limits, "UPLOADS_AT_ONCE", 1)
    monkeypatch.setattr(limits, "UPLOADS_WAITING", 2)
    data = post("/profile/", LARGE) + b"x" * LARGE
    first, second, third, fourth = (send(server, data) for _ in range(4))
    assert server.handed_over == [("/profile/", LARGE)]
    assert fourth[1].value().startswith(b"HTTP/1.1 429 ") and b"\r\nRetry-After: 5\r\n" in fourth[1].value()
    send(server, post("/log-in/", SMALL) + b"x" * SMALL)  # a small one goes past
    assert server.handed_over == [("/profile/", LARGE), ("/log-in/", SMALL)]
    second[0].connectionLost(None)  # one who left leaves the queue
    first[0].connectionLost(None)
    assert server.handed_over[2:] == [("/profile/", LARGE)]
    third[0].connectionLost(None)
    assert not bodies.BoundedRequest.uploads and not bodies.BoundedRequest.queue


def test_no_form_is_parsed_in_the_event_loop(server, monkeypatch):
    monkeypatch.setattr("twisted.web.http.parse_qs", lambda *args: pytest.fail("It was parsed."))
    send(server, post("/log-in/", 3, "Content-Type: application/x-www-form-urlencoded\r\n") + b"a=1")
    assert server.handed_over == [("/log-in/", 3)]


@pytest.mark.parametrize("more", ["X-Forwarded-For: 6.6.6.6\r\n", "X-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n"])
def test_without_a_proxy_nobody_chooses_an_address(server, more):
    send(server, post("/log-in/", 0, more))
    assert server.clients == ["10.0.0.1"]


def test_behind_the_proxy_its_word_counts_and_no_other_header(server):
    """The proxy overwrites the header with a single address (test_compose)."""
    server.proxy_forwarded_address_header = "X-Forwarded-For"
    send(
        server,
        post("/log-in/", 0, "X-Forwarded-For: 9.9.9.9\r\nX_Forwarded_For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n"),
    )
    assert server.clients == ["9.9.9.9"]


def test_the_shop_without_a_proxy_is_started_without_its_headers():
    source = Path(settings.BASE_DIR, "pizzaProj/management/commands/stack.py").read_text()
    assert "--proxy-headers" not in source
