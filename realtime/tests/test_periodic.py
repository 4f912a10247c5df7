"""The periodic check: it runs until the last socket has left, and no socket can stop the others."""

import asyncio
import logging

import pytest

from realtime import periodic
from realtime.periodic import PartialCheck, PeriodicCheck, tell_each


class Socket:
    """Note what it is told, unless it is in trouble."""

    def __init__(self, trouble=None):
        self.trouble = trouble
        self.told = []

    async def take(self, news):
        if self.trouble is not None:
            await self.trouble()
        self.told.append(news)


async def breaks():
    raise ConnectionError("gone")


async def hangs():
    await asyncio.Event().wait()


async def is_cancelled():
    """Fail as when its connection to Redis is closed."""
    raise asyncio.CancelledError


TROUBLES = [breaks, hangs, is_cancelled]


class Mail(PeriodicCheck[Socket]):
    every_seconds = 0.01
    send_seconds = 0.05

    def __init__(self):
        super().__init__()
        self.checked = asyncio.Event()
        self.error = None

    async def check(self):
        self.checked.set()
        if self.error is not None:
            raise self.error
        await self.tell_each(list(self.sockets), lambda socket: socket.take("news"))


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_socket_in_trouble_does_not_delay_the_others(trouble, caplog):
    caplog.set_level(logging.DEBUG, "realtime.periodic")
    sockets = [Socket(trouble), Socket(), Socket(trouble), Socket()]
    await tell_each(sockets, lambda socket: socket.take("news"), seconds=0.05)
    assert [socket.told for socket in sockets] == [[], ["news"], [], ["news"]]
    assert len(caplog.messages) == 2 and "Socket could not be told" in caplog.messages[0]


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_the_check_goes_on_after_a_socket_in_trouble(trouble):
    mail, sockets = Mail(), [Socket(trouble), Socket()]
    for socket in sockets:
        mail.join(socket)
    while len(sockets[1].told) < 3:
        await asyncio.wait_for(mail.checked.wait(), 10)
        mail.checked.clear()
    assert not mail.task.done()
    for socket in sockets:
        mail.leave(socket)


async def test_many_sockets_that_hang_take_the_time_of_one(monkeypatch):
    sockets = [*(Socket(hangs) for _ in range(100)), Socket()]
    await asyncio.wait_for(tell_each(sockets, lambda socket: socket.take("news"), seconds=0.05), 2)
    assert sockets[-1].told == ["news"]


async def test_the_number_of_sockets_told_at_the_same_time_is_limited(monkeypatch):
    monkeypatch.setattr(periodic, "AT_ONCE", 3)
    busy, most = set(), []

    async def tell(socket):
        busy.add(socket)
        most.append(len(busy))
        await asyncio.sleep(0)
        busy.remove(socket)

    await tell_each([Socket() for _ in range(10)], tell)
    assert max(most) == 3 and len(most) == 10


async def test_a_socket_that_has_left_is_told_nothing():
    mail, there, gone = Mail(), Socket(), Socket()
    mail.join(there)
    await mail.tell_each([there, gone], lambda socket: socket.take("news"))
    mail.leave(there)
    assert (there.told, gone.told) == (["news"], [])


async def test_a_check_that_fails_is_logged_and_the_next_one_runs(caplog):
    mail, socket = Mail(), Socket()
    mail.error = OSError("the database is away")
    mail.join(socket)
    await asyncio.wait_for(mail.checked.wait(), 10)
    mail.checked.clear()
    await asyncio.wait_for(mail.checked.wait(), 10)
    mail.error = None
    while not socket.told:
        mail.checked.clear()
        await asyncio.wait_for(mail.checked.wait(), 10)
    mail.leave(socket)
    assert "Mail could not check its sockets: the database is away" in caplog.messages


async def test_the_task_lives_from_the_first_socket_to_the_last():
    mail, sockets = Mail(), [Socket(), Socket()]
    assert mail.task is None
    for socket in sockets:
        mail.join(socket)
    task = mail.task
    mail.leave(sockets[0])
    assert mail.task is task and not task.done()
    mail.leave(sockets[1])
    await asyncio.wait([task], timeout=10)
    assert task.cancelled() and mail.task is None


async def test_a_check_that_is_cancelled_while_it_tells_ends():
    mail, socket = Mail(), Socket(hangs)
    mail.send_seconds = 60
    mail.join(socket)
    await asyncio.wait_for(mail.checked.wait(), 10)
    task = mail.task
    mail.leave(socket)
    await asyncio.wait([task], timeout=10)
    assert task.cancelled()


class Rounds(PartialCheck[Socket]):
    """Note which sockets are checked together."""

    every_seconds = 0.05

    def __init__(self):
        super().__init__()
        self.rounds, self.news = [], asyncio.Event()
        self.now = self.takes_seconds = 0.0

    async def check_some(self, sockets):
        self.rounds.append(list(sockets))
        self.news.set()
        self.now += self.takes_seconds

    async def until(self, is_so):
        async with asyncio.timeout(10):
            while not is_so(self.rounds):
                self.news.clear()
                await self.news.wait()


@pytest.fixture
def rounds(monkeypatch):
    monkeypatch.setattr(periodic, "IN_PART", 2)
    rounds = Rounds()
    monkeypatch.setattr(periodic, "monotonic", lambda: rounds.now)
    yield rounds
    for socket in list(rounds.sockets):
        rounds.leave(socket)


async def test_few_sockets_are_checked_together_and_many_in_parts(rounds):
    few, many = [Socket(), Socket()], [Socket() for _ in range(10)]
    for socket in few * 2:
        rounds.join(socket)
    await rounds.until(lambda seen: len(seen) == 3)
    assert [set(part) for part in rounds.rounds] == [set(few)] * 3
    for socket in many:
        rounds.join(socket)
    rounds.rounds.clear()
    await rounds.until(lambda seen: len(seen) == 12)
    assert {len(part) for part in rounds.rounds} == {2}
    assert [set(part) for part in rounds.rounds[:6]] == [set(part) for part in rounds.rounds[6:]]
    assert {socket for part in rounds.rounds[:6] for socket in part} == {*few, *many}


async def test_parts_grow_when_all_are_full(rounds, monkeypatch):
    monkeypatch.setattr(periodic, "IN_PART", 1)
    for _ in range(3 * periodic.PARTS):
        rounds.join(Socket())
    await rounds.until(lambda seen: len(seen) == 2 * periodic.PARTS)
    assert {len(part) for part in rounds.rounds} == {3}


async def test_a_slow_check_delays_all_parts_together_and_not_one_after_another(rounds):
    for _ in range(10):
        rounds.join(Socket())
    rounds.takes_seconds = 2 * rounds.every_seconds
    await rounds.until(lambda seen: len(seen) == 3)
    assert [len(part) for part in rounds.rounds] == [2, 10, 10]


async def test_one_who_has_left_is_not_checked(rounds):
    here, gone = Socket(), Socket()
    rounds.join(here)
    rounds.join(gone)
    rounds.leave(gone)
    await rounds.until(lambda seen: len(seen) == 2)
    assert rounds.rounds == [[here]] * 2
    await rounds.check()
    assert rounds.rounds[-1] == [here]


async def test_others_have_a_turn_while_many_are_told(monkeypatch):
    monkeypatch.setattr(periodic, "BEGUN_AT_ONCE", 2)
    told = []

    async def tell(socket):
        if not told:
            asyncio.get_running_loop().call_soon(told.append, "another")
        told.append("a socket")

    await tell_each([Socket() for _ in range(6)], tell)
    assert told.index("another") < 4
