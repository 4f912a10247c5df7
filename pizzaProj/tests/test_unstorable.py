"""Whatever is in an address, a cookie, a form or a frame: never a bug, on either database.

SQLite takes much that PostgreSQL refuses, so these say little unless they run there.
"""

import json
import re
from collections import defaultdict
from unittest.mock import patch
from urllib.parse import quote

import pytest
from channels.testing import WebsocketCommunicator
from django.db import transaction
from django.test import AsyncClient, Client
from django.urls import get_resolver
from django.urls.resolvers import RoutePattern, URLPattern

from home.admin.orders import OrderAdmin
from home.models import Order
from pizzaProj.asgi import application, sockets
from pizzaProj.refusals import NOTHING, UNREADABLE
from pizzaProj.unstorable import NOT_UTF_8, SENTENCE
from realtime.incoming import UNSTORABLE

pytestmark = [pytest.mark.database, pytest.mark.django_db]

NUL = "a%00b"
FORM = "application/x-www-form-urlencoded"
# An integer that no column holds, a text that no index does, one that ends in LIKE's escape, half of a surrogate pair
STRANGE = [str(2**63), "x" * 3000, "a%5C", "%ed%a0%80"]
FIELDS = [
    "username",
    "password",
    "password1",
    "password2",
    "email",
    "old_password",
    "new_password1",
    "room",
    "friend",
    "name",
    "days",
    "q",
    "next",
    "stage",
    "action",
    "_selected_action",
    "index",
    "csrfmiddlewaretoken",
    "_popup",
    "_to_field",
]
FILTERS = [
    "id__in=1,99999999999999999999",
    "id__exact=9999999999999999999",
    "p=99999999999999999999",
    "o=99999999999999999999",
    "created_at__gte=99999-01-01",
    "created_at__gte=0000-00-00",
    "created_at__year=9999",
    "created_at__year=9999&created_at__month=12",
    "created_at__year=9999&created_at__month=12&created_at__day=31",
    "created_at__year=0",
    "stage__exact=xxx",
    "q=a%5C",
    "all=NaN",
    "e=9",
    "user__id__exact=99999999999999999999",
    "user__id__in=a",
    "last_login__year=9999",
    "enabled__exact=2",
    "amount__gte=NaN",
    "amount__gte=1e999",
    "_facets=x",
]
LISTS = ["home/order", "accounts/token", "django_celery_beat/periodictask"]


def addresses(resolver=None, before=""):
    """Yield every address of the shop, with its parameters in angle brackets."""
    for one in (resolver or get_resolver()).url_patterns:
        route = one.pattern._route if isinstance(one.pattern, RoutePattern) else one.pattern.regex.pattern
        here = before + re.sub(r"\(\?P(<\w+>)[^)]*\)|^\^|\$$|\\Z$", r"\1", route)
        if isinstance(one, URLPattern):
            yield "/" + here
        else:
            yield from addresses(one, here)


def parameters(address):
    return re.findall(r"<[^>]+>", address)


def filled(address, values):
    return re.sub(r"<[^>]+>", lambda found: values.get(found[0], "1"), address)


ADDRESSES = sorted(set(addresses()))
WITH_PARAMETERS = [(address, name) for address in ADDRESSES for name in parameters(address)]


@pytest.fixture
def staff(bob):
    client = Client(raise_request_exception=False)
    client.force_login(bob)
    return client


@pytest.fixture
def visitor(db):
    return Client(raise_request_exception=False)


def bugs(client, requests):
    """Return those of (method, address, ...) that are answered with 500, or never."""
    found = {}
    for method, path, *more in requests:
        before = transaction.savepoint()
        answer = client.generic(method, path, *more)
        transaction.savepoint_rollback(before)  # PostgreSQL goes on with nothing else after a failure
        if answer.status_code >= 500:
            found[f"{method} {path[:100]}"] = repr((answer.exc_info or ["", ""])[1])[:200]
    return found


def test_every_address_is_here():
    assert {"/order/<str:order_id>/", "/chat/<str:slug>/", "/api/order/<order_id>/"} <= set(ADDRESSES)
    assert "/admin/home/order/<path:object_id>/change/" in ADDRESSES
    assert len(WITH_PARAMETERS) > 50


def test_an_address_with_a_nul_in_it_leads_nowhere(staff):
    found = defaultdict(set)
    for address, name in WITH_PARAMETERS:
        path = filled(address, {name: NUL})
        for method in ("GET", "POST", "HEAD", "OPTIONS"):
            found[staff.generic(method, path).status_code].add(address)
    assert found.keys() == {404}


def test_programs_are_told_in_json_and_people_in_words(visitor):
    for path in ("/api/order/a%00b/", "/api/order/a%00b", "/kitchen/planner/%00.json"):
        answer = visitor.get(path)
        assert (answer.status_code, answer.json()) == (404, {"status": False, "error": NOTHING})
    answer = visitor.get("/api/promise/?pizzas=%00")
    assert (answer.status_code, answer.json()) == (400, {"status": False, "error": SENTENCE})
    answer = visitor.get("/people/?q=%00")
    assert (answer.status_code, SENTENCE in answer.content.decode()) == (400, True)
    assert "find this order" in visitor.get("/order/a%00b/").content.decode()


def test_a_host_of_nonsense_gets_a_sentence(visitor):
    for host in ("a\0b", "evil.example", "[", "x" * 3000, "é"):
        answer = visitor.get("/", headers={"host": host})
        assert (answer.status_code, UNREADABLE in answer.content.decode()) == (400, True)


def test_no_parameter_of_an_address_breaks_a_page(staff, place, sent, cooked):
    fixed = dict.fromkeys(("<str:order_id>", "<order_id>"), place().order_id)
    paths = [filled(address, {**fixed, name: value}) for address, name in WITH_PARAMETERS for value in STRANGE]
    assert bugs(staff, [(method, path) for path in paths for method in ("GET", "POST")]) == {}


@pytest.mark.parametrize("query", ["q=%00", "a%00=1"])
def test_a_query_with_a_nul_in_it_is_refused_everywhere(staff, query):
    found = {address: staff.get(f"{filled(address, {})}?{query}").status_code for address in ADDRESSES}
    assert {address for address, status in found.items() if status != 400} == {"/healthz", "/readyz"}


def test_no_filter_breaks_a_list_of_the_admin(staff, place, sent, cooked):
    place()
    assert bugs(staff, [("GET", f"/admin/{where}/?{query}") for where in LISTS for query in FILTERS]) == {}
    with pytest.raises(ZeroDivisionError), patch.object(OrderAdmin, "get_queryset", side_effect=ZeroDivisionError):
        Client().get("/admin/home/order/", headers={"cookie": f"sessionid={staff.cookies['sessionid'].value}"})


@pytest.mark.parametrize("value", ["a\0b", "\ud83d", "9" * 30])
def test_no_form_breaks_whatever_its_fields_contain(staff, value):
    body = "&".join(f"{name}={quote(value, errors='surrogatepass')}" for name in FIELDS)
    everywhere = {filled(address, {}) for address in ADDRESSES} - {"/log-out/", "/admin/logout/"}
    assert bugs(staff, [("POST", path, body, FORM) for path in sorted(everywhere)]) == {}
    for_visitors = ("/log-in/", "/sign-up/", "/forgotten-password/", "/admin/login/", "/chat/")
    assert bugs(Client(), [("POST", path, body, FORM) for path in for_visitors]) == {}


@pytest.mark.parametrize("kind", [FORM, "multipart/form-data; boundary=b"])
@pytest.mark.parametrize("encoding", ["base64", "idna", "utf-7", "utf-16", "no-such", "UTF8"])
async def test_a_form_is_read_as_utf_8_or_not_at_all(kind, encoding):
    body = b'--b\r\nContent-Disposition: form-data; name="room"\r\n\r\na+AAA-b\r\n--b--\r\n'
    client = AsyncClient(raise_request_exception=False)  # as it is in production: the encoding is not for addresses
    answer = await client.generic("POST", "/chat/", body, f"{kind}; charset={encoding}")
    is_read = encoding in ("no-such", "UTF8")
    assert (answer.status_code, NOT_UTF_8 in answer.content.decode()) == (400, not is_read)


@pytest.mark.parametrize("name", ["sessionid", "csrftoken", "messages", "other"])
@pytest.mark.parametrize("value", ['"a\\000b"', "\xff", "x" * 3000, '"\\355\\240\\200"'])
def test_a_cookie_that_nobody_could_store_is_a_strangers(visitor, margherita, name, value):
    headers = {"cookie": f"{name}={value}; theme=dark"}
    paths = ("/", "/chat/", "/log-in/", "/api/menu/")
    assert {visitor.get(path, headers=headers).status_code for path in paths} == {200}
    assert visitor.get("/api/me/", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "origin",
        "referer",
        "x-csrftoken",
        "idempotency-key",
        "x-simulated",
        "accept",
        "content-type",
        "if-none-match",
    ],
)
def test_no_header_breaks_an_order(visitor, margherita, sent, cooked, name):
    for value in ("Token fv_\0", "http://[", "\xff", "text/html;q=nan", "9" * 400, "\0"):
        answer = visitor.post(
            "/api/order/", {"id": margherita.pk}, content_type="application/json", headers={name: value}
        )
        assert answer.status_code < 500, value


@pytest.mark.parametrize("content", [{"id": "\0"}, {"id": 1, "\ud800": 1}, {"items": [{"id": 1, "way": "\0"}]}])
def test_an_order_that_nobody_could_store_is_refused_in_words(visitor, content):
    answer = visitor.post("/api/order/", json.dumps(content), content_type="application/json")
    assert (answer.status_code, answer.json()) == (400, {"status": False, "error": UNSTORABLE})
    assert not Order.objects.exists()


def test_a_plan_that_nobody_could_store_is_refused_in_words(staff):
    for content in ({"scenarios": [{"name": "\ud800"}]}, {"\0": 1}):
        answer = staff.post("/kitchen/planner/", json.dumps(content), content_type="application/json")
        assert (answer.status_code, answer.json()) == (400, {"error": UNSTORABLE, "field": ""})


# Sockets

OURS = (b"origin", b"http://localhost")


async def ending(path, *frames, headers=(OURS,)):
    """Open a socket, send the frames, and return what it said last: its close code, or the words of a refusal."""
    socket = WebsocketCommunicator(application, path, headers=list(headers))
    socket.scope["client"] = ["192.0.2.1", 4000]
    assert (await socket.connect(timeout=5))[0]
    for frame in frames:
        await socket.send_to(text_data=frame)
    said = None
    while True:
        message = await socket.receive_output(timeout=5)
        if message["type"] == "websocket.close":
            said = message["code"]
            break
        said = json.loads(message["text"])
        if "error" in said:
            said = said["error"]
            break
    await socket.disconnect()
    return said


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.usefixtures("valkey")
async def test_a_socket_at_such_an_address_is_told_that_nothing_is_there():
    paths = [re.sub(r"\(\?P<\w+>[^)]*\)", NUL, one.pattern.regex.pattern) for one in sockets]
    paths = [path.strip("^$").replace("/?", "/") for path in paths if NUL in path]
    assert len(paths) == 2
    paths += ["ws/chat/order-%00/", "ws/chat/private-%00/", "ws/pizza/%00", "ws/%00", "%00"]
    assert {path: await ending(f"/{path}") for path in paths} == dict.fromkeys(paths, 4404)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.usefixtures("valkey")
async def test_no_cookie_and_no_frame_breaks_a_socket():
    strangers = (OURS, (b"cookie", b'sessionid="a\\000b"'))
    assert await ending("/ws/kitchen/", '{"type": "authenticate", "token": "fv_\\u0000"}', headers=strangers) == 4401
    room = "/ws/chat/general/?username=%00&after=%00"
    assert "can't be seen" in await ending(room, headers=strangers)
    frames = [r'{"message": "\ud83d"}', r'{"type": "\u0000"}', r'{"message": "hello", "id": "\u0000"}']
    assert [await ending("/ws/chat/general/", frame) for frame in frames] == [UNSTORABLE] * 3
    assert await ending("/ws/orders/", r'{"watch": ["\u0000"]}') == UNSTORABLE
