"""A long while is judged by what has grown when the caches are full, and its guests leave nothing open."""

import asyncio
import json
import os
import sys
import threading
from types import SimpleNamespace

import pytest

from benchmarks.chaos.crowd import Answer
from benchmarks.chaos.faults import Seen
from benchmarks.soak import faults, gauges, guests
from benchmarks.soak.gauges import Gauge

MEMORY = Gauge("web, memory", " MB", 2.0)
FILES = Gauge("web, open files", "", 5.0)


def looks(*values, gauge=MEMORY):
    """Return looks for a hundred values that lie between those given."""
    steps = [values[number * len(values) // 100] for number in range(100)]
    return [{gauge: value} for value in steps]


@pytest.mark.parametrize(
    ("series", "found"),
    [
        (looks(100.0, 104.0), []),
        (looks(100.0, 106.0), ["web, memory grew from 100 MB to 106 MB"]),
        (looks(50.0, 100.0, 100.0, 100.0), []),  # caches that fill at the beginning
        (looks(10.0, 12.0), []),  # a fifth, but within what is chance
        (looks(20.0, 25.0, gauge=FILES), []),
        (looks(20.0, 27.0, gauge=FILES), ["web, open files grew from 20 to 27"]),
        (looks(100.0, 200.0)[: faults.LEAST_LOOKS - 1], []),  # too short to say
    ],
)
def test_only_what_grows_is_a_problem(series, found):
    assert faults.grown(series) == found


def test_the_beginning_and_the_end_are_told():
    assert faults.told(looks(100.0, 106.0)) == ["web, memory 100 MB → 106 MB"]


def test_a_process_that_has_just_ended_is_left_out():
    shop = SimpleNamespace(processes=lambda: {"gone": 2**22 + 1, "here": os.getpid()})
    if sys.platform == "linux":
        found = dict(gauges.of_processes(shop))
        assert [gauge.name for gauge in found] == ["here, memory", "here, threads", "here, open files"]
        assert all(value > 0 for value in found.values())


@pytest.fixture
async def room():
    """A room that says hello and repeats what is said in it, or gives another answer. Return its port, and whether its
    guest has left."""
    here = SimpleNamespace(is_empty=asyncio.Event(), port=0, answer=b"")

    async def serve(reader, writer):
        here.is_empty.clear()
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Welcome\r\n\r\n")
        hello = b'{"type": "room"}'
        writer.write(bytes([0x81, len(hello)]) + hello)
        try:
            first, length = await reader.readexactly(2)
            masked = await reader.readexactly(4 + (length & 0x7F))
            text = here.answer or masked[4:]
            writer.write(bytes([first, len(text)]) + text)
            await reader.read()
        finally:
            here.is_empty.set()
            writer.close()

    server = await asyncio.start_server(serve, guests.HOST, 0)
    here.port = server.sockets[0].getsockname()[1]
    yield here
    server.close()


async def test_a_guest_says_something_and_leaves_when_it_has_come_back(room):
    visitor = SimpleNamespace(port=room.port)
    visitor.connect = guests.Guests.connect.__get__(visitor)
    await asyncio.wait_for(guests.Guests.talk(visitor), 10)
    await asyncio.wait_for(room.is_empty.wait(), 10)


async def test_a_guest_whose_word_is_refused_leaves_at_once(room):
    room.answer = b'{"type": "error", "error": "Slow down."}'
    visitor = SimpleNamespace(port=room.port)
    visitor.connect = guests.Guests.connect.__get__(visitor)
    with pytest.raises(guests.Refused, match="Slow down"):
        await asyncio.wait_for(guests.Guests.talk(visitor), 10)
    await asyncio.wait_for(room.is_empty.wait(), 10)


def test_a_guests_order_is_audited_with_the_others(monkeypatch):
    accepted = {"guest-1-0": "a" * 20}
    people = SimpleNamespace(accepted=accepted, visits=guests.Counter(talked=3), close=lambda: None)
    monkeypatch.setattr(faults, "Guests", lambda port, pizzas: people)
    monkeypatch.setattr(faults, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(gauges, "read", lambda shop: {MEMORY: 100.0})
    with faults.soaked(SimpleNamespace(port=1, read=lambda *_: [(1,)])) as seen:
        pass
    assert isinstance(seen, Seen)
    assert (seen.accepted, seen.problems, seen.notes[0]) == (accepted, [], "3 x talked")


def test_a_frame_is_masked_as_a_clients():
    assert guests.text_frame(json.dumps({"message": "hi"}))[:2] == bytes([0x81, 0x80 | 17])


def test_an_order_on_its_way_at_the_end_is_told_of(monkeypatch):
    asked, may_answer = threading.Event(), threading.Event()

    def ask(*request):
        asked.set()
        may_answer.wait(10)
        return Answer("page", 0.0, 0.0, 201), b'{"order": {"order_id": "abc"}}'

    monkeypatch.setattr(guests, "ask", ask)
    monkeypatch.setattr(guests, "GUESTS", 1)
    people = guests.Guests(1, [7])
    asked.wait(10)
    threading.Timer(0.05, may_answer.set).start()
    people.close()
    assert people.accepted == {"guest-0-0": "abc"}
