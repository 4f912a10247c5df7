"""Sockets whose session or token is no longer valid are closed, whatever happens to the others."""

import asyncio

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import OperationalError

from realtime import revalidation
from realtime.identities import Credential, Who
from realtime.revalidation import Revalidator

ALICE = User(pk=1, username="alice")


class Socket:
    """A guarded socket. `error` is raised when it is asked whether somebody is allowed to stay."""

    def __init__(self, number, error=None, hangs=False):
        self.credential = Credential(session_key=f"s{number}")
        self.error, self.hangs = error, hangs
        self.verdict = None

    def may_stay(self, user):
        if self.error is not None:
            raise self.error
        return user.is_authenticated

    async def revalidate(self, who, may_stay):
        if self.hangs:
            await asyncio.Event().wait()
        self.verdict = who.user.username, may_stay


@pytest.fixture
def revalidator(monkeypatch):
    """Return a revalidator for which sessions with an even number are Alice's and the others have ended."""

    def read_all(shown):
        return {one: Who(AnonymousUser() if int(one.session_key[1:]) % 2 else ALICE) for one in shown}

    monkeypatch.setattr(revalidation, "read_all", read_all)
    return Revalidator()


async def check(revalidator, *sockets):
    revalidator.sockets = set(sockets)
    await asyncio.wait_for(revalidator.check(), 5)
    return [socket.verdict for socket in sockets]


async def test_everybody_is_told_what_was_found(revalidator):
    assert await check(revalidator, Socket(0), Socket(1)) == [("alice", True), ("", False)]


async def test_a_socket_that_cannot_be_asked_is_left_for_the_next_check(revalidator, caplog):
    broken = Socket(0, error=ValueError("what?"))
    assert await check(revalidator, broken, Socket(1), Socket(2)) == [None, ("", False), ("alice", True)]
    assert "Socket could not be asked" in caplog.text
    broken.error = None
    assert await check(revalidator, broken) == [("alice", True)]


async def test_a_socket_that_hangs_does_not_keep_the_others_open(revalidator):
    assert await check(revalidator, Socket(0, hangs=True), Socket(1)) == [None, ("", False)]


async def test_with_the_database_away_not_every_socket_is_asked(revalidator):
    asked = []
    sockets = [Socket(number, error=OperationalError("away")) for number in range(3)]
    for socket in sockets:
        may_stay = socket.may_stay
        socket.may_stay = lambda user, may_stay=may_stay: asked.append(user) or may_stay(user)
    with pytest.raises(OperationalError):
        await check(revalidator, *sockets)
    assert len(asked) == 1
