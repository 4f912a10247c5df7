"""The real nginx, with the shop's own configuration, in front of two small webs that can stand still."""

import json
import re
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import create_connection
from typing import NamedTuple

import pytest

from benchmarks.chaos import nginx
from benchmarks.processes import accepts, free_port
from pizzaProj.waits import ANSWER_SECONDS
from telemetry import trace

pytestmark = pytest.mark.skipif(not nginx.program(), reason="nginx is not installed.")
KEY = {"Idempotency-Key": "click 1"}
SECRET = "/order/abcdefghij0123456789/"


class Web(ThreadingHTTPServer):
    """A web that remembers what it was asked, and answers unless it is frozen."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Asked)
        self.asked, self.addresses, self.ids = [], [], []
        self.status = 200
        self.thaw = threading.Event()
        self.thaw.set()
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()

    def close(self):
        self.thaw.set()
        self.shutdown()
        self.server_close()


class Asked(BaseHTTPRequestHandler):
    def answer(self):
        self.server.asked.append((self.command, self.path, self.headers.get("Upgrade", "")))
        self.server.addresses.append(self.headers["X-Forwarded-For"])
        self.server.ids.append(self.headers["X-Request-ID"])
        self.server.thaw.wait()
        with suppress(OSError):  # the proxy has gone
            self.send_response(self.server.status)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"shop")

    do_GET = do_POST = answer

    def log_message(self, *words):
        pass


class Answer(NamedTuple):
    status: int
    body: str
    retry_after: str | None
    seconds: float
    request_id: str | None  # as the proxy itself says; the webs of these tests say none


class Proxy:
    def __init__(self, folder, webs, text=nginx.SHIPPED):
        self.folder, self.webs = folder, webs
        self.port = free_port()
        command = nginx.command(folder, self.port, [web.server_port for web in webs], text)
        self.process = subprocess.Popen(command)
        while not accepts(self.port):
            assert self.process.poll() is None, (folder / "errors.log").read_text()
            time.sleep(0.01)

    def ask(self, method, path, headers=None):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        began = time.monotonic()
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        took, headers = time.monotonic() - began, answer.headers
        return Answer(answer.status, body, headers["Retry-After"], took, headers["X-Request-ID"])

    def ask_together(self, *requests):
        with ThreadPoolExecutor(len(requests)) as people:
            return list(people.map(lambda request: self.ask(*request), requests))

    @property
    def asked(self):
        return sorted(asked for web in self.webs for asked in web.asked)


@contextmanager
def proxied(folder, text=nginx.SHIPPED):
    webs = [Web(), Web()]
    proxy = Proxy(folder, webs, text)
    yield proxy
    proxy.process.terminate()
    proxy.process.wait(10)
    for web in webs:
        web.close()


@pytest.fixture
def proxy(tmp_path):
    with proxied(tmp_path) as proxy:
        yield proxy


def test_a_frozen_web_holds_nobody_up(proxy):
    proxy.webs[0].thaw.clear()
    asked = [("GET", "/", None), ("POST", "/api/order/", KEY), ("GET", "/admin/", None), ("POST", "/api/order", KEY)]
    answers = proxy.ask_together(*asked * 3)
    assert [answer.status for answer in answers] == [200] * 12
    assert max(answer.seconds for answer in answers) < ANSWER_SECONDS
    assert len(proxy.webs[0].asked) >= 3 and len(proxy.webs[1].asked) == 12
    frozen = len(proxy.webs[0].asked)
    assert [proxy.ask("GET", "/").status for _ in range(4)] == [200] * 4
    assert len(proxy.webs[0].asked) - frozen <= 1  # it gets no more, but for a trial


def test_a_frozen_web_holds_up_no_log_in_to_the_admin(proxy):
    """Anybody can send these, so they don't get the admin's 60 s."""
    for web in proxy.webs:
        web.thaw.clear()
    answers = proxy.ask_together(("POST", "/admin/login/", None), ("POST", "/admin/logout/", None))
    assert [answer.status for answer in answers] == [503] * 2
    assert max(answer.seconds for answer in answers) < ANSWER_SECONDS


def test_nobody_chooses_their_address_but_a_proxy_that_is_trusted(tmp_path):
    forged = {"X-Forwarded-For": "6.6.6.6"}
    with proxied(tmp_path) as proxy:
        proxy.ask("GET", "/", forged)
        assert [address for web in proxy.webs for address in web.addresses] == ["127.0.0.1"]
    example = (nginx.ROOT / "proxy/trusted/tls.conf.example").read_text()
    (tmp_path / "trusted").mkdir()
    (tmp_path / "trusted/tls.conf").write_text(example.replace("172.18.0.1", "127.0.0.1"))
    with proxied(tmp_path) as proxy:
        proxy.ask("GET", "/", {"X-Forwarded-For": "6.6.6.6, 198.51.100.7"})  # the last is what our own proxy has seen
        assert [address for web in proxy.webs for address in web.addresses] == ["198.51.100.7"]


def test_each_request_has_an_id_that_no_client_chooses(proxy):
    forged = {"X-Request-ID": "f" * 32, "X-Forwarded-Port": "1"}
    for _ in range(2):
        proxy.ask("GET", "/", forged)
    ids = [one for web in proxy.webs for one in web.ids]
    assert len(set(ids)) == 2 and all(map(trace.checked, ids)) and "f" * 32 not in ids
    for web in proxy.webs:
        web.close()
    away = proxy.ask("GET", "/", forged)
    assert trace.checked(away.request_id) not in ("", *ids)
    assert f"request {away.request_id}," in (proxy.folder / "failures.log").read_text()


def test_webs_that_were_all_slow_are_asked_again_at_once(proxy):
    for web in proxy.webs:
        web.thaw.clear()
    assert {answer.status for answer in proxy.ask_together(*[("GET", "/", None)] * 4)} == {503}
    for web in proxy.webs:
        web.thaw.set()
    assert [proxy.ask("GET", "/").status for _ in range(4)] == [200] * 4


def test_what_might_be_done_twice_is_sent_once(proxy):
    for web in proxy.webs:
        web.thaw.clear()
    once, other, repeatable = proxy.ask_together(
        ("POST", "/api/order/", None), ("POST", "/chat/", KEY), ("POST", "/api/order/?x", KEY)
    )
    assert [answer.status for answer in (once, other, repeatable)] == [503] * 3
    assert max(answer.seconds for answer in (once, other, repeatable)) < ANSWER_SECONDS
    assert [path for _, path, _ in proxy.asked] == ["/api/order/", "/api/order/?x", "/api/order/?x", "/chat/"]


def test_what_staff_send_off_is_waited_for(proxy):
    """The answer comes after everybody else's patience has ended, which another request proves."""
    for web in proxy.webs:
        web.thaw.clear()
    with ThreadPoolExecutor(1) as people:
        action = people.submit(proxy.ask, "POST", "/admin/home/order/")
        assert proxy.ask("POST", "/log-in/").status == 503
        for web in proxy.webs:
            web.thaw.set()
        assert action.result().status == 200


def test_without_any_web_the_proxy_has_kind_words(proxy):
    for web in proxy.webs:
        web.close()
    page, script = proxy.ask("GET", SECRET), proxy.ask("POST", "/api/order/", KEY)
    assert [(answer.status, answer.retry_after) for answer in (page, script)] == [(503, "5")] * 2
    assert "<h1>One moment, please</h1>" in page.body
    assert json.loads(script.body)["status"] is False
    assert not re.search(r"nginx|gateway|50\d", page.body + script.body)
    logs = [(proxy.folder / name).read_text() for name in ("errors.log", "failures.log")]
    assert "503 GET" in logs[1] and SECRET not in "".join(logs)


def test_a_full_proxy_keeps_addresses_to_itself(tmp_path):
    """Each visitor takes two connections of nginx, so one of the visitors finds only one left."""
    few = nginx.SHIPPED.replace("worker_connections 8192;", "worker_connections 11;")
    few = few.replace("worker_processes auto;", "worker_processes 1;")
    with proxied(tmp_path, few) as proxy, ExitStack() as visitors:
        for web in proxy.webs:
            web.thaw.clear()
        for _ in range(10):
            visitor = visitors.enter_context(create_connection(("127.0.0.1", proxy.port)))
            visitor.sendall(f"GET {SECRET} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        while not (failures := (tmp_path / "failures.log").read_text()):
            time.sleep(0.01)
    assert "500 GET" in failures and SECRET not in failures + (tmp_path / "errors.log").read_text()


def test_the_shop_says_by_itself_that_it_is_busy(proxy):
    """Test that the second web is not asked as well: it would wait for the same database."""
    for web in proxy.webs:
        web.status = 503
    answers = [proxy.ask("GET", "/") for _ in range(8)]
    assert {(answer.status, answer.body) for answer in answers} == {(503, "shop")}
    assert len(proxy.asked) == 8


def test_sockets_are_the_only_upgrade(proxy):
    for protocol in ("websocket", "h2c"):
        proxy.ask("GET", "/ws/menu/", {"Connection": "Upgrade", "Upgrade": protocol})
    assert [upgrade for _, _, upgrade in proxy.asked if upgrade] == ["websocket"]
