"""Requests of a kind a few at a time, each address in turn; what is cheap goes past them."""

import asyncio
import json
import re
import sys

import pytest
from django.conf import settings

from pizzaProj import asgi, limits, waits
from pizzaProj.lanes import Lane, Lanes, kind_of


class Shop:
    """An application whose requests end when the test says so."""

    def __init__(self):
        self.begun = []
        self.ends = {}

    async def __call__(self, scope, receive, send):
        self.begun.append(scope["name"])
        await self.ends.setdefault(scope["name"], asyncio.Event()).wait()

    async def end(self, name):
        self.ends[name].set()
        await settled()


async def settled():
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def one_place(monkeypatch):
    monkeypatch.setattr(limits, "LANES", {"log-ins": 1, "changes": 1, "promises": 1, "reads": 1})
    monkeypatch.setattr(limits, "LANE_WAITING_OF_ADDRESS", 2)
    monkeypatch.setattr(waits, "LANE_SECONDS", 30)
    monkeypatch.setattr(waits, "READ_LANE_SECONDS", 30)


async def ask(lanes, name, address="10.0.0.1", method="POST", path="/api/order/"):
    answer = []

    async def send(message):
        answer.append(message)

    scope = {"type": "http", "method": method, "path": path, "client": [address, 1], "name": name}
    task = asyncio.create_task(lanes(scope, None, send))
    await settled()
    return task, answer


async def test_each_address_has_its_turn():
    lanes = Lanes(shop := Shop())
    for name, address in [("a", "10.0.0.1"), ("b", "10.0.0.1"), ("c", "10.0.0.1"), ("d", "10.0.0.2")]:
        await ask(lanes, name, address)
    assert shop.begun == ["a"]
    for name in ("a", "b", "d"):
        await shop.end(name)
    assert shop.begun == ["a", "b", "d", "c"]
    await shop.end("c")
    assert (lanes.lanes["changes"].free, lanes.lanes["changes"].waiting) == (1, {})


async def test_the_other_kinds_go_past():
    lanes = Lanes(shop := Shop())
    await ask(lanes, "order")
    await ask(lanes, "second order")
    await ask(lanes, "page", method="GET", path="/")
    await ask(lanes, "log-in", path="/log-in/")
    await ask(lanes, "promise", method="GET", path="/api/promise/")
    assert shop.begun == ["order", "page", "log-in", "promise"]


async def test_who_is_too_many_is_told_when_to_come_back():
    lanes = Lanes(shop := Shop())
    for name in "abc":
        await ask(lanes, name)
    _, (start, body) = await ask(lanes, "d")
    assert start["status"] == 429 and (b"retry-after", b"2") in start["headers"]
    error = "Many people are here right now. Try again in 2 seconds."
    assert json.loads(body["body"]) == {"status": False, "error": error}
    await ask(lanes, "e", "10.0.0.2")
    await shop.end("a")
    await shop.end("b")
    assert shop.begun == ["a", "b", "e"]


async def test_who_waits_in_vain_or_leaves_gives_the_place_up(monkeypatch):
    lanes = Lanes(shop := Shop())
    await ask(lanes, "a")
    left, _ = await ask(lanes, "b")
    left.cancel()
    await settled()
    monkeypatch.setattr(waits, "LANE_SECONDS", 0)
    task, answer = await ask(lanes, "c")
    await task
    assert answer[0]["status"] == 503
    assert lanes.lanes["changes"].waiting == {}
    await shop.end("a")
    await ask(lanes, "d")
    assert shop.begun == ["a", "d"]


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/", "reads"),
        ("HEAD", "/order/abc/", "reads"),
        ("GET", "/api/order/abc/", "reads"),
        ("GET", "/log-in/", "reads"),
        ("GET", "/admin/login/", "reads"),
        ("GET", "/admin/home/order/", None),
        ("GET", "/static/js/live.js", None),
        ("GET", "/media/pizzas/1.webp", None),
        ("POST", "/admin/login/", "log-ins"),
        ("POST", "/admin/home/order/", None),
        ("POST", "/profile/password/", "log-ins"),
        ("POST", "/kitchen/planner/", "changes"),
        ("GET", "/api/promise", "promises"),
        ("GET", "/healthz", None),
        ("GET", "/healthz-x", "reads"),
        ("GET", "/__reload__/events/", None),
    ],
)
def test_each_request_has_a_lane_or_none(method, path, kind):
    assert kind_of(method, path) == kind


async def test_a_reader_is_sent_away_before_the_proxy_asks_another_web(monkeypatch):
    lanes = Lanes(shop := Shop())
    await ask(lanes, "a", method="GET", path="/")
    monkeypatch.setattr(waits, "READ_LANE_SECONDS", 0)
    task, answer = await ask(lanes, "b", method="GET", path="/order/abc/")
    await task
    assert (answer[0]["status"], shop.begun) == (503, ["a"])
    proxy = (settings.BASE_DIR / "proxy" / "nginx.conf").read_text()
    (first_try,) = re.findall(r"non_idempotent;\s+proxy_send_timeout \ds;\s+proxy_read_timeout (\d)s;", proxy)
    monkeypatch.undo()
    assert int(first_try) >= 2 * waits.READ_LANE_SECONDS  # so that there is as long for the work


async def test_who_leaves_as_its_turn_comes_takes_no_place_with_it():
    lanes = Lanes(shop := Shop())
    await ask(lanes, "a")
    gone, _ = await ask(lanes, "b")
    last, _ = await ask(lanes, "c", address="10.0.0.2")
    shop.ends["a"].set()
    gone.cancel()
    await settled()
    assert shop.begun == ["a", "c"]
    await shop.end("c")
    assert last.done() and lanes.lanes["changes"].waiting == {}
    await ask(lanes, "d")
    assert shop.begun == ["a", "c", "d"]


def test_the_event_loop_has_its_turn_soon():
    assert asgi.application
    assert sys.getswitchinterval() == pytest.approx(waits.SWITCH_SECONDS)


async def test_a_turn_ends_with_its_block():
    lane = Lane(1)
    with pytest.raises(ZeroDivisionError):
        async with lane.turn("10.0.0.1"):
            assert lane.free == 0
            1 / 0  # noqa: B018
    assert lane.free == 1


async def test_a_turn_that_was_given_up_is_passed_on():
    lane = Lane(1)
    await lane.enter("10.0.0.1")
    first, second = (asyncio.create_task(lane.enter("10.0.0.1")) for _ in range(2))
    await settled()
    first.cancel()
    lane.leave()  # before the task has heard that it is cancelled
    await settled()
    assert first.cancelled() and second.done()
    lane.leave()
    assert (lane.free, lane.waiting) == (1, {})
