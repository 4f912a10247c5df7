"""Read the public surface of a shop: tables, tasks, addresses, and the shape of frames on its sockets."""

import http.cookiejar
import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any

from websockets import Origin
from websockets.sync.client import ClientConnection, connect

Shape = Any  # a dict of shapes, a list of one shape, or "value"
SCALAR = "value"
PATIENCE_SECONDS = 15


def surface() -> dict[str, Any]:
    from django.apps import apps
    from django.urls import get_resolver

    from celery_app import app
    from pizzaProj.asgi import sockets

    app.loader.import_default_modules()
    return {
        "tables": {model._meta.label: model._meta.db_table for model in apps.get_models(include_auto_created=True)},
        "tasks": sorted(name for name in app.tasks if not name.startswith("celery.")),
        "addresses": sorted(set(addresses(get_resolver().url_patterns))),
        "sockets": [str(socket.pattern) for socket in sockets],
    }


def addresses(patterns: Iterable[Any], before: str = "") -> Iterator[str]:
    """Yield each path with its name. The admin's paths follow from the tables, so they count as one."""
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns") and path != "admin/":
            yield from addresses(pattern.url_patterns, path)
        else:
            yield f"{path} {getattr(pattern, 'name', None) or ''}".strip()


# The shape of a frame


def shape(value: Any) -> Shape:
    """Reduce a JSON value to its keys."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in sorted(value.items())}
    if isinstance(value, list):
        whole: Shape = SCALAR
        for inner in value:
            whole = both(whole, shape(inner))
        return [whole]
    return SCALAR


def both(one: Shape, other: Shape) -> Shape:
    """Merge the shapes of two values of one kind: some keys are optional, some values are null."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: both(one.get(name, SCALAR), other.get(name, SCALAR)) for name in sorted({*one, *other})}
    if isinstance(one, list) and isinstance(other, list):
        return [both(one[0], other[0])]
    return other if one == SCALAR else one


def kind(frame: dict[str, Any]) -> str:
    return str(frame.get("type") or "+".join(sorted(frame)))


# Frames sent to the pages of staff


def log_in(url: str, username: str, password: str) -> urllib.request.OpenerDirector:
    """Return a browser that is logged in."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    page = browser.open(f"{url}log-in/", timeout=PATIENCE_SECONDS).read().decode()
    token = re.search('name="csrfmiddlewaretoken" value="(.+?)"', page)
    assert token
    form = {"csrfmiddlewaretoken": token[1], "username": username, "password": password}
    browser.open(f"{url}log-in/", urllib.parse.urlencode(form).encode(), timeout=PATIENCE_SECONDS).read()
    return browser


def cookies_of(browser: urllib.request.OpenerDirector) -> str:
    jars = [
        handler.cookiejar for handler in browser.handlers if isinstance(handler, urllib.request.HTTPCookieProcessor)
    ]
    return "; ".join(f"{cookie.name}={cookie.value}" for jar in jars for cookie in jar)


class Window:
    """An open socket that records the shape of the frames it receives."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.found: dict[str, Shape] = {}

    def say(self, **words: Any) -> None:
        self.socket.send(json.dumps(words))

    def hear(self, *kinds: str) -> dict[str, Any]:
        """Return one frame of each of these kinds, in any order."""
        heard: dict[str, Any] = {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while missing := set(kinds) - set(heard):
            try:
                frame = json.loads(self.socket.recv(timeout=deadline - time.monotonic()))
            except TimeoutError:
                raise AssertionError(f"{missing} never came, only {set(heard)}") from None
            heard[kind(frame)] = frame
        for name in kinds:
            self.found[name] = both(self.found.get(name, SCALAR), shape(heard[name]))
        return heard


def frames(url: str, order_id: str) -> dict[str, dict[str, Shape]]:
    """Return the shape of every kind of frame around one order and its room."""
    headers = {"Cookie": cookies_of(log_in(url, "bob", "bob's oven 2"))}
    found = {}
    for path, visit in VISITS.items():
        address = url.replace("http", "ws", 1) + path.format(order_id)
        with connect(address, origin=Origin(url[:-1]), additional_headers=headers) as socket:
            window = Window(socket)
            visit(window, order_id)
        found[path] = window.found
    return found


def visit_order(window: Window, order_id: str) -> None:
    window.hear("payload+status")
    window.say(action="nonsense")
    window.hear("error+payload")


def visit_list(window: Window, order_id: str) -> None:
    window.say(watch=[order_id])
    window.hear("payload")
    window.say(watch="nonsense")
    window.hear("error")


def visit_board(window: Window, order_id: str) -> None:
    board = window.hear("board+history")["board+history"]["board"]
    (seq,) = [order["seq"] for order in board["orders"] if order["order_id"] == order_id]
    window.say(action="station", stage="out_for_delivery", mean_seconds=901)  # where the order is: it is due later
    window.hear("done", "orders+shop+stations")
    window.say(action="rush", order_id=order_id, seq=seq)
    window.hear("done+order", "orders")
    window.say(action="nonsense", order_id=order_id)
    window.hear("error+order")


def visit_drivers(window: Window, order_id: str) -> None:
    drivers = window.hear("drivers")["drivers"]["drivers"]
    (seq,) = [order["seq"] for order in drivers["orders"] if order["order_id"] == order_id]
    window.say(action="nonsense", order_id=order_id)
    window.hear("error+order")
    window.say(action="advance", order_id=order_id, seq=seq)
    window.hear("done+order", "gone")
    window.say(action="undo", order_id=order_id, seq=seq + 100)
    window.hear("done+order", "orders")


def visit_room(window: Window, order_id: str) -> None:
    window.hear("welcome", "history", "here")
    window.say(message="It is on its way.", id="five")
    seq = window.hear("message")["message"]["seq"]
    window.say(type="edit", seq=seq, message="It is at your door.")
    window.hear("changed")
    window.say(type="close")
    window.hear("room")
    window.say(type="nonsense", id="six")
    window.hear("error")


def visit_inbox(window: Window, order_id: str) -> None:
    window.hear("inbox")
    window.say(type="nonsense")
    window.hear("error")


def visit_notices(window: Window, order_id: str) -> None:
    window.hear("marks+notices")


VISITS = {
    "ws/pizza/{}/": visit_order,
    "ws/orders/": visit_list,
    "ws/chat/order-{}/": visit_room,
    "ws/inbox/": visit_inbox,
    "ws/notices/": visit_notices,
    "ws/kitchen/": visit_board,
    "ws/kitchen/drivers/": visit_drivers,
}
