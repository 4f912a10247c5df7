"""Each model has a row that says whose data it holds; the person gets it, and it is forgotten when they leave."""

import io
import json
import zipfile

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile

from accounts import leaving, people, tokens
from accounts.models import Profile
from chat import messages, rooms
from chat.models import Message, Report
from chat.tests.cast import befriend, member, say, visitor
from home import sharing
from home.models import Order, OrderEvent
from keeping import export
from keeping.export import Person
from keeping.leaving import forget_visitor, without
from keeping.table import TABLE
from kitchen import flow
from kitchen.models import Station, Study
from kitchen.tests.clock import NOON
from office.models import Run
from office.tests.browser import opened

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]

NAME = "zebulon"
WORD = "w" * 32  # in a visitor's session


def models():
    return {model._meta.label: model for model in apps.get_models(include_auto_created=True)}


def test_each_model_has_a_row():
    assert set(TABLE) == set(models())


def test_each_way_to_an_account_is_told_or_silent():
    """A new column that leads to a person needs a decision."""
    for label, model in models().items():
        kept = TABLE[label]
        ways = {field.name for field in model._meta.get_fields() if field.concrete and field.related_model is User}
        if any(field.name == "guest" for field in model._meta.get_fields()):
            ways.add("guest")
        told = {way for section in kept.sections for way in (*section.user, section.guest)}
        assert ways <= told | set(kept.silent), label


@pytest.fixture
def zebulon(db):
    user = User.objects.create_user(
        NAME, f"{NAME}@example.org", first_name="Zebulon", last_name="Quark", is_staff=True
    )
    user.groups.add(Group.objects.get(name="Drivers"))
    user.user_permissions.set(Permission.objects.filter(codename__in=["answer_customers", "change_order"]))
    profile = Profile.of(user)
    profile.picture.save("face.webp", ContentFile(b"a face"))
    return user


@pytest.fixture
def life(zebulon, alice, charlie, bob, place):
    """Everything that a person can leave in the shop."""
    me = member(zebulon)
    tokens.make(zebulon, "zebulon's till")
    befriend(zebulon, alice)
    people.block(zebulon, charlie)
    own, others = place(NOON, user=zebulon, idempotency_key="k" * 64), place(NOON, user=alice)
    flow.hold(others.pk, zebulon, clock=NOON)
    sharing.share(own, alice, zebulon)
    sharing.share(others, zebulon, alice)
    for room in (rooms.public_room("Lobby"), rooms.private_room(zebulon, alice), rooms.order_room(own)):
        say(room, me, "I live at 5 Elm Street", now=NOON)
        room.refresh_from_db()
    answer = say(rooms.order_room(others), me, "A moment, please", now=NOON)
    said = say(rooms.public_room("Lobby"), member(alice), "Hello", now=NOON)
    messages.report(said.room_id, me, said.seq, "rude")
    Report.objects.create(message=answer, by=alice, settled_by=zebulon, settled_at=NOON)
    flow.change_station("baking", by=zebulon, mean_seconds=99.0)
    Study.objects.create(title="Tonight", request={}, plan={}, by=zebulon)
    Run.objects.create(table="auth.User", action="delete_selected", by=bob, total=1, refused={"x": [1, [NAME, "bob"]]})
    Run.objects.create(table="home.Order", action="hold", by=zebulon, total=1)
    for who, whom, change in ((bob, zebulon, [{"changed": {"fields": ["E-mail"]}}]), (zebulon, alice, [])):
        about = ContentType.objects.get_for_model(User)
        LogEntry.objects.create(
            user=who, content_type=about, object_id=whom.pk, object_repr=str(whom), action_flag=CHANGE,
            change_message=json.dumps(change),
        )  # fmt: skip
    return own


def traces(*words):
    """Return where one of these words stands in any table."""
    found = set()
    for label, model in models().items():
        for row in model._default_manager.values():
            text = str(row).casefold()
            found |= {f"{label}: {word}" for word in words if word.casefold() in text}
    return found


def unpacked(person):
    file = io.BytesIO()
    export.write(person, file, NOON)
    with zipfile.ZipFile(file) as packed:
        return packed.namelist(), json.loads(packed.read("data.json"))


# A person's data


def test_a_person_gets_what_is_theirs(life, zebulon):
    names, data = unpacked(Person(zebulon))
    assert names == ["data.json", "picture.webp"]
    assert {name: len(rows) for name, rows in data.items() if isinstance(rows, list)} == {
        "account": 1, "groups": 1, "permissions": 2, "profile": 1, "tokens": 1, "friendships": 1, "blocked_by_you": 1,
        "orders": 1, "order_lines": 1, "pizzas": 1, "order_events": 1, "done_by_you": 1, "shown_orders": 2,
        "studies": 1, "conversations": 1, "private_rooms": 1, "rooms": 4, "messages": 4, "reports": 1,
        "actions_on_many_rows": 1, "admin_log": 1,
    }  # fmt: skip
    assert data["account"][0]["email"] == "zebulon@example.org"
    assert [row["text"] for row in data["messages"]] == ["I live at 5 Elm Street"] * 3 + ["A moment, please"]
    assert data["orders"][0]["order_id"] == life.order_id


def test_no_secret_and_nobody_elses_data_is_in_it(life, zebulon, alice):
    people.block(alice, zebulon)  # who is blocked is not told
    _, data = unpacked(Person(zebulon))
    text = json.dumps(data)
    others = Order.objects.get(user=alice)
    digests = list(zebulon.tokens.values_list("digest", flat=True))
    assert [
        word for word in (zebulon.password, *digests, "alice@example.org", "Hello", "k" * 64) if word in text
    ] == []
    assert "blocks" not in data and [row["whom"] for row in data["blocked_by_you"]] == ["charlie"]
    assert [row for row in data["order_events"] if row["order_id"] == others.order_id] == []


def test_a_visitor_gets_their_orders_and_words_and_not_those_of_an_account(place, alice):
    mine, adopted = place(NOON, guest=WORD), place(NOON, guest=WORD, user=alice)
    say(rooms.order_room(mine), visitor(WORD), "Where is it?", now=NOON)
    names, data = unpacked(Person(guest=WORD))
    assert (names, [row["order_id"] for row in data["orders"]]) == (["data.json"], [mine.order_id])
    assert [row["text"] for row in data["messages"]] == ["Where is it?"]
    assert WORD not in json.dumps(data) and adopted.order_id not in json.dumps(data)


# Leaving


def test_no_table_knows_the_name_of_who_has_left(life, zebulon):
    before = {trace.split(":")[0] for trace in traces(NAME, "quark")}
    assert {"auth.User", "accounts.Token", "chat.Message", "kitchen.Station", "office.Run", "admin.LogEntry"} <= before
    leaving.leave(zebulon)
    assert traces(NAME, "quark") == set()
    assert Station.objects.get(stage="baking").measured_off_reason.startswith("Set by deleted account on ")
    order = Order.objects.get(pk=life.pk)
    assert (order.user, order.guest, order.idempotency_key) == (None, "", None)
    held = OrderEvent.objects.get(event="held")
    assert (held.by, held.by_person) == (None, True)
    assert Message.objects.filter(body="I live at 5 Elm Street", sent_by="deleted account").count() == 3


def test_words_go_too_if_the_person_wants_that(life, zebulon):
    leaving.leave(zebulon, takes_words=True)
    assert traces(NAME, "quark", "Elm Street", "A moment") == set()
    room = rooms.public_room("Lobby")
    assert [(m.seq, m.body, m.deleted_at is None) for m in room.messages.all()] == [(1, "", False), (2, "Hello", True)]
    assert room.messages.get(seq=1).revision > room.messages.get(seq=2).revision  # open pages hear of it


def test_what_was_reported_can_be_read_until_staff_have_decided(zebulon, alice):
    room = rooms.public_room("Lobby")
    said = [say(room, member(zebulon), text, now=NOON) for text in ("Rude", "Settled")]
    for message, settled_at in zip(said, (None, NOON), strict=True):
        Report.objects.create(message=message, by=alice, settled_at=settled_at)
    leaving.leave(zebulon, takes_words=True)
    assert [(m.body, m.deleted_at is None) for m in room.messages.all()] == [("Rude", False), ("", False)]


@pytest.mark.parametrize(("takes_words", "left"), [(True, ""), (False, "Rude")])
def test_what_was_reported_goes_as_soon_as_staff_have_decided(zebulon, alice, bob, takes_words, left):
    said = say(rooms.public_room("Lobby"), member(zebulon), "Rude", now=NOON)
    reports = [Report.objects.create(message=said, by=by) for by in (alice, bob)]
    leaving.leave(zebulon, takes_words)
    office = admin.site.get_model_admin(Report)
    seen = []
    for report in reports:
        office.act_on("settle", report.pk, office.version(Report.objects.get(pk=report.pk)), bob)
        seen.append(Message.objects.get().body)
    assert seen == ["Rude", left]


def test_the_admin_forgets_likewise(life, zebulon, bob, client):
    client.force_login(bob)
    address = f"/admin/auth/user/{zebulon.pk}/delete/"
    client.post(address, opened(client, address) | {"post": "yes"})
    assert (User.objects.filter(pk=zebulon.pk).exists(), traces(NAME, "quark")) == (False, set())


def test_a_visitor_is_forgotten(place, alice):
    order = place(NOON, guest=WORD, idempotency_key="k" * 64)
    room, lobby = rooms.order_room(order), rooms.public_room("Lobby")
    said = say(lobby, member(alice), "Hello", now=NOON)
    for place_to_talk in (room, lobby):
        say(place_to_talk, visitor(WORD, "Quark"), "I live at 5 Elm Street", now=NOON)
    messages.report(lobby.pk, visitor(WORD), said.seq, "rude")
    forget_visitor(WORD)
    left = traces(WORD, "quark", "k" * 64)
    forget_visitor(WORD, takes_words=True)  # nothing is theirs any more
    assert (left, Message.objects.filter(body__contains="Elm").count()) == (set(), 2)


def test_words_of_a_visitor(place):
    say(rooms.order_room(place(NOON, guest=WORD)), visitor(WORD), "I live at 5 Elm Street", now=NOON)
    forget_visitor(WORD, takes_words=True)
    assert traces(WORD, "Elm Street") == set()


@pytest.mark.parametrize(
    ("name", "told", "left"),
    [
        ("bo", "the message of bo", "the message of deleted account"),
        ("bo", "the message of bob", "the message of bob"),
        ("bo", {"gone": [1, ["bo", "bo.b", "a-bo"]]}, {"gone": [1, ["deleted account", "deleted account.b", "a-bo"]]}),
        ("1", {"1 is gone": [1, ["1", "21"]]}, {"deleted account is gone": [1, ["deleted account", "21"]]}),
    ],
)
def test_a_name_is_replaced_where_it_stands_for_itself(name, told, left):
    assert without(name, told) == left


@pytest.mark.parametrize("name", ["on", "by", "Set"])
def test_a_name_that_is_a_word_leaves_the_others_alone(alice, name):
    user = User.objects.create(username=name, is_staff=True)
    for stage, by in (("baking", alice), ("received", user)):
        flow.change_station(stage, by=by, mean_seconds=99.0)
    before = Station.objects.get(stage="baking").measured_off_reason
    leaving.leave(user)
    reasons = dict(Station.objects.values_list("stage", "measured_off_reason"))
    assert reasons["baking"] == before
    assert reasons["received"].startswith("Set by deleted account on ")
