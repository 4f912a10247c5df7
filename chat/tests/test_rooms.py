"""Rooms: names, access, one private room for each pair, and unread messages."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from accounts import limits, people
from chat import history, orders, rooms, stream
from chat.models import Membership, Message, Room
from chat.person import Person, free_name, guest_name, person
from chat.tests.cast import ANSWER, befriend, member, say, staff, visitor
from kitchen.tests.test_races import all_at_once
from realtime.refused import Refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


# Names


@pytest.mark.parametrize(
    ("typed", "slug", "name"),
    [
        ("Pizza", "pizza", "Pizza"),
        ("  Pizza   Friday ", "pizza-friday", "Pizza Friday"),
        ("pizza-friday", "pizza-friday", "pizza-friday"),
        ("Straße", "strasse", "Straße"),
        ("ＰＩＺＺＡ", "pizza", "PIZZA"),  # wide letters are the same letters
        ("ピザ", "ピザ", "ピザ"),
        ("بيتزا مارغريتا", "بيتزا-مارغريتا", "بيتزا مارغريتا"),
        ("می‌خواهم", "می‌خواهم", "می‌خواهم"),  # with the joiner that Persian needs
        ("пицца № 1", "пицца-no-1", "пицца No 1"),
        ("🍕", "🍕", "🍕"),
        ("👩🏽‍🍳", "👩🏽‍🍳", "👩🏽‍🍳"),
        ("❤️‍🔥 1️⃣", "❤️‍🔥-1️⃣", "❤️‍🔥 1️⃣"),
        ("\U0001faef", "\U0001faef", "\U0001faef"),  # a picture that is newer than this Python
        ("what? #1 & 100%", "what?-#1-&-100%", "what? #1 & 100%"),
        ("order", "order", "order"),
        ("é" * 60, "é" * 60, "é" * 60),
        ("e\u0301", "é", "é"),
        ("..a", "..a", "..a"),
    ],
)
def test_any_name_in_any_script_is_a_room(typed, slug, name):
    assert rooms.public_slug(typed) == (slug, name)
    assert rooms.public_slug(slug)[0] == slug  # the slug of a slug is itself
    room = rooms.public_room(typed)
    assert (room.slug, room.name, room.kind, room.is_open) == (slug, name, "public", True)
    assert rooms.public_room(f" {typed.swapcase()} ").pk == room.pk or not typed.isascii()
    assert room.url.startswith("/chat/") and room.url.isascii()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "Give the room a name"),
        (" \n ", "Give the room a name"),
        (None, "must be text"),
        (["pizza"], "must be text"),
        ("p" * 61, "at most 60"),
        ("p" * 10**6, "at most 60"),
        ("\ufdfa" * 20, "at most 60"),  # each is eighteen letters when normalised
        ("...", "at least one letter"),
        ("-", "at least one letter"),
        ("a/b", "slash"),
        ("a\\b", "slash"),
        ("a\x00b", "can't be seen"),
        ("a\u202eb", "can't be seen"),  # reverses the line
        ("a\u200bb", "can't be seen"),
        ("pizza\u200d", "can't be seen"),  # a joiner that joins nothing
        ("\u200cpizza", "can't be seen"),
        ("piz\u200dza", "can't be seen"),
        ("pizza\ufe0f", "can't be seen"),
        ("می\u200c", "can't be seen"),
        ("\u3164", "can't be seen"),  # a letter in Unicode, but invisible
        ("pizza\u2800", "can't be seen"),
        ("\ud800", "can't be seen"),
        ("order-abc", "begin with"),
        ("Order-ABC", "begin with"),
        ("order abc", "begin with"),
        ("private-x", "begin with"),
    ],
)
def test_other_names_are_refused_with_a_sentence(typed, words):
    with pytest.raises(Refused, match=words):
        rooms.public_slug(typed)
    assert not Room.objects.exists()


def test_a_room_keeps_its_name_as_typed(client, alice):
    client.force_login(alice)
    page = client.post("/chat/", {"room": " Pizza  Friday! "}, follow=True)
    assert page.request["PATH_INFO"] == "/chat/pizza-friday!/"
    assert ">Pizza Friday!<" in page.content.decode()
    assert Room.objects.get().name == "Pizza Friday!"
    client.get("/chat/merely-looked-at/")
    assert Room.objects.count() == 1


def test_the_form_limits_the_number_of_new_rooms_too(client, alice, monkeypatch):
    monkeypatch.setitem(limits.LIMITS, "room", limits.Limit(1, limits.QUARTER))
    client.force_login(alice)
    for name in ("one", "one", "ONE"):  # it exists after the first time
        assert client.post("/chat/", {"room": name}).status_code == 302
    page = client.post("/chat/", {"room": "two"})
    assert page.status_code == 429 and "many new rooms" in page.content.decode()
    assert 800 < int(page["Retry-After"]) <= 900
    assert Room.objects.get().name == "one"


def test_addresses_in_one_ipv6_network_share_the_limit_on_new_rooms(db, monkeypatch):
    monkeypatch.setitem(limits.LIMITS, "room", limits.Limit(1, limits.QUARTER))
    assert rooms.can_create(visitor(), "2001:db8::1")
    assert not rooms.can_create(visitor(), "2001:db8::2")
    assert rooms.can_create(visitor(), "2001:db8:0:1::1")


def test_a_visitor_who_asks_for_a_members_name_is_told_why_they_get_another(client, alice):
    page = client.get("/chat/pizza/?username=Alice").content.decode()
    assert "“Alice” is somebody else&#x27;s name here." in page and 'data-username="Guest ' in page
    assert "somebody else" not in client.get("/chat/pizza/?username=Vera").content.decode()
    assert "Give a name" not in client.get("/chat/pizza/").content.decode()
    assert "disabled></textarea>" in page  # until the script runs: what is typed before would be lost


@pytest.mark.parametrize(
    "name", ["alice", "ALICE", "Ａlice", " alice ", "Kitchen", "deleted account", "staff", "stаff"]
)
def test_a_visitor_cannot_take_a_members_name(alice, name):
    with pytest.raises(Refused, match="somebody else's name"):
        free_name(name)


def test_nor_a_members_name_in_another_case():
    User.objects.create_user("Émile")
    for name in ("émile", "ÉMILE", "e\u0301mile"):
        with pytest.raises(Refused, match="somebody else's name"):
            free_name(name)


@pytest.mark.parametrize(
    ("taken", "wanted"),
    [
        ("alice", "аliсe"),  # two letters are Cyrillic
        ("BOB", "ВΟB"),  # one Cyrillic, one Greek
        ("роса", "poca"),  # and the other way round
        ("анна", "aннa"),
        ("سلام", "سل\u200dام"),
        ("7of9", "7\ufe0fof9"),
    ],
)
def test_nor_a_name_that_looks_the_same(db, taken, wanted):
    User.objects.create_user(taken)
    with pytest.raises(Refused, match="somebody else's name"):
        free_name(wanted)
    assert free_name(f"{wanted} 2")


@pytest.mark.parametrize("name", ["", "  ", "!!", "x" * 31, "a\x00", 4, None, "\u202eecila", "alice\u200d", "\u3164"])
def test_an_invalid_name_is_refused(name):
    with pytest.raises(Refused):
        free_name(name)


def test_a_visitor_without_a_name_is_always_called_the_same():
    assert free_name("  Vera   K ") == "Vera K"
    assert guest_name("v" * 32) == guest_name("v" * 32) != guest_name("w" * 32)


# Access


@pytest.fixture
def order(place, alice):
    return place(user=alice)


def test_an_order_room_is_for_the_customer_and_the_kitchen(order, alice, bob, charlie):
    agent, other_staff = staff("maria", ANSWER), staff("nora")
    slug = f"order-{order.order_id}"
    for nobody in (member(charlie), member(other_staff), visitor(), Person(None)):
        with pytest.raises(rooms.NoRoom):
            rooms.enter(slug, nobody)
    assert not Room.objects.exists()  # a failed try creates none

    room = rooms.enter(slug, member(alice))
    assert (room.kind, room.slug, room.url, room.client) == ("order", slug, f"/order/{order.order_id}/", alice)
    assert {rooms.enter(slug, member(user)).pk for user in (alice, bob, agent)} == {room.pk}
    assert [rooms.is_agent(room, member(user)) for user in (alice, bob, agent)] == [False, True, True]


def test_staff_are_customers_of_their_own_order(place, bob):
    room = rooms.order_room(place(user=bob))
    assert not rooms.is_agent(room, member(bob))


def test_a_visitors_order_room_opens_with_the_word_in_their_session(place, alice):
    order = place(guest="v" * 32)
    slug = f"order-{order.order_id}"
    assert rooms.enter(slug, visitor()).client is None
    for nobody in (visitor("w" * 32), visitor(""), member(alice), Person(alice, "v" * 32, "alice")):
        with pytest.raises(rooms.NoRoom):
            rooms.enter(slug, nobody)
    order.user = alice  # they have logged in
    order.save()
    assert rooms.enter(slug, member(alice))
    with pytest.raises(rooms.NoRoom):
        rooms.enter(slug, visitor())


@pytest.mark.parametrize("slug", ["order-", "order-" + "z" * 20, "order-é", "private-", "private-" + "z" * 20])
def test_an_unknown_room_looks_the_same(bob, slug):
    with pytest.raises(rooms.NoRoom):
        rooms.enter(slug, member(bob))


def test_two_friends_share_one_private_room(alice, bob, charlie):
    befriend(alice, charlie)
    room = rooms.private_room(charlie, alice)
    assert rooms.private_room(alice, charlie).pk == room.pk
    assert len(room.slug) == 28 and room.url == f"/chat/{room.slug}/"
    assert [rooms.title(room, member(user)) for user in (alice, charlie)] == ["charlie", "alice"]
    assert rooms.enter(room.slug, member(alice)).pk == room.pk
    for nobody in (member(bob), visitor(), Person(None)):  # a superuser is no friend
        with pytest.raises(rooms.NoRoom):
            rooms.enter(room.slug, nobody)


def test_there_is_no_private_room_with_a_stranger_or_oneself(alice, charlie):
    people.ask(alice, charlie)
    for a, b in ((alice, charlie), (charlie, alice), (alice, alice)):
        with pytest.raises(Refused, match="with friends"):
            rooms.private_room(a, b)
    assert not Room.objects.exists()


@pytest.mark.parametrize("end", [people.unfriend, people.block])
def test_unfriending_closes_the_private_room_and_both_keep_the_history(alice, charlie, end):
    befriend(alice, charlie)
    room = rooms.private_room(alice, charlie)
    say(room, member(alice), "Secret")

    end(charlie, alice)

    assert not Room.objects.get().is_open
    for user in (alice, charlie):
        assert rooms.enter(room.slug, member(user)).pk == room.pk
        assert rooms.private_room(alice, charlie).pk == room.pk
        with pytest.raises(Refused, match="no longer friends"):
            say(room, member(user))
    assert [message.body for message in Message.objects.all()] == ["Secret"]


def test_befriending_again_reopens_the_private_room(alice, charlie):
    befriend(alice, charlie)
    room = rooms.private_room(alice, charlie)
    people.unfriend(alice, charlie)
    befriend(charlie, alice)
    say(room, member(charlie), "Hello again")
    assert Room.objects.get().is_open


def test_the_end_of_a_friendship_counts_even_if_the_room_says_open(alice, charlie):
    befriend(alice, charlie)
    room = rooms.private_room(alice, charlie)
    people.unfriend(alice, charlie)
    Room.objects.update(is_open=True)
    with pytest.raises(Refused, match="no longer friends"):
        say(room, member(alice))


def test_a_snapshot_agrees_with_itself_although_a_friendship_ends_meanwhile(alice, charlie, monkeypatch):
    befriend(alice, charlie)
    room = rooms.private_room(alice, charlie)
    read_room = stream.read_room

    def read_and_then_unfriend(pk):
        found = read_room(pk)
        people.unfriend(alice, charlie)
        return found

    monkeypatch.setattr(stream, "read_room", read_and_then_unfriend)
    shown = history.snapshot(room.pk, member(alice), None).shown
    assert (shown["is_open"], shown["may_write"]) == (False, False)


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_friends_who_write_at_the_same_moment_get_one_room(alice, charlie):
    befriend(alice, charlie)
    found = all_at_once(*[lambda: rooms.private_room(alice, charlie), lambda: rooms.private_room(charlie, alice)] * 3)
    assert len({room.pk for room in found}) == Room.objects.count() == 1
    assert Membership.objects.count() == 2


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_many_people_who_open_a_room_at_the_same_moment_get_one(alice):
    found = all_at_once(*[lambda: rooms.public_room("Pizza")] * 4)
    assert len({room.pk for room in found}) == Room.objects.count() == 1


# Unread


def test_unread_are_the_rooms_with_messages_of_others(alice, bob, charlie, order, django_assert_max_num_queries):
    befriend(alice, charlie)
    private, public, talk = rooms.private_room(alice, charlie), rooms.public_room("Pizza"), rooms.order_room(order)
    for user in (alice, bob, charlie):
        rooms.membership(public, member(user))
    assert rooms.unread_rooms([alice.pk]) == {alice.pk: 0}

    say(private, member(charlie))
    say(private, member(charlie))
    say(public, visitor())
    say(talk, member(bob))  # bob answers there
    rooms.membership(talk, member(alice))
    with django_assert_max_num_queries(2):
        assert rooms.unread_rooms([alice.pk, bob.pk, charlie.pk]) == {alice.pk: 3, bob.pk: 1, charlie.pk: 1}
    assert [(row["name"], row["unread"]) for row in rooms.rooms_of(alice)] == [
        (talk.name, 1),
        ("Pizza", 1),
        ("charlie", 2),
    ]

    say(private, member(alice))  # writing marks the room as read
    assert rooms.unread_rooms([alice.pk])[alice.pk] == 2


def test_a_first_message_from_the_kitchen_is_unread(client, order, place, alice, bob):
    say(rooms.order_room(order), member(bob))
    assert rooms.unread_rooms([alice.pk, bob.pk]) == {alice.pk: 1, bob.pk: 0}
    session = client.session
    session["guest"] = "v" * 32
    session.save()
    say(rooms.order_room(place(guest="v" * 32)), member(bob))
    alice.set_password("alice's pizza 1")
    alice.save()
    client.post("/log-in/", {"username": "alice", "password": "alice's pizza 1"})
    assert rooms.unread_rooms([alice.pk]) == {alice.pk: 2}


def test_events_and_deleted_messages_are_not_unread(alice, bob, order):
    talk = rooms.order_room(order)
    say(talk, member(alice))
    message = say(talk, member(bob))
    assert rooms.unread_rooms([alice.pk])[alice.pk] == 1
    Message.objects.filter(pk=message.pk).update(deleted_at=message.created_at)
    assert rooms.unread_rooms([alice.pk])[alice.pk] == 0


def test_staff_who_only_opened_a_conversation_have_nothing_unread_there(alice, bob, order):
    talk = rooms.order_room(order)
    rooms.membership(talk, member(bob))
    say(talk, member(alice))
    assert rooms.unread_rooms([bob.pk]) == {bob.pk: 0}


# Deleted accounts, and visitors who log in


def test_a_deleted_accounts_messages_stay_without_its_name(alice, charlie):
    befriend(alice, charlie)
    private, public = rooms.private_room(alice, charlie), rooms.public_room("Pizza")
    say(private, member(charlie), "Between us")
    say(public, member(charlie), "To all")

    charlie.delete()

    found = Message.objects.order_by("pk")
    assert [(m.body, m.sent_by, m.author, m.guest) for m in found] == [
        ("Between us", "deleted account", None, ""),
        ("To all", "deleted account", None, ""),
    ]
    private.refresh_from_db()
    assert not private.is_open
    assert rooms.title(rooms.enter(private.slug, member(alice)), member(alice)) == "deleted account"
    alice.delete()
    assert not Room.objects.filter(pk=private.pk).exists()  # nobody is left to read it


def test_a_customer_whose_agent_is_deleted_waits_for_another(alice, order):
    maria = staff("maria", ANSWER)
    room = rooms.order_room(order)
    say(room, member(alice))
    say(room, member(maria))
    maria.delete()
    room.refresh_from_db()
    assert (room.state, room.agent) == ("waiting", None)


def test_a_visitor_who_logs_in_keeps_the_conversation(client, place, alice):
    session = client.session
    session["guest"] = "v" * 32
    session.save()
    room, public = rooms.order_room(place(guest="v" * 32)), rooms.public_room("Pizza")
    say(room, visitor(name="Customer"))
    say(public, visitor())

    alice.set_password("alice's pizza 1")
    alice.save()
    client.post("/log-in/", {"username": "alice", "password": "alice's pizza 1"})

    assert [(m.author, m.guest, m.sent_by) for m in Message.objects.filter(kind="text").order_by("pk")] == [
        (alice, "", "alice"),
        (None, "v" * 32, "Vera"),  # in a public room nobody learns who it was
    ]
    room.refresh_from_db()
    assert room.client == alice
    assert say(room, member(alice), "Again").author == alice


def test_a_person_is_identified_by_account_or_word_alone(alice):
    assert person(alice, "v" * 32) == Person(alice, "", "alice")
    assert not visitor("").wrote(None, "")
    assert visitor().wrote(None, "v" * 32) and not visitor().wrote(alice.pk, "")


def test_who_has_answered_sees_open_conversations_and_the_last_ones(place, alice, bob, monkeypatch):
    """An agent is a member of every conversation that they have answered: thousands, in a year."""
    monkeypatch.setattr(rooms, "MOST_LISTED", 2)
    answered = [rooms.order_room(place(user=alice)) for _ in range(3)]
    for minutes, room in enumerate(answered):
        say(room, member(alice))
        say(room, member(bob), now=timezone.now() + timedelta(minutes=minutes))
        say(room, member(alice))
    assert rooms.unread_rooms([alice.pk, bob.pk]) == {alice.pk: 0, bob.pk: 3}
    say(answered[0], member(alice), now=timezone.now() + timedelta(minutes=5))
    assert [row["slug"] for row in rooms.rooms_of(bob)] == [answered[0].slug, answered[2].slug]  # the latest messages
    assert set(Membership.objects.values_list("about_order", flat=True)) == {True}
    orders.close(answered[0].pk, member(bob), timezone.now())
    assert rooms.unread_rooms([bob.pk]) == {bob.pk: 2}
    assert {row["slug"] for row in rooms.rooms_of(bob)} == {room.slug for room in answered[1:]}
    assert len(rooms.rooms_of(alice)) == 2
