"""What is older than the settings allow is removed, piece by piece; what somebody still needs stays."""

import time
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils import timezone

from accounts.models import Attempt
from chat import history, messages, rooms
from chat.models import Membership, Message, Report, Room
from chat.tests.cast import befriend, member, say, visitor
from home.models import Order, OrderEvent
from home.timeline import timeline
from keeping import ages, batches, tasks
from kitchen import flow
from kitchen.models import Promise, Study, StudyPart
from kitchen.promises import ledger, measure
from kitchen.tests.clock import NOON, at
from telemetry.counts import counts

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]

DAY = 24 * 3600
LATER = at(10 * DAY)


def all_of(kind, before):
    return sum(ages.AGED[kind](before))


def with_events(*orders):
    """Return which of the orders have events."""
    return [order.events.exists() for order in orders]


# Events


def test_events_of_ended_orders_go_and_the_orders_stay(ended, place):
    old, older, young, open_one = ended(), ended(at(-DAY)), ended(LATER), place(NOON)
    seqs = list(Order.objects.order_by("pk").values_list("pk", "seq", "stage"))
    number = old.events.count() + older.events.count()
    assert all_of("events", at(DAY)) == number
    assert with_events(old, older, young, open_one) == [False, False, True, True]
    assert list(Order.objects.order_by("pk").values_list("pk", "seq", "stage")) == seqs
    assert all_of("events", at(DAY)) == 0


def test_an_old_order_to_which_something_happened_lately_keeps_its_whole_history(ended):
    order = ended()
    flow.override(order.pk, "baking", None, clock=LATER)
    flow.cancel(order.pk, None, "again", clock=LATER)
    number = order.events.count()
    assert (all_of("events", at(DAY)), order.events.count()) == (0, number)


def test_the_promise_is_judged_first(place):
    promise = Promise(
        at=NOON, speed=1, pizzas=1, open_orders=0, low_seconds=1, median_seconds=2, high_seconds=3,
        model_low_seconds=1, model_median_seconds=2, model_high_seconds=3,
    )  # fmt: skip
    order = place(NOON, promise=promise)
    flow.cancel(order.pk, None, "no", clock=NOON)
    before = [all_of("events", at(DAY)), *with_events(order)]
    ledger.settle(at(DAY))
    assert [*before, all_of("events", at(DAY)) > 0, *with_events(order)] == [0, True, True, False]


def test_the_newest_events_stay_for_the_measuring(ended, monkeypatch):
    orders = [ended(at(number)) for number in range(3)]
    monkeypatch.setattr(ages, "EVENTS_READ", orders[2].events.count() + 1)
    all_of("events", LATER)
    assert with_events(*orders) == [False, True, True]
    assert measure.EVENTS_READ == 20_000


def test_a_page_says_that_its_history_is_gone_and_goes_on_from_there(ended, client):
    order = ended()
    all_of("events", at(DAY))
    assert (
        "What happened is no longer kept: it is too long ago"
        in client.get(f"/order/{order.order_id}/").content.decode()
    )
    answer = client.get(f"/api/order/{order.order_id}/").json()
    assert (answer["events"], [line["sentence"] for line in answer["timeline"]]) == (
        [],
        ["What happened is no longer kept: it is too long ago"],
    )
    flow.override(order.pk, "baking", None, clock=LATER)
    order = Order.objects.with_items().get(pk=order.pk)
    assert [sentence for _, sentence in timeline(order)][:2] == [
        "What happened earlier is no longer kept",
        "Moved by staff to “Baking”",
    ]


# Chats


@pytest.fixture
def talks(alice, charlie, ended, place):
    """An old message in each kind of room, and one of today."""
    befriend(alice, charlie)
    found = {
        "public": rooms.public_room("Pizza"),
        "private": rooms.private_room(alice, charlie),
        "ended": rooms.order_room(ended(user=alice)),
        "open": rooms.order_room(place(NOON, user=alice)),
    }
    for room in found.values():
        say(room, member(alice), "Then", now=NOON)
        say(room, member(alice), "Now", now=LATER)
    Room.objects.update(waiting_since=None)
    return found


def texts(room):
    return list(room.messages.exclude(kind=Message.Kind.EVENT).values_list("body", flat=True))


def test_old_messages_go_everywhere_but_where_an_order_is_open(talks):
    all_of("chats", at(DAY))
    assert {name: texts(room) for name, room in talks.items()} == {
        "public": ["Now"],
        "private": ["Now"],
        "ended": ["Now"],
        "open": ["Then", "Now"],
    }


def test_numbers_go_on_and_nothing_is_unread_that_is_not_there(alice, charlie):
    befriend(alice, charlie)
    room = rooms.private_room(alice, charlie)
    for number in range(3):
        say(room, member(alice), f"{number}", now=NOON)
    messages.read(room.pk, member(charlie), 1)
    unread = rooms.unread_rooms([charlie.pk])
    all_of("chats", LATER)
    assert (unread, rooms.unread_rooms([charlie.pk])) == ({charlie.pk: 1}, {charlie.pk: 0})
    assert say(room, member(charlie), "Hello again", now=LATER).seq == 4
    found, has_more = history.after(room.pk, member(alice), 2)
    assert ([packed["seq"] for packed in found], has_more) == ([4], False)


def test_who_waits_and_what_is_reported_stays(talks, charlie):
    Room.objects.filter(pk=talks["ended"].pk).update(waiting_since=NOON)
    reported = talks["public"].messages.first()
    report = Report.objects.create(message=reported, by=charlie)
    all_of("chats", LATER)
    kept = texts(talks["ended"])[:1], texts(talks["public"])
    Report.objects.filter(pk=report.pk).update(settled_at=NOON)
    all_of("chats", LATER)
    assert (*kept, texts(talks["public"])) == (["Then"], ["Then", "Now"], ["Now"])


def test_visitors_of_whom_nothing_is_left_are_forgotten(db):
    room = rooms.public_room("Pizza")
    for word, now in (("a" * 32, NOON), ("b" * 32, LATER)):
        say(room, visitor(word), "Hello", now=now)
    Membership.objects.update(joined_at=NOON)
    all_of("chats", at(DAY))
    assert list(Membership.objects.values_list("guest", flat=True)) == ["b" * 32]


# Studies, sessions, attempts


def test_ended_studies_go_with_their_parts(db):
    for made_at, ended_at, status in (
        (NOON, NOON, "done"), (NOON, None, "running"), (NOON, None, "cancelled"), (NOON, LATER, "done"),
    ):  # fmt: skip
        study = Study.objects.create(
            title=status, request={}, plan={}, made_at=made_at, ended_at=ended_at, status=status
        )
        StudyPart.objects.create(study=study, key="1", first_block=0, blocks=1)
    all_of("studies", at(DAY))
    left = list(StudyPart.objects.order_by("study_id").values_list("study__status", "study__ended_at"))
    assert left == [("running", None), ("done", LATER)]


def test_what_has_run_out_is_cleared_daily(db):
    now = timezone.now()
    for number in (-1, 1):
        Session.objects.create(session_key=f"s{number}", expire_date=now + timedelta(days=number))
        Attempt.objects.create(key=f"{number}", at=now + timedelta(days=number))
    tasks.clear_sessions()
    assert [*Session.objects.values_list("pk", flat=True), *Attempt.objects.values_list("key", flat=True)] == [
        "s1",
        "1",
    ]


# The job


@pytest.fixture
def again(monkeypatch):
    tasks_sent = []
    monkeypatch.setattr(tasks, "go_on", tasks_sent.append)
    return tasks_sent


def test_without_settings_nothing_is_removed(ended, talks, again):
    before = OrderEvent.objects.count(), Message.objects.count(), Order.objects.count()
    tasks.remove()
    assert (OrderEvent.objects.count(), Message.objects.count(), Order.objects.count()) == before


def test_the_job_removes_counts_and_logs_in_one_line(ended, settings, again, caplog):
    settings.KEEP_DAYS = {"events": 30, "chats": 0, "studies": 7, "simulated": 2}
    real, simulated = (
        ended(timezone.now() - timedelta(days=31)),
        ended(timezone.now() - timedelta(days=3), simulated=True),
    )
    number = real.events.count()
    before = counts.totals["shop_removed_total", ("events",)]
    with caplog.at_level("INFO", logger="keeping"):
        tasks.remove()
    assert [record.getMessage() for record in caplog.records if record.name == "keeping.tasks"] == [
        f"Removed what is kept no longer: {number} events, 1 simulated"
    ]
    assert counts.totals["shop_removed_total", ("events",)] - before == number
    assert (list(Order.objects.all()), again, simulated.pk) == ([real], [], simulated.pk)


def test_it_stops_in_time_and_goes_on(ended, settings, again, monkeypatch):
    settings.KEEP_DAYS = {"events": 1}
    monkeypatch.setattr(batches, "ORDERS", 1)
    monkeypatch.setattr(tasks.waits, "REMOVING_TURN_SECONDS", 0.0)  # one piece at a time
    orders = [ended() for _ in range(3)]
    seen = []
    for _ in range(4):
        tasks.remove()
        seen.append((sum(with_events(*orders)), len(again)))
    assert seen == [(2, 1), (1, 2), (0, 3), (0, 3)]


def test_a_run_ends_at_its_moment():
    assert batches.run(iter([5, 5, 5]), time.monotonic() + 60) == (15, True)
    assert batches.run(iter([5, 5, 5]), time.monotonic() - 1) == (5, False)


# However many there are


def test_the_search_for_old_rows_goes_on_behind_those_that_are_gone(place, monkeypatch):
    monkeypatch.setattr(batches, "WINDOW", 3)
    for _ in range(10):
        place()
    Order.objects.update(stage="delivered", created_at=at(-DAY))
    for pks in batches.old_keys(ages.ended(), Q(created_at__lt=NOON)):
        Order.objects.filter(pk__in=pks).delete()
    assert not Order.objects.exists()


def test_the_search_for_old_rows_ends_where_they_end(place, monkeypatch):
    """The clock was set back between the third and the fourth."""
    monkeypatch.setattr(batches, "WINDOW", 2)
    moments = [at(-DAY), at(-DAY), NOON, at(-DAY), at(DAY), at(DAY), at(DAY), at(-DAY)]
    pks = [place().pk for _ in moments]
    for pk, moment in zip(pks, moments, strict=True):
        Order.objects.filter(pk=pk).update(stage="delivered", created_at=moment)

    def found(before, after=0):
        old = batches.old_keys(ages.ended(), Q(created_at__lt=before), after)
        return [pks.index(pk) for piece in old for pk in piece]

    assert found(NOON) == [0, 1, 3]
    assert found(NOON, after=pks[1]) == [3]
    assert found(at(2 * DAY)) == list(range(8))
    assert found(at(-2 * DAY)) == []
