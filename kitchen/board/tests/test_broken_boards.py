"""A board whose socket breaks or hangs does not affect the others."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from kitchen.board.consumers import settings_reconciler
from kitchen.board.tests.test_board import board_of, until
from kitchen.models import Station
from realtime.periodic import PeriodicCheck

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("valkey", "cooked", "small_kitchen"),
]


@pytest.fixture(autouse=True)
def no_check_of_its_own(monkeypatch):
    monkeypatch.setattr(PeriodicCheck, "every_seconds", 60)


async def breaks(*args):
    raise ConnectionError("gone")


async def hangs(*args):
    await asyncio.Event().wait()


@pytest.mark.parametrize("send", [breaks, hangs])
async def test_the_others_hear_of_a_station_whose_news_got_lost(bob, monkeypatch, send):
    async with AsyncExitStack() as stack:
        sockets = {}
        for _ in range(2):
            known = set(settings_reconciler.sockets)
            socket, _ = await stack.enter_async_context(board_of(bob))
            (board,) = settings_reconciler.sockets - known
            sockets[board] = socket
        first, second = settings_reconciler.sockets  # in the order in which they are checked
        monkeypatch.setattr(first, "send", send)
        await Station.objects.filter(stage="baking").aupdate(capacity=7)  # which sends no signal
        await asyncio.wait_for(settings_reconciler.check(), 10)
        assert (await until(sockets[second], "stations"))["stations"][1]["places"] == 7
