"""Access: every person against every page, room and action, over HTTP and over sockets.

Each table is collected cell by cell and compared whole. Its columns are PEOPLE, in that order.
"""

import json
import re
from contextlib import AsyncExitStack

import pytest
from django.db import transaction
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from accounts import people
from chat import messages, orders, requests, rooms
from chat.models import Message, Room
from chat.person import Person
from chat.sockets import actions
from chat.tests.cast import ANSWER, befriend, member, say, staff, visitor
from chat.tests.test_chat_socket import in_database, opened
from home import sharing
from home.models import Order, OrderShare
from realtime import sockets
from realtime.refused import Refused

pytestmark = [pytest.mark.usefixtures("cooked", "small_kitchen")]
on_rows = pytest.mark.django_db
on_sockets = pytest.mark.django_db(transaction=True, serialized_rollback=True)

PEOPLE = ("visitor", "guest", "customer", "another", "friend", "blocked", "agent", "staff", "superuser")
WORD = "g" * 32  # of the guest, a visitor who ordered without an account


class World:
    """The people, an order, and rooms, each with a text of its own.

    Alice ordered, and shared the order with her friend. She wrote to the friend, to a person whom she blocked later,
    to the kitchen, and in public.
    """

    def __init__(self, place, alice, bob, user_of):
        self.users = {
            "customer": alice,
            "another": user_of("dora"),
            "friend": user_of("felix"),
            "blocked": user_of("bert"),
            "agent": staff("maria", ANSWER),
            "staff": staff("nora"),
            "superuser": bob,
        }
        for other in ("friend", "blocked"):
            befriend(alice, self.users[other])
        self.order, self.guests_order = place(user=alice), place(guest=WORD)
        place(user=self.users["another"])
        sharing.share(self.order, self.users["friend"], alice)
        self.rooms = {
            "public": rooms.public_room("Pizza"),
            "private": rooms.private_room(alice, self.users["friend"]),
            "closed": rooms.private_room(alice, self.users["blocked"]),
            "order": rooms.order_room(self.order),
            "guest's order": rooms.order_room(self.guests_order),
        }
        for name, room in self.rooms.items():
            say(room, self.person("guest" if name == "guest's order" else "customer"), f"Words-of-{name[:5]}")
        people.block(alice, self.users["blocked"])
        self.unknown = {
            "no order": f"{rooms.ORDER}{'z' * 20}",
            "no private": f"{rooms.PRIVATE}{'z' * 20}",
            "no id": f"{rooms.ORDER}1",
        }
        self.slugs = {name: room.slug for name, room in self.rooms.items()} | self.unknown

    def person(self, who):
        if who in self.users:
            return member(self.users[who])
        return Person(None, WORD, "Customer") if who == "guest" else visitor()

    def client(self, who):
        client = Client()
        if who in self.users:
            client.force_login(self.users[who])
        else:
            session = client.session
            session["guest"] = WORD if who == "guest" else "v" * 32
            session.save()
        return client

    def cookie(self, who):
        return (b"cookie", f"sessionid={self.client(who).cookies['sessionid'].value}".encode())


@pytest.fixture
def world(place, alice, bob, django_user_model):
    return World(place, alice, bob, django_user_model.objects.create_user)


def table(*rows):
    """Return {(what, who): cell} of lines such as "shop | 200 | 200 ...", with a cell for each of PEOPLE."""
    found = {}
    for row in rows:
        what, *cells = [part.strip() for part in row.split("|")]
        found |= {(what, who): cell for who, cell in zip(PEOPLE, cells, strict=True)}
    return found


# Pages and API calls

MARKS = {
    "list": 'href="/order/{order}/"',
    "talk": 'data-slug="order-{order}"',
    "alice": ">alice<",
    "words": "Words-of",
}


def visit(world, client, method, path, marks, data=None):
    answer = getattr(client, method)(path, data) if data else getattr(client, method)(path)
    text = answer.content.decode()
    seen = [mark for mark in marks.split() if MARKS[mark].format(order=world.order.order_id) in text]
    return " ".join([str(answer.status_code), *seen])


@on_rows
def test_pages(world):
    order = world.order.order_id
    pages = {
        "shop": ("get", "/", "list words"),
        "order": ("get", f"/order/{order}/", "talk words"),
        "no order": ("get", f"/order/{'z' * 20}/", ""),
        "people": ("get", "/people/?q=alice", "alice"),
        "profile": ("get", "/profile/", "words"),
        "chat": ("get", "/chat/", "words"),
        "public": ("get", "/chat/pizza/", "words"),
        "private": ("get", world.rooms["private"].url, "words"),
        "closed": ("get", world.rooms["closed"].url, "words"),
        "no room": ("get", f"/chat/{rooms.PRIVATE}{'z' * 20}/", ""),
        "order room": ("get", f"/chat/order-{order}/", ""),
        "no order room": ("get", f"/chat/order-{'z' * 20}/", ""),
        "write to felix": ("post", "/chat/with/felix/", ""),
        "write to nobody": ("post", "/chat/with/nobody/", ""),
        "inbox": ("get", "/kitchen/inbox/", "words"),
        "board": ("get", "/kitchen/", "words"),
        "admin": ("get", "/admin/", "words"),
        "reports": ("get", "/admin/chat/report/", "words"),
        "api order": ("get", f"/api/order/{order}/", "words"),
        "api me": ("get", "/api/me/", ""),
    }
    clients = {who: world.client(who) for who in PEOPLE}
    seen = {(page, who): visit(world, clients[who], *how) for page, how in pages.items() for who in PEOPLE}
    assert seen == table(
        #                visitor | guest | customer | another | friend | blocked | agent | staff | superuser
        "shop           | 200 | 200 | 200 list | 200 | 200 list | 200 | 200 | 200 | 200 list",
        "order          | 200 | 200 | 200 talk | 200 | 200 | 200 | 200 talk | 200 | 200 talk",
        "no order       | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404",
        "people         | 302 | 302 | 200 alice | 200 alice | 200 alice | 200 | 200 alice | 200 alice | 200 alice",
        "profile        | 302 | 302 | 200 | 200 | 200 | 200 | 200 | 200 | 200",
        "chat           | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200",
        "public         | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200",
        "private        | 404 | 404 | 200 | 404 | 200 | 404 | 404 | 404 | 404",
        "closed         | 404 | 404 | 200 | 404 | 404 | 200 | 404 | 404 | 404",
        "no room        | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404",
        "order room     | 404 | 404 | 302 | 404 | 404 | 404 | 302 | 404 | 302",
        "no order room  | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404",
        "write to felix | 302 | 302 | 302 | 404 | 404 | 404 | 404 | 404 | 404",
        "write to nobody| 302 | 302 | 404 | 404 | 404 | 404 | 404 | 404 | 404",
        "inbox          | 302 | 302 | 403 | 403 | 403 | 403 | 200 | 403 | 200",
        "board          | 302 | 302 | 403 | 403 | 403 | 403 | 403 | 403 | 200",
        "admin          | 302 | 302 | 302 | 302 | 302 | 302 | 200 | 200 | 200",
        "reports        | 302 | 302 | 302 | 302 | 302 | 302 | 403 | 403 | 200",
        "api order      | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200",
        "api me         | 401 | 401 | 200 | 200 | 200 | 200 | 200 | 200 | 200",
    )


@on_rows
def test_nothing_under_the_kitchen_or_the_admin_opens_for_customers(world):
    """Pages that are added later are covered, too."""
    paths = [path for path in pages_under(get_resolver()) if path.startswith(("kitchen/", "admin/"))]
    assert len(paths) > 10
    for who in ("visitor", "guest", "customer", "friend"):
        client = world.client(who)
        opened = {path for path in paths if client.get(f"/{path}").status_code == 200}
        assert opened <= {"admin/login/", "admin/logout/", "admin/jsi18n/", "kitchen/promises/"}, who


def pages_under(resolver, before=""):
    """Yield the addresses without parameters."""
    for pattern in resolver.url_patterns:
        path = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from pages_under(pattern, path)
        elif not set(path) & set("<(^$?"):
            yield path


@on_rows
@pytest.mark.parametrize("who", PEOPLE)
def test_a_forbidden_room_gets_byte_for_byte_the_answer_for_an_unknown_one(world, who):
    client = world.client(who)
    for name, none in (("private", "no private"), ("closed", "no private"), ("order", "no order")):
        if not rooms.can_read(world.rooms[name], world.person(who)):
            page, nothing = (client.get(f"/chat/{world.slugs[slug]}/") for slug in (name, none))
            assert page.status_code == nothing.status_code == 404
            assert alike(page, world.slugs[name]) == alike(nothing, world.slugs[none])
            assert dict(page.headers) == dict(nothing.headers)


def alike(page, asked):
    """Return the page without what differs between any two answers: the time, the CSRF token, what was asked for."""
    text = re.sub(r'data-now="[^"]*"|name="csrfmiddlewaretoken" value="[^"]*"', "", page.content.decode())
    return text.replace(asked, "what was asked for")


@on_rows
def test_a_blocked_person_finds_nobody_and_is_not_told_of_the_block(world):
    client = world.client("blocked")
    answers = {}
    for name in ("alice", "nobody-at-all"):
        page = client.post("/people/ask/", {"username": name}, follow=True)
        found = client.get(f"/people/?q={name}")
        written = client.post(f"/chat/with/{name}/")
        answers[name] = [alike(one, name) for one in (page, found, written)]
    assert answers["alice"] == answers["nobody-at-all"]


@on_rows
def test_only_the_customer_shares_an_order_and_only_with_friends(world):
    for who in PEOPLE:
        for name in ("dora", "felix", "bert"):
            world.client(who).post(f"/order/{world.order.order_id}/share/", {"friend": name})
    assert list(OrderShare.objects.values_list("friend__username", flat=True)) == ["felix"]
    people.unfriend(world.users["customer"], world.users["friend"])
    assert not OrderShare.objects.exists()
    assert visit(world, world.client("friend"), "get", "/", "list") == "200"


# Actions in rooms

DONE = "yes"
REFUSALS = {  # the cell for a sentence
    "Only the staff": "no",
    "Only staff": "no",
    "Only the customer": "no",
    "not your message": "no",
    "your own message": "own",
    "no longer friends": "closed",
    "is open": "open",
    "nothing to hand over": "quiet",
    "Staff can't be muted": "no",
}


def try_out(world, who, room, verb, content):
    """Return the cell for an action, and roll it back."""
    person = world.person(who)
    try:
        with transaction.atomic():
            if verb == "report":
                messages.report(room.pk, person, content["seq"])
            else:
                actions.VERBS[verb](room.pk, person, content, timezone.now())
            transaction.set_rollback(True)
    except rooms.NoRoom:
        return "-"
    except Refused as refused:
        return next((cell for words, cell in REFUSALS.items() if words in str(refused)), str(refused))
    return DONE


@on_rows
def test_actions(world):
    """Act on a message of the customer (in the guest's own room, of the guest). "-": no such room."""
    world.rooms["guest's order"].refresh_from_db()
    asked = {
        name: requests.ask(world.rooms[name].pk, world.person(who), {"wish": "cancel"}, timezone.now()).seq
        for name, who in (("order", "customer"), ("guest's order", "guest"))
    }
    seqs = {name: Message.objects.get(room=room, kind="text").seq for name, room in world.rooms.items()}
    seen = {}
    for name, room in world.rooms.items():
        seq = seqs[name]
        actions = {
            "message": {"message": "x"},
            "edit": {"seq": seq, "message": "x"},
            "delete": {"seq": seq},
            "remove": {"seq": seq},
            "mute": {"seq": seq, "muted": True},
            "report": {"seq": seq},
        }
        if name in asked:
            actions |= {
                "wish": {"wish": "cancel"},
                "answer_wish": {"seq": asked[name], "accept": True},
                "take": {},
                "hand_over": {"to": "maria"},
                "close": {},
                "reopen": {},
            }
        for verb, content in actions.items():
            for who in PEOPLE:
                seen[f"{name}: {verb}", who] = try_out(world, who, room, verb, content)
    assert seen == table(
        #                     visitor | guest | customer | another | friend | blocked | agent | staff | superuser
        "public: message      | yes | yes | yes | yes | yes | yes | yes | yes | yes",
        "public: edit         | no  | no  | yes | no  | no  | no  | no  | no  | no",
        "public: delete       | no  | no  | yes | no  | no  | no  | no  | no  | no",
        "public: remove       | no  | no  | no  | no  | no  | no  | no  | no  | yes",
        "public: mute         | no  | no  | no  | no  | no  | no  | no  | no  | yes",
        "public: report       | yes | yes | own | yes | yes | yes | yes | yes | yes",
        "private: message     | -   | -   | yes | -   | yes | -   | -   | -   | -",
        "private: edit        | -   | -   | yes | -   | no  | -   | -   | -   | -",
        "private: delete      | -   | -   | yes | -   | no  | -   | -   | -   | -",
        "private: remove      | -   | -   | no  | -   | no  | -   | -   | -   | -",
        "private: mute        | -   | -   | no  | -   | no  | -   | -   | -   | -",
        "private: report      | -   | -   | own | -   | yes | -   | -   | -   | -",
        "closed: message      | -   | -   | closed | - | -  | closed | - | -  | -",
        "closed: edit         | -   | -   | closed | - | -  | closed | - | -  | -",
        "closed: delete       | -   | -   | yes | -   | -   | no  | -   | -   | -",
        "closed: remove       | -   | -   | no  | -   | -   | no  | -   | -   | -",
        "closed: mute         | -   | -   | no  | -   | -   | no  | -   | -   | -",
        "closed: report       | -   | -   | own | -   | -   | yes | -   | -   | -",
        "order: message       | -   | -   | yes | -   | -   | -   | yes | -   | yes",
        "order: edit          | -   | -   | yes | -   | -   | -   | no  | -   | no",
        "order: delete        | -   | -   | yes | -   | -   | -   | no  | -   | no",
        "order: remove        | -   | -   | no  | -   | -   | -   | no  | -   | yes",
        "order: mute          | -   | -   | no  | -   | -   | -   | no  | -   | yes",
        "order: report        | -   | -   | own | -   | -   | -   | yes | -   | yes",
        "order: wish          | -   | -   | yes | -   | -   | -   | no  | -   | no",
        "order: answer_wish   | -   | -   | no  | -   | -   | -   | yes | -   | yes",
        "order: take          | -   | -   | no  | -   | -   | -   | yes | -   | yes",
        "order: hand_over     | -   | -   | no  | -   | -   | -   | quiet | - | quiet",
        "order: close         | -   | -   | no  | -   | -   | -   | yes | -   | yes",
        "order: reopen        | -   | -   | no  | -   | -   | -   | open | -  | open",
        "guest's order: message     | - | yes | -  | -   | -   | -   | yes | -   | yes",
        "guest's order: edit        | - | yes | -  | -   | -   | -   | no  | -   | no",
        "guest's order: delete      | - | yes | -  | -   | -   | -   | no  | -   | no",
        "guest's order: remove      | - | no  | -  | -   | -   | -   | no  | -   | yes",
        "guest's order: mute        | - | no  | -  | -   | -   | -   | no  | -   | yes",
        "guest's order: report      | - | own | -  | -   | -   | -   | yes | -   | yes",
        "guest's order: wish        | - | yes | -  | -   | -   | -   | no  | -   | no",
        "guest's order: answer_wish | - | no  | -  | -   | -   | -   | yes | -   | yes",
        "guest's order: take        | - | no  | -  | -   | -   | -   | yes | -   | yes",
        "guest's order: hand_over   | - | no  | -  | -   | -   | -   | quiet | - | quiet",
        "guest's order: close       | - | no  | -  | -   | -   | -   | yes | -   | yes",
        "guest's order: reopen      | - | no  | -  | -   | -   | -   | open | -  | open",
    )
    assert Message.objects.filter(body="x").count() == 0


# Sockets

WORDS = ("Words-of-publi", "Words-of-priva", "Words-of-close", "Words-of-order", "Words-of-guest")
AGAIN = ("Again-in-publi", "Again-in-priva", "Again-in-order", "Again-in-guest")


async def connect(world, stack, path, cookie):
    """Return ("in" or the close code, the socket, its first frame)."""
    each = await stack.enter_async_context(opened(path, cookie))
    message = await each.socket.receive_output(timeout=5)
    if message["type"] == "websocket.close":
        return str(message["code"]), each, ""
    return "in", each, message["text"]


@on_sockets
async def test_sockets(world, valkey, monkeypatch):
    """Connect everybody to everything; collect what each of them reads while others write."""
    monkeypatch.setattr(sockets, "AUTHENTICATE_SECONDS", 0.2)
    paths = {name: f"/ws/chat/{slug}/" for name, slug in world.slugs.items()}
    paths |= {"inbox": "/ws/inbox/", "board": "/ws/kitchen/", "notices": "/ws/notices/"}
    paths["watch"] = f"/ws/pizza/{world.order.order_id}/"
    cookies = {who: await in_database(world.cookie)(who) for who in PEOPLE}
    seen, sockets_of, heard = {}, {who: [] for who in PEOPLE}, dict.fromkeys(PEOPLE, "")
    async with AsyncExitStack() as stack:
        for who in PEOPLE:
            for name, path in paths.items():
                cell, each, text = await connect(world, stack, path, cookies[who])
                seen[name, who] = cell
                heard[who] += text
                if cell == "in":
                    sockets_of[who].append((name, each))
        for name, room in world.rooms.items():
            if name != "closed":
                speaker = await in_database(world.person)("guest" if name == "guest's order" else "customer")
                await in_database(say)(room, speaker, f"Again-in-{name[:5]}")
        for who in PEOPLE:
            for name, each in sockets_of[who]:
                if name in world.rooms and name != "closed":  # await it: a slow machine needs more than a rest
                    heard[who] += json.dumps([await each.until("history"), await each.until("message")])
                heard[who] += "".join(json.dumps(frame) for frame in await each.rest(0.02))
    assert seen == table(
        #              visitor | guest | customer | another | friend | blocked | agent | staff | superuser
        "public        | in   | in   | in   | in   | in   | in   | in   | in   | in",
        "private       | 4404 | 4404 | in   | 4404 | in   | 4404 | 4404 | 4404 | 4404",
        "closed        | 4404 | 4404 | in   | 4404 | 4404 | in   | 4404 | 4404 | 4404",
        "order         | 4404 | 4404 | in   | 4404 | 4404 | 4404 | in   | 4404 | in",
        "guest's order | 4404 | in   | 4404 | 4404 | 4404 | 4404 | in   | 4404 | in",
        "no order      | 4404 | 4404 | 4404 | 4404 | 4404 | 4404 | 4404 | 4404 | 4404",
        "no private    | 4404 | 4404 | 4404 | 4404 | 4404 | 4404 | 4404 | 4404 | 4404",
        "no id         | 4404 | 4404 | 4404 | 4404 | 4404 | 4404 | 4404 | 4404 | 4404",
        "inbox         | 4401 | 4401 | 4403 | 4403 | 4403 | 4403 | in   | 4403 | in",
        "board         | 4401 | 4401 | 4403 | 4403 | 4403 | 4403 | 4403 | 4403 | in",
        "notices       | 4401 | 4401 | in   | in   | in   | in   | in   | in   | in",
        "watch         | in   | in   | in   | in   | in   | in   | in   | in   | in",
    )
    of = {word: "".join("x" if word in heard[who] else "." for who in PEOPLE) for word in WORDS + AGAIN}
    assert of == {
        "Words-of-publi": "xxxxxxxxx",
        "Words-of-priva": "..x.x....",
        "Words-of-close": "..x..x...",
        "Words-of-order": "..x...x.x",
        "Words-of-guest": ".x....x.x",
        "Again-in-publi": "xxxxxxxxx",
        "Again-in-priva": "..x.x....",
        "Again-in-order": "..x...x.x",
        "Again-in-guest": ".x....x.x",
    }
    assert all(WORD not in text and "v" * 32 not in text for text in heard.values())


@on_sockets
async def test_after_the_end_only_those_who_were_in_the_room_read(world, valkey):
    """End a friendship, and close the conversation with the kitchen."""
    await in_database(people.unfriend)(world.users["customer"], world.users["friend"])
    await in_database(orders.close)(world.rooms["order"].pk, await in_database(world.person)("agent"), timezone.now())
    cookies = {who: await in_database(world.cookie)(who) for who in PEOPLE}
    seen = {}
    async with AsyncExitStack() as stack:
        for who in PEOPLE:
            for name in ("private", "order"):
                cell, each, text = await connect(world, stack, f"/ws/chat/{world.slugs[name]}/", cookies[who])
                if cell == "in":
                    room, words = json.loads(text)["room"], await each.until("history")
                    assert f"Words-of-{name[:5]}" in json.dumps(words)
                    cell = "write" if room["may_write"] else "read"
                seen[name, who] = cell
    assert seen == table(
        #        visitor | guest | customer | another | friend | blocked | agent | staff | superuser
        "private | 4404 | 4404 | read  | 4404 | read | 4404 | 4404  | 4404 | 4404",
        "order   | 4404 | 4404 | write | 4404 | 4404 | 4404 | write | 4404 | write",
    )


@on_sockets
async def test_a_forbidden_socket_gets_the_answer_for_an_unknown_one_and_creates_no_room(world, valkey):
    before = await Room.objects.acount()
    other = await Order.objects.exclude(room__isnull=False).afirst()
    cookie = await in_database(world.cookie)("another")
    async with AsyncExitStack() as stack:
        for slug in (world.slugs["private"], world.slugs["order"], world.slugs["no private"], world.slugs["no order"]):
            each = await stack.enter_async_context(opened(f"/ws/chat/{slug}/", cookie))
            assert await each.socket.receive_output(timeout=5) == {"type": "websocket.close", "code": 4404}
        stranger = await in_database(world.cookie)("visitor")
        each = await stack.enter_async_context(opened(f"/ws/chat/order-{other.order_id}/", stranger))
        assert await each.closed_with() == 4404
    assert await Room.objects.acount() == before
