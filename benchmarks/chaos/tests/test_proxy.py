"""The proxy does to connections what it says, and what passes is unharmed."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.chaos.proxy import HOST, Proxy

PATIENCE_SECONDS = 5.0  # until something arrives that does
SILENCE_SECONDS = 0.2


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while chunk := self.request.recv(1024):
            self.request.sendall(chunk)
        self.server.ended.set()


@pytest.fixture
def echo() -> Iterator[socketserver.ThreadingTCPServer]:
    with socketserver.ThreadingTCPServer((HOST, 0), Echo) as server:
        server.daemon_threads = True
        server.ended = threading.Event()
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def proxy(echo: socketserver.ThreadingTCPServer) -> Iterator[Proxy]:
    with Proxy(echo.server_address) as proxy:
        yield proxy


@contextmanager
def client(proxy: Proxy) -> Iterator[socket.socket]:
    """Connect, and say hello to be sure that the proxy has connected as well."""
    with socket.create_connection((HOST, proxy.port), PATIENCE_SECONDS) as one:
        assert say(one, b"hello") == b"hello"
        yield one


def say(one: socket.socket, words: bytes, seconds: float = PATIENCE_SECONDS) -> bytes | None:
    """Return what comes back, None if nothing does."""
    one.settimeout(seconds)
    one.sendall(words)
    try:
        return one.recv(1024)
    except TimeoutError:
        return None


def test_it_passes_everything_on(proxy: Proxy) -> None:
    with client(proxy) as one, client(proxy) as other:
        assert [say(one, b"1"), say(other, b"2"), say(one, b"3")] == [b"1", b"2", b"3"]
    assert proxy.connects == 2


def test_what_it_held_arrives_later(proxy: Proxy) -> None:
    with client(proxy) as one:
        proxy.hold()
        assert say(one, b"held", SILENCE_SECONDS) is None
        proxy.heal()
        assert say(one, b", and more").startswith(b"held")


def test_what_it_swallowed_never_arrives(proxy: Proxy, echo: socketserver.ThreadingTCPServer) -> None:
    with client(proxy) as old:
        proxy.swallow()
        assert echo.ended.wait(PATIENCE_SECONDS)
        with socket.create_connection((HOST, proxy.port)) as new:
            assert [say(one, b"?", SILENCE_SECONDS) for one in (old, new)] == [None, None]
            proxy.heal()
            assert [say(one, b"?", SILENCE_SECONDS) for one in (old, new)] == [None, None]
        with client(proxy) as one:
            assert say(one, b"!") == b"!"


def test_what_it_forgot_is_half_open_and_new_connections_work(
    proxy: Proxy, echo: socketserver.ThreadingTCPServer
) -> None:
    with client(proxy) as old:
        proxy.forget()
        assert echo.ended.wait(PATIENCE_SECONDS)
        assert say(old, b"?", SILENCE_SECONDS) is None
        with client(proxy) as new:
            assert say(new, b"!") == b"!"


def test_it_is_slow_in_both_directions(proxy: Proxy) -> None:
    with client(proxy) as one:
        proxy.slow(SILENCE_SECONDS)
        assert say(one, b"1", SILENCE_SECONDS) is None
        assert say(one, b"2") == b"1"


def test_it_resets_connections(proxy: Proxy) -> None:
    with client(proxy) as one:
        proxy.reset()
        with pytest.raises(ConnectionError):
            say(one, b"?")
            say(one, b"?")
    with client(proxy) as one:
        assert say(one, b"!") == b"!"


def test_a_client_of_a_target_that_is_down_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))  # and not listening
        with Proxy(taken.getsockname()) as proxy, socket.create_connection((HOST, proxy.port)) as one:
            one.settimeout(PATIENCE_SECONDS)
            with pytest.raises(ConnectionError):
                if not one.recv(1):
                    raise ConnectionError("closed")
