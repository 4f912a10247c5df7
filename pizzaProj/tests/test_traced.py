"""Each request has an id: its answer names it, and the proxy alone can choose it."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator

from pizzaProj.traced import Traced
from telemetry import trace

CLICK = "0123456789abcdef" * 2
DIRECT, BEHIND_PROXY = ["198.51.100.7", 40_000], ["198.51.100.7", 0]


async def shop(scope, receive, send):
    """Answer with the id that a thread of the request sees."""
    seen = await sync_to_async(trace.present)()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"server", b"shop")]})
    await send({"type": "http.response.body", "body": seen.request.encode()})


async def ask(client, *headers):
    """Return the id in the answer's header, and the one inside."""
    scope = {"type": "http", "method": "GET", "path": "/", "client": client, "headers": headers}
    visitor = ApplicationCommunicator(Traced(shop), scope)
    start, body = await visitor.receive_output(), await visitor.receive_output()
    assert start["headers"][0] == (b"server", b"shop")
    return dict(start["headers"])[b"x-request-id"].decode(), body["body"].decode()


async def test_the_proxys_id_is_kept():
    assert await ask(BEHIND_PROXY, (b"x-request-id", CLICK.encode())) == (CLICK, CLICK)


@pytest.mark.parametrize(
    ("client", "sent"),
    [(DIRECT, CLICK), (None, CLICK), (BEHIND_PROXY, "private-room"), (BEHIND_PROXY, "é"), (BEHIND_PROXY, None)],
)
async def test_any_other_gets_one_of_ours(client, sent):
    headers = [(b"x-request-id", sent.encode())] if sent else []
    answered, inside = await ask(client, *headers)
    assert answered == inside != CLICK
    assert len(answered) == 16 and trace.checked(answered)


async def test_two_requests_at_once_have_two():
    answers = await asyncio.gather(ask(DIRECT), ask(DIRECT))
    assert len({one for answer in answers for one in answer}) == 2
    assert trace.present() == trace.NOTHING
