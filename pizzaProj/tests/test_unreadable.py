"""Daphne answers 500 to what is not ASCII, and believes anyone who says where the shop is."""

import pytest
from daphne import http_protocol
from twisted.web.http_headers import Headers

from pizzaProj import unreadable


class Request:
    """Stand in for Daphne's own, which notes how it ended."""

    method, clientproto = b"GET", b"HTTP/1.1"

    def __init__(self, **headers):
        named = {name.replace("_", "-").encode(): [value] for name, value in headers.items()}
        self.requestHeaders = Headers(named)
        self.ended = ""

    def process(self):
        self.ended = "read"

    def basic_error(self, status, reason, text):
        self.ended = f"{status} {reason.decode()}"


@pytest.fixture(autouse=True)
def guarded(monkeypatch):
    monkeypatch.setattr(http_protocol.WebRequest, "process", Request.process)
    unreadable.refuse()


def ended(request):
    http_protocol.WebRequest.process(request)
    return request.ended


def test_an_ordinary_request_is_read():
    assert ended(Request(sec_websocket_protocol=b"chat")) == "read"


def test_a_protocol_that_is_not_ascii_is_refused():
    assert ended(Request(sec_websocket_protocol="é".encode())) == "400 Bad Request"


def test_a_method_that_is_not_ascii_is_refused():
    request = Request()
    request.method = b"\xff"
    assert ended(request) == "400 Bad Request"


def test_nobody_says_where_the_shop_is():
    request = Request(daphne_root_path="/é".encode())
    assert ended(request) == "read"
    assert not request.requestHeaders.hasHeader(unreadable.ROOT_PATH)
