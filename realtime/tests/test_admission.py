"""How many sockets an address can have open and open in a while; who is refused hears why and is closed with 4429."""

import asyncio
import json

import pytest

from pizzaProj import limits
from realtime import admission
from realtime.admission import TOO_MANY_AT_ALL, TOO_MANY_OF_ADDRESS, Admission, Places
from realtime.buckets import Buckets

CONNECT = {"type": "websocket.connect"}


async def stay(scope, receive, send):
    """Stand in for the application: accept, and stay until the client leaves."""
    await receive()
    await send({"type": "websocket.accept"})
    await receive()


@pytest.fixture
def door():
    """Admit two of an address at once and four in all."""
    one = Admission(stay)
    one.places, one.connects = Places(2), Buckets(4, 0)
    return one


class Visit:
    def __init__(self, door, address):
        self.events, self.sent, self.is_answered = asyncio.Queue(), [], asyncio.Event()
        self.events.put_nowait(CONNECT)
        scope = {"type": "websocket", "client": [address, 4000]}
        self.task = asyncio.create_task(door(scope, self.events.get, self.send))

    async def send(self, message):
        self.sent.append(message)
        self.is_answered.set()

    async def leave(self):
        self.events.put_nowait({"type": "websocket.disconnect"})
        await self.task


async def visit(door, address="192.0.2.1"):
    """Connect. Return the visit and the words with which it was closed, if it was."""
    one = Visit(door, address)
    await one.is_answered.wait()
    if len(one.sent) == 1:
        return one, ""
    accepted, told, closed = one.sent
    assert (accepted["type"], closed) == ("websocket.accept", {"type": "websocket.close", "code": 4429})
    return one, json.loads(told["text"])["error"]


async def test_an_address_has_so_many_sockets_at_once_and_others_are_not_affected(door):
    opened = [await visit(door) for _ in range(3)]
    assert [words for _, words in opened] == ["", "", TOO_MANY_OF_ADDRESS]
    assert (await visit(door, "192.0.2.2"))[1] == ""
    await opened[0][0].leave()
    assert (await visit(door))[1] == ""
    assert door.places.taken == {"192.0.2.1": 2, "192.0.2.2": 1}


async def test_neighbours_in_ipv6_are_one_address_and_one_that_is_unknown_has_no_limit(door):
    same = ["2001:db8::1", "2001:db8::2", "2001:db8::3"]
    assert [(await visit(door, address))[1] for address in same] == ["", "", TOO_MANY_OF_ADDRESS]
    assert [(await visit(door, ""))[1] for _ in range(5)] == [""] * 5


async def test_an_address_connects_so_often_in_a_while(door):
    for _ in range(4):
        one, words = await visit(door)
        assert words == ""
        await one.leave()
    assert (await visit(door))[1] == TOO_MANY_OF_ADDRESS
    assert not door.places.taken


async def test_a_process_has_so_many_sockets(door, monkeypatch):
    monkeypatch.setattr(limits, "SOCKETS_OF_PROCESS", 1)
    one, words = await visit(door, "")
    assert (words, (await visit(door, ""))[1]) == ("", TOO_MANY_AT_ALL)
    await one.leave()
    assert (await visit(door, ""))[1] == ""


def test_nobody_in_particular_has_no_limit():
    places = Places(1)
    assert [places.enter("") for _ in range(3)] == [True] * 3
    places.leave("")
    assert not places.taken
    assert admission.people.most == limits.SOCKETS_OF_PERSON
