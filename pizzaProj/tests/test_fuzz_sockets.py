"""Every socket stands everything that a client can send, whoever it is, and leaves nothing behind."""

import asyncio
import gc

import pytest
from channels.layers import get_channel_layer
from django.contrib.auth.models import User

from accounts import tokens
from benchmarks.fuzz.frames import TEXTS, sweep
from benchmarks.fuzz.inside import Broken, Client, Visit, plan
from benchmarks.fuzz.sockets import Names, kinds
from chat import rooms
from chat.sockets.presence import roster
from pizzaProj.asgi import application, sockets
from realtime.broadcast import broadcaster
from realtime.door import AT_ONCE, door
from realtime.periodic import PeriodicCheck
from realtime.sockets import Identified

VISITS, FRAMES = 4, 15  # for each kind of socket and of visitor
HASTY = 2000  # visitors who come and go
TOGETHER = 50
PATIENCE = 20  # looks, until something counts as left behind
PAGE = [(b"origin", b"http://localhost")]

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("valkey", "cooked", "small_kitchen"),
]


@pytest.fixture
def names(place, alice):
    order = place(user=alice)
    broadcaster.flush()
    return Names(order.order_id, rooms.public_room("Tuesday").slug, rooms.order_room(order).slug)


@pytest.fixture
def visitors(alice, bob):
    """Headers of everybody who can come: scripts and pages of nobody, a customer, and staff."""
    tokens_of = {user.username: f"Token {tokens.make(user, 'a script')}".encode() for user in (alice, bob)}
    return {"script": [], "page": PAGE, **{name: [(b"authorization", key)] for name, key in tokens_of.items()}}


async def left_behind():
    """Return what is still there of sockets that have ended, after a moment for what is gathered and told later."""
    for _ in range(PATIENCE):
        if (found := there()) == NOTHING:
            break
        await asyncio.sleep(0.1)
    await get_channel_layer().flush()
    return found


def there():
    gc.unfreeze()  # pizzaProj.asgi has set aside what there was
    gc.collect()
    things = [thing for thing in gc.get_objects() if issubclass(type(thing), Identified | PeriodicCheck)]
    tasks = {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    return {
        "sockets": [thing for thing in things if isinstance(thing, Identified)],
        "checks": [thing for thing in things if isinstance(thing, PeriodicCheck) and (thing.sockets or thing.task)],
        "rooms": dict(roster.sockets),
        "tasks": {name for name in tasks if not name.startswith("Task-")},  # those are Channels' and pytest's own
        "door": AT_ONCE - door.free,
    }


NOTHING = {"sockets": [], "checks": [], "rooms": {}, "tasks": set(), "door": 0}


def test_every_socket_is_attacked():
    """Test that a new socket gets a row in benchmarks/fuzz/sockets.py."""
    assert {kind.pattern for kind in kinds(Names("", "", "")).values()} == {str(route.pattern) for route in sockets}


async def test_no_frame_breaks_a_socket(names, visitors):
    broken, answers = [], 0
    for name, kind in kinds(names).items():
        for who, headers in visitors.items():
            for number in range(VISITS):
                client = Client(plan(kind, headers, f"{name}, {who} {number}", names, FRAMES))
                try:
                    await client.run(application)
                except Broken as error:
                    broken.append(str(error))
                answers += client.answers
    assert broken == []
    assert answers > 200
    assert await left_behind() == NOTHING
    assert await User.objects.filter(is_active=True).acount() == 2


async def test_no_field_of_a_verb_breaks_a_socket(names, visitors, monkeypatch):
    """Test all wrong values in all fields of all verbs, by staff, who get furthest."""
    monkeypatch.setattr("chat.sockets.rate_limit.RateLimit.allows", lambda limit, key: True)
    monkeypatch.setattr("chat.sockets.room.may_write", lambda writer, address: True)
    for kind in kinds(names).values():
        frames = sweep(kind.verbs)
        for start in range(0, len(frames), TOGETHER):
            visit = Visit(kind.paths[0], visitors["bob"], frames[start : start + TOGETHER])
            await Client(visit).run(application)
    assert await left_behind() == NOTHING


async def test_no_address_breaks_a_socket(names, visitors):
    paths = [path for text in TEXTS for path in (f"/ws/pizza/{text}/", f"/ws/chat/{text}/", f"/{text}?after={text}")]
    await asyncio.gather(*(Client(Visit(path, visitors["bob"], ["{}"])).run(application) for path in paths))
    assert await left_behind() == NOTHING


async def test_visitors_who_come_and_go_leave_nothing_behind(names, visitors):
    paths = [path for kind in kinds(names).values() for path in kind.paths]
    visits = [Visit(paths[number % len(paths)], PAGE, ['{"watch": []}'] * (number % 3)) for number in range(HASTY)]
    for start in range(0, HASTY, TOGETHER):
        await asyncio.gather(*(Client(visit).run(application) for visit in visits[start : start + TOGETHER]))
    assert await left_behind() == NOTHING
