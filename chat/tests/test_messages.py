"""Messages: numbered without gaps, stored once, and changed by their author for five minutes."""

from functools import partial

import pytest

from accounts.models import Profile
from chat import history, messages, orders, rooms, stream
from chat.models import Membership, Message, Report
from chat.tests.cast import ANSWER, MODERATE, befriend, member, say, staff, visitor
from kitchen.tests.clock import NOON, at, finish
from kitchen.tests.test_races import all_at_once
from office.tests.browser import opened
from realtime.refused import Refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


def said(room):
    """Return [(seq, name, text)] of the whole stream."""
    return [(m.seq, m.sent_by, m.body) for m in Message.objects.filter(room=room)]


@pytest.fixture
def room(db):
    return rooms.public_room("Pizza")


# Posting


def test_messages_are_numbered_from_one(room, alice, charlie):
    for who, body in ((member(alice), "One"), (visitor(), "Two"), (member(charlie), "Three")):
        say(room, who, body)
    assert said(room) == [(1, "alice", "One"), (2, "Vera", "Two"), (3, "charlie", "Three")]
    room.refresh_from_db()
    assert (room.last_seq, room.revision) == (3, 3)


def test_the_same_client_id_is_the_same_message(room, alice, charlie):
    first = say(room, member(alice), "One", "x")
    assert say(room, member(alice), "One, sent again", "x") == first
    say(room, member(charlie), "Another one's x", "x")
    say(rooms.public_room("Other"), member(alice), "Elsewhere", "x")
    say(room, member(alice), "No id")
    say(room, member(alice), "No id")
    assert [body for _, _, body in said(room)] == ["One", "Another one's x", "No id", "No id"]


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_many_at_once_leave_no_gap_and_no_duplicate(room, alice, charlie):
    """Each message is sent twice, as after a broken connection."""
    calls = [
        partial(say, room, who, f"{who.name} {n}", f"id{n}")
        for n in range(3)
        for who in (member(alice), member(charlie))
        for _ in range(2)
    ]
    all_at_once(*calls)
    assert [seq for seq, _, _ in said(room)] == [1, 2, 3, 4, 5, 6]
    assert sorted(body for _, _, body in said(room)) == sorted(
        f"{n} {i}" for n in ("alice", "charlie") for i in range(3)
    )
    room.refresh_from_db()
    assert (room.last_seq, room.revision) == (6, 6)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ("\u200b\u3164", "empty"),  # nothing is visible
        ("x" * 2001, "at most 2,000"),
        (None, "must be text"),
        (4, "must be text"),
        (["x"], "must be text"),
        ("a\x00b", "can't be shown"),
        ("\ud800", "can't be shown"),
    ],
)
def test_an_invalid_message_is_refused(room, alice, body, words):
    with pytest.raises(Refused, match=words):
        say(room, member(alice), body)
    assert said(room) == []


def test_a_message_is_kept_as_it_was_typed(room, alice):
    body = "<b>x</b> & 'y'\n\nمرحبا 👩🏽‍🍳 \u202eback"
    say(room, member(alice), f"  {body}  \r\n")
    say(room, member(alice), "🍕" * 2000)
    assert [body for _, _, body in said(room)] == [body, "🍕" * 2000]


@pytest.mark.parametrize("client_id", ["x" * 65, 4, [], "a\x00", "\n"])
def test_an_invalid_client_id_is_refused(room, alice, client_id):
    with pytest.raises(Refused, match="An id is text"):
        say(room, member(alice), "Hello", client_id)


# Editing and deleting


def test_people_edit_and_delete_their_messages_for_five_minutes(room, alice):
    me = member(alice)
    for body in ("One", "Two", "Three"):
        say(room, me, body, now=NOON)
    messages.edit(room.pk, me, 1, " One, better ", at(300))
    messages.delete(room.pk, me, 2, at(300))
    assert said(room) == [(1, "alice", "One, better"), (2, "alice", ""), (3, "alice", "Three")]
    one, two, _ = Message.objects.all()
    assert (one.edited_at, two.deleted_at, one.revision, two.revision) == (at(300), at(300), 4, 5)
    for verb in (partial(messages.edit, room.pk, me, 3, "Late"), partial(messages.delete, room.pk, me, 3)):
        with pytest.raises(Refused, match="too late"):
            verb(at(301))


def test_nobody_edits_or_deletes_messages_of_others_or_deleted_ones(room, alice, charlie):
    me = member(alice)
    say(room, me, now=NOON)
    say(room, visitor(), now=NOON)
    for who in (member(charlie), visitor("w" * 32), visitor("")):
        for seq in (1, 2):
            with pytest.raises(Refused, match="not your message"):
                messages.edit(room.pk, who, seq, "Mine", at(1))
            with pytest.raises(Refused, match="not your message"):
                messages.delete(room.pk, who, seq, at(1))
    messages.edit(room.pk, visitor(), 2, "Mine", at(1))
    messages.delete(room.pk, me, 1, at(1))
    for seq in (1, 3, 0):
        with pytest.raises(Refused, match="no such message"):
            messages.edit(room.pk, me, seq, "x", at(1))
    for seq in (None, "1", True, 1.0, -1, 2**31):
        with pytest.raises(Refused, match="Say which message"):
            messages.delete(room.pk, me, seq, at(1))


# Staff


def test_only_moderators_remove_messages_and_at_any_time(room, alice, bob, charlie):
    say(room, member(alice), "Nasty", now=NOON)
    for nobody in (member(charlie), visitor(), member(staff("nora", ANSWER))):
        with pytest.raises(Refused, match="Only staff"):
            messages.remove(room.pk, nobody, 1, at(1))
    messages.remove(room.pk, member(staff("mona", MODERATE)), 1, at(10**6))
    message = Message.objects.get()
    assert (message.body, message.deleted_by_staff) == ("", True)


def test_a_muted_person_reads_and_does_not_write(room, alice, bob, charlie):
    say(room, member(alice), "Nasty", now=NOON)
    say(room, visitor(), "Nasty, too", now=NOON)
    messages.mute(room.pk, member(bob), True, username="alice")
    messages.mute(room.pk, member(bob), True, seq=2)
    for who in (member(alice), visitor()):
        with pytest.raises(Refused, match="muted"):
            say(room, who)
        with pytest.raises(Refused, match="muted"):
            messages.edit(room.pk, who, 1, "x", at(1))
        assert history.snapshot(room.pk, who, None).shown["why_not"]
        assert history.snapshot(room.pk, who, None).shown["muted"] == []  # only moderators see it
    told = history.snapshot(room.pk, member(bob), None).shown["muted"]
    assert told == [{"username": "alice", "guest": False}, {"username": "Vera", "guest": True}]
    messages.delete(room.pk, member(alice), 1, at(1))  # deleting is not writing
    say(room, member(charlie))
    say(rooms.public_room("Other"), member(alice))

    messages.mute(room.pk, member(bob), False, seq=2)
    say(room, visitor())
    assert len(history.snapshot(room.pk, member(bob), None).shown["muted"]) == 1


def test_nobody_mutes_staff_and_only_staff_mute(room, alice, bob):
    say(room, member(bob))
    mona = staff("mona", MODERATE)
    with pytest.raises(Refused, match="Staff can't be muted"):
        messages.mute(room.pk, member(mona), True, seq=1)
    with pytest.raises(Refused, match="Only staff"):
        messages.mute(room.pk, member(alice), True, seq=1)
    with pytest.raises(Refused, match="Nobody in the room"):
        messages.mute(room.pk, member(bob), True, username="alice")  # she was never here
    with pytest.raises(Refused, match="true or false"):
        messages.mute(room.pk, member(bob), "yes", seq=1)
    assert not Membership.objects.filter(muted=True).exists()


def test_a_reported_message_keeps_its_text_for_staff(room, alice, charlie, client, bob):
    say(room, member(alice), "Nasty", now=NOON)
    messages.report(room.pk, member(charlie), 1, "rude")
    messages.report(room.pk, member(charlie), 1, "very rude")
    messages.report(room.pk, visitor(), 1)
    with pytest.raises(Refused, match="your own"):
        messages.report(room.pk, member(alice), 1)
    messages.delete(room.pk, member(alice), 1, at(1))
    assert set(Report.objects.values_list("by__username", "reason")) == {(None, ""), ("charlie", "very rude")}
    assert Message.objects.get().body == "Nasty"
    assert stream.pack(Message.objects.get())["body"] == ""  # everybody else sees it removed

    client.force_login(bob)
    page = client.get("/admin/chat/report/").content.decode()
    assert "Nasty" in page and "very rude" in page


@pytest.mark.parametrize("action", ["remove_message", "mute_author", "settle"])
def test_reports_are_settled_in_the_admin(client, alice, bob, charlie, action):
    """Moderators can act in rooms that they are not in."""
    befriend(alice, charlie)
    room = rooms.private_room(alice, charlie)
    say(room, member(alice), "Nasty")
    messages.report(room.pk, member(charlie), 1, "rude")
    report = Report.objects.get()
    client.force_login(bob)
    page = opened(client, "/admin/chat/report/")
    client.post("/admin/chat/report/", page | {"action": action, "_selected_action": [report.pk], "index": 0})
    report.refresh_from_db()
    assert report.settled_by == bob
    assert (report.message.deleted_at is not None) == (action == "remove_message")
    assert Membership.objects.filter(user=alice, muted=True).exists() == (action == "mute_author")


def test_reports_are_for_moderators_only(client, alice):
    client.force_login(staff("nora", ANSWER, "view_report", "change_report"))
    assert client.get("/admin/chat/report/").status_code == 403
    client.force_login(staff("mona", MODERATE))
    assert client.get("/admin/chat/report/").status_code == 200


# Reading


def test_history_comes_in_pages_and_after_means_exactly_after(room, alice):
    me = member(alice)
    Message.objects.bulk_create(Message(room=room, seq=n, revision=n, body=str(n)) for n in range(1, 121))

    def seqs(page):
        return [packed["seq"] for packed in page[0]], page[1]

    assert seqs(history.last(room.pk, me)) == (list(range(71, 121)), True)
    assert seqs(history.before(room.pk, me, 71)) == (list(range(21, 71)), True)
    assert seqs(history.before(room.pk, me, 21)) == (list(range(1, 21)), False)
    assert seqs(history.before(room.pk, me, 51)) == (list(range(1, 51)), False)
    assert seqs(history.after(room.pk, me, 69)) == (list(range(70, 120)), True)
    assert seqs(history.after(room.pk, me, 119)) == ([120], False)
    assert seqs(history.after(room.pk, me, 120)) == ([], False)


def test_a_snapshot_has_what_changed_since_a_revision(room, alice, charlie):
    me = member(alice)
    for body in ("One", "Two"):
        say(room, me, body, now=NOON)
    messages.edit(room.pk, me, 1, "One, better", at(1))
    assert [packed["seq"] for packed in history.snapshot(room.pk, me, 2).messages] == [1]
    assert [packed["seq"] for packed in history.snapshot(room.pk, me, 1).messages] == [1, 2]
    assert history.snapshot(room.pk, me, 3).messages == []
    assert history.snapshot(room.pk, me, None).messages == []


def test_read_receipts_are_sent_unless_one_of_the_two_has_switched_them_off(room, alice, charlie):
    one, two = member(alice), member(charlie)
    say(room, one)
    say(room, one)
    assert messages.read(room.pk, two, 1)
    assert not messages.read(room.pk, two, 1)  # nothing new
    assert history.reads(room.pk, one) == [{"type": "read", "username": "charlie", "seq": 1}]
    assert messages.read(room.pk, two, 10**6)  # at most the last message
    assert history.reads(room.pk, one)[0]["seq"] == 2

    Profile.objects.create(user=charlie, shows_reads=False)
    say(room, one)
    assert not messages.read(room.pk, two, 3)
    assert Membership.objects.get(user=charlie).last_read == 3  # it still counts for Charlie's own unread messages
    assert history.reads(room.pk, one) == history.reads(room.pk, two) == []


def test_a_visitors_word_is_never_sent(room, alice):
    word = "v" * 32
    packed = stream.pack(say(room, visitor(word), client_id="x"))
    mine, theirs = stream.show(packed, visitor(word)), stream.show(packed, member(alice))
    assert (mine["mine"], mine["id"], theirs["mine"], theirs["id"]) == (True, "x", False, None)
    assert word not in repr(mine) + repr(theirs)
    assert theirs["guest"] and not theirs["staff"]


# The order in its room


@pytest.fixture
def order(small_kitchen, place, alice):
    return place(NOON, user=alice)


@pytest.fixture
def talk(order):
    return rooms.order_room(order)


def test_the_orders_events_are_in_the_same_stream_in_order(order, talk, alice, bob):
    say(talk, member(alice), "How long?", now=at(5))
    finish(order, at(10))
    say(talk, member(bob), "In the oven", now=at(15))
    finish(order, at(30))
    orders.copy_events(talk.pk, 3)
    orders.copy_events(talk.pk, 3)
    orders.copy_events(talk.pk)
    assert said(talk) == [
        (1, "kitchen", "We started making your order"),
        (2, "alice", "How long?"),
        (3, "kitchen", "Your pizza went into the oven"),
        (4, "bob", "In the oven"),
        (5, "kitchen", "Out of the oven, being cut and boxed"),
    ]
    assert [m.created_at for m in Message.objects.all()] == [at(0), at(5), at(10), at(15), at(30)]
    assert [m.by_staff for m in Message.objects.all()] == [False, False, False, True, False]


def test_nothing_is_written_while_nobody_talks(order, talk, django_assert_num_queries):
    finish(order, at(10))
    assert not Message.objects.exists()
    orders.copy_events(talk.pk)
    with django_assert_num_queries(1):
        orders.copy_events(talk.pk, 2)


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_many_sockets_copy_an_event_once(order, talk):
    all_at_once(*[lambda: orders.copy_events(talk.pk, 1)] * 4)
    assert said(talk) == [(1, "kitchen", "We started making your order")]


def test_nobody_edits_removes_or_reports_an_event(order, talk, alice, bob):
    orders.copy_events(talk.pk)
    for verb in (messages.edit, messages.delete, messages.remove, messages.report):
        arguments = {messages.edit: ("x", NOON), messages.report: ()}.get(verb, (NOON,))
        with pytest.raises(Refused, match="no such message"):
            verb(talk.pk, member(bob), 1, *arguments)
