"""Requests are timed by the names of their routes: nothing that a client invents becomes a series."""

import pytest
from asgiref.testing import ApplicationCommunicator
from django.test import AsyncRequestFactory
from django.urls import resolve

from pizzaProj.asgi import application
from telemetry import requests
from telemetry.requests import Timed, name_of

TIMED = "shop_request_seconds"


async def ask(path, method="GET", application=application):
    scope = {"type": "http", "method": method, "path": path, "headers": [(b"host", b"localhost")], "query_string": b""}
    asked = ApplicationCommunicator(application, scope)
    await asked.send_input({"type": "http.request", "body": b""})
    status = (await asked.receive_output(10))["status"]
    await asked.wait(10)
    return status


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
async def test_each_request_is_timed_by_method_route_and_class(valkey, counted):
    asked = [
        ("/healthz", "GET"),
        ("/order/abcdefghij0123456789/", "GET"),
        ("/order/9876543210jihgfedcba/", "GET"),
        ("/kitchen/inbox/", "GET"),
        ("/no/such/page", "GET"),
        ("/no/such/page", "BREW"),
        ("/admin/auth/user/", "GET"),
    ]
    statuses = [await ask(*one) for one in asked]
    assert statuses == [200, 404, 404, 302, 404, 404, 302]
    assert counted(TIMED) == {
        ("GET", "healthz", "2xx"): 1,
        ("GET", "order", "4xx"): 2,
        ("GET", "inbox", "3xx"): 1,
        ("GET", "other", "4xx"): 1,
        ("other", "other", "4xx"): 1,
        ("GET", "admin", "3xx"): 1,
    }


async def test_one_that_fails_is_timed_as_the_server_answers_it(counted):
    async def fail(scope, receive, send):
        raise ValueError

    with pytest.raises(ValueError):
        await Timed(fail)({"method": "GET", "path": "/"}, None, None)
    assert counted(TIMED) == {("GET", "other", "5xx"): 1}


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
async def test_a_client_that_leaves_is_no_failure(valkey, counted):
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")], "query_string": b""}
    left = ApplicationCommunicator(application, scope)
    await left.send_input({"type": "http.request", "body": b""})
    await left.send_input({"type": "http.disconnect"})
    await left.wait(10)
    assert {status for _, _, status in counted(TIMED)} == {"left"}


@pytest.mark.parametrize(
    ("path", "name"),
    [("/", "index"), ("/api/order/", "api:only_post"), ("/media/people/a.webp", "media/people/<str:name>")],
)
def test_a_route_has_its_name_or_its_pattern(path, name):
    found = name_of(resolve(path))
    assert found in (name, "api:order_pizza")  # the API's two views of an address share a pattern
    assert path == "/" or path.strip("/") not in found


def test_files_have_one_name_for_all():
    assert requests.route_in({"path": "/static/js/live.js"}) == "static"


def test_a_request_without_asgi_is_not_timed():
    request = AsyncRequestFactory().get("/")
    del request.scope
    requests.name(request, "index")
