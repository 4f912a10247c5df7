"""A real web process under attack: it answers everything, and its log stays short and keeps every secret."""

import asyncio
import json
import os
import subprocess
import sys
from random import Random

import pytest
from django.conf import settings
from django.db import connection

from accounts import tokens
from benchmarks.fuzz.outside import Notes, converse, knock
from benchmarks.fuzz.requests import Door
from benchmarks.fuzz.sockets import Names, kinds
from benchmarks.processes import accepts, free_port
from chat import rooms
from home.models import OrderEvent
from pizzaProj.logs.lines import is_news
from pizzaProj.tests.test_stack import await_that
from realtime.broadcast import broadcaster

LANES, KNOCKS, TALKS = 8, 25, 5  # clients at the same time, and what each of them does
MOST_LINES = 5
pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("valkey", "cooked", "small_kitchen"),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="The web is given the path of SQLite's file."),
]


@pytest.fixture
def log(tmp_path):
    return tmp_path / "web.log"


@pytest.fixture
def port(log, small_kitchen):
    """Run Daphne as the shop does, on the database of this test."""
    port = free_port()
    where = ["-v", "0", "-e", f"tcp:port={port}:interface=127.0.0.1:backlog=4096"]
    with open(log, "wb") as output:
        web = subprocess.Popen(
            [sys.executable, "-m", "daphne", *where, "pizzaProj.asgi:application"],
            env={**os.environ, "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}"},
            cwd=settings.BASE_DIR,
            stdout=output,
            stderr=output,
        )
    await_that(lambda: accepts(port))
    yield port
    web.terminate()
    web.wait()


def test_a_flood_leaves_a_short_log_without_secrets(port, log, place, alice, bob):
    order = place(user=alice)
    names = Names(order.order_id, rooms.public_room("Tuesday").slug, rooms.order_room(order).slug)
    keys = ["", tokens.make(alice, "a script"), tokens.make(bob, "a script")]
    broadcaster.flush()
    notes = Notes()

    async def lane(number):
        random, door, all_kinds = Random(number), Door(number, names), list(kinds(names).values())
        for _ in range(KNOCKS):
            await knock(port, door.request(), random, notes)
        for talk in range(TALKS):
            seed = f"{number} {talk}"
            await converse(port, random.choice(all_kinds), random.choice(keys), seed, names, 15, notes)

    async def attack():
        await asyncio.gather(*map(lane, range(LANES)))

    asyncio.run(attack())
    assert notes.broken == []
    assert notes.statuses[404] > 0 and notes.statuses[400] > 0 and notes.closes[4404] > 0
    written = log.read_text(errors="replace")
    assert "Traceback" not in written
    lines = written.splitlines()
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    changes = {(entry["order"], entry["seq"]) for entry in entries if entry["logger"] == "kitchen.changes"}
    assert changes == set(OrderEvent.objects.values_list("order", "seq")) - {(order.pk, 1)}  # ours was not the web's
    others = [line for line in lines if not is_news(line)]
    assert len(others) <= MOST_LINES, others
    assert not any(secret in written for secret in (order.order_id, *filter(None, keys)))
