"""A handshake costs nothing for a log that nobody writes."""

import pprint

import pytest
from autobahn import util
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket import protocol
from twisted.internet.testing import StringTransport

from pizzaProj.logs import unwritten

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHBpenphIGlzIGhvdA==\r\n\r\n"
)


@pytest.fixture
def formatted(monkeypatch):
    """Return what Autobahn formats: it is as it was installed."""
    values = []
    for name, formats in (("pformat", pprint.pformat), ("hltype", util.hltype), ("hlval", util.hlval)):
        note = lambda value, *options, formats=formats, **more: values.append(value) or formats(value)  # noqa: E731
        monkeypatch.setattr(protocol, name, note)
    return values


def shake_hands():
    factory = WebSocketServerFactory()
    factory.protocol = WebSocketServerProtocol
    connection = factory.buildProtocol(None)
    transport = StringTransport()
    connection.makeConnection(transport)
    connection.dataReceived(HANDSHAKE)
    assert transport.value().startswith(b"HTTP/1.1 101")


def test_autobahn_formats_nothing(formatted):
    shake_hands()
    assert formatted
    formatted.clear()
    unwritten.spare()
    shake_hands()
    assert formatted == []
