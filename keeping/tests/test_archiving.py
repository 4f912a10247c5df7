"""Old orders move into the archive, and everything reads as before."""

import json
from datetime import UTC, date, datetime
from io import BytesIO, StringIO
from zipfile import ZipFile

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts import leaving
from archive import document, owners, reading, store
from chat import rooms
from chat.models import Room
from chat.tests.cast import member, say
from home import consumers
from home.models import Order, OrderEvent, OrderItem, OrderLine, OrderShare
from keeping import ages, archiving, export, orders, tasks
from keeping.export import Person
from kitchen import flow
from kitchen.models import Shop
from kitchen.planner import studies
from kitchen.tests.clock import NOON, at
from realtime.refused import Refused
from telemetry.counts import counts

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]

DAY = 24 * 3600
DECEMBER, MARCH = date(2026, 12, 1), datetime(2027, 3, 2, 12, tzinfo=UTC)  # NOON is in November
OF_AN_ORDER = (Order, OrderLine, OrderItem, OrderEvent)
THE_DAY = NOON.date().isoformat()


@pytest.fixture
def delivered(place, margherita, diavola, bob):
    """Return delivered(now, ...), an order of three pizzas, one of which is struck, with a cook’s hand in it."""

    def delivered(now=NOON, items=((margherita, 2), (diavola, 1)), **more):
        order = place(now, items=items, **more)
        if order.pizzas > 1:
            flow.cancel(order.pk, bob, "dropped", item=2, clock=lambda: now)
        flow.override(order.pk, "delivered", bob, "here", clock=lambda: now)
        return Order.objects.get(pk=order.pk)

    return delivered


def move(before=DECEMBER):
    return sum(moved.number for moved in archiving.move(before))


def left():
    return [model.objects.count() for model in OF_AN_ORDER]


def everything_of(order, user, callers):
    """Return all that can be read of an order, its owner and its day, by everybody."""
    zipped = BytesIO()
    export.write(Person(user), zipped, NOON)
    told = json.loads(ZipFile(zipped).read(export.JSON))
    address = f"/order/{order.order_id}/"
    return {
        "api": [caller.get(f"/api{address}").json() for caller in callers],
        "pages": [without_talk(caller.get(address).content.decode()) for caller in callers],
        "socket": consumers.read_payloads([order.order_id, "x" * 20]),
        "export": {name: rows for name, rows in told.items() if name not in ("made_at", "rooms", "conversations")},
        "day": [studies.measured_day(THE_DAY), studies.measured_carry_out(THE_DAY)],
        "number": number_of(user),
    }


def without_talk(page):
    """Leave out what no two pages have in common, and the conversation."""
    begin = page.index('<article class="card order"')
    card = page[begin : page.index("</article>")]
    return card if "order-parts" not in card else card[: card.index("</section>", card.index('id="timeline"'))]


def number_of(user):
    owner = store.Owner(user.pk)
    return Order.objects.filter(user=user).count() + store.number_of(owner)


def test_an_order_reads_as_before_to_everybody(delivered, alice, bob, charlie):
    order = delivered(user=alice, way="carry_out")
    delivered(user=charlie)
    callers = [Client(), Client(), Client()]
    for caller, person in zip(callers, (alice, bob, charlie), strict=True):
        caller.force_login(person)
    before = everything_of(order, alice, callers), everything_of(order, bob, callers)
    assert [len(before[0]["export"][name]) for name in ("orders", "order_lines", "pizzas")] == [1, 2, 3]
    assert (move(), left()) == (2, [0, 0, 0, 0])
    assert (everything_of(order, alice, callers), everything_of(order, bob, callers)) == before
    assert before[1]["export"]["done_by_you"]


def test_a_page_says_what_it_is_and_offers_nothing(delivered, alice, client):
    order = delivered(user=alice)
    rooms.order_room(order)
    client.force_login(alice)
    hot = client.get(f"/order/{order.order_id}/").content.decode()
    move()
    page = client.get(f"/order/{order.order_id}/").content.decode()
    assert [name for name in ('id="talk"', "Ask the kitchen") if name in page] == []
    assert ('id="talk"' in hot, Room.objects.count()) == (True, 0)
    shared = client.post(f"/order/{order.order_id}/share/", {"friend": "charlie"})
    by_room = client.get(f"/chat/order-{order.order_id}/")
    assert (shared.status_code, by_room.url) == (404, f"/order/{order.order_id}/")
    client.logout()
    assert client.get(f"/chat/order-{order.order_id}/").status_code == 404


def test_nobody_can_do_anything_with_it(delivered, bob):
    order = delivered()
    move()
    with pytest.raises(Refused, match="in the archive: it can be read"):
        consumers.override.func(order.order_id, "baking", bob)


def test_what_a_later_version_has_changed_is_read_all_the_same(delivered, margherita, diavola, alice, client):
    order = delivered(user=alice, items=[(margherita, 1)])
    Order.objects.update(pizzas=0)  # of the time before there were pizzas
    move()
    margherita.delete()  # nothing in the tables names it any more
    (row,) = store.by_address([order.order_id])
    told = json.loads(row.document)
    told["order"] |= {"a column of today": 1}
    told["lines"][0]["pizza_id"], told["order"]["seq"] = margherita.pk or 0, told["order"].pop("seq")
    del told["items"][0]["stage"]
    (old,) = document.orders_of([row._replace(document=json.dumps(told))])
    assert (old.seq, old.created_at, old.amount, old.user) == (order.seq, order.created_at, order.amount, alice)
    assert ([line.pizza.name for line in old.lines.all()], old.parts[0].stage, old.pizzas) == (["Margherita"], "", 0)
    assert "1 × Margherita" in client.get(f"/order/{order.order_id}/").content.decode()


# Lists


def listed(caller, address="/orders/older/"):
    """Return the summaries and times of a list's rows, and where it leads on."""
    answer = caller.get(address)
    after = answer.context["after"]
    return [order.created_at.day for order in answer.context["orders"]], after and f"/orders/older/?before={after}"


def test_lists_go_on_into_the_archive(delivered, alice, bob, charlie, monkeypatch):
    monkeypatch.setattr("home.views.ORDERS_PER_PAGE", 2)
    for day in range(5):
        delivered(at(day * DAY), user=alice, simulated=day == 0)
    delivered(user=charlie)
    callers = {person.username: Client() for person in (alice, bob, charlie)}
    for person in (alice, bob, charlie):
        callers[person.username].force_login(person)
    before = "from the archive" in callers["alice"].get("/").content.decode()
    move()
    archiving.note_done(DECEMBER)
    visitor = Client()
    link = [
        "from the archive" in caller.get("/").content.decode()
        for caller in (callers["alice"], callers["bob"], visitor)
    ]
    pages, address = [], "/orders/older/"
    while address:
        days, address = listed(callers["alice"], address)
        pages.append(days)
    assert (before, link, pages) == (False, [True, True, False], [[24, 23], [22, 21], [20]])
    assert [listed(caller)[0] for caller in (callers["charlie"], visitor)] == [[20], []]
    assert listed(callers["bob"])[0] == [20, 24]  # everybody's, the newest first
    assert listed(callers["alice"], "/orders/older/?before=yesterday.x")[0] == [24, 23]


def test_staff_find_archived_orders_by_number_id_and_name(delivered, alice, bob, charlie, client):
    order, _ = delivered(user=alice), delivered(at(60), user=charlie)
    move()
    client.force_login(bob)

    def found(words):
        return [one.order_id for one in client.get("/orders/older/", {"q": words}).context["orders"]]

    words = (order.number, order.order_id, "ali", "Ali", "nobody", "<b>", "#", order.number[:4])
    assert [found(one) == [order.order_id] for one in words[:3]] == [True, True, True]
    assert [found(one) for one in words[3:]] == [[], [], [], [], []]
    assert "&lt;b&gt;" in client.get("/orders/older/", {"q": "<b>"}).content.decode()
    assert "/orders/older/" in client.get("/admin/home/order/").content.decode()
    client.force_login(charlie)
    assert found("ali") != [order.order_id]


# What moves


def test_only_what_nobody_needs_moves(delivered, place, ended, alice, charlie, monkeypatch):
    there = {"done": delivered(), "young": delivered(datetime(2026, 12, 1, tzinfo=UTC)), "open": place(NOON)}
    there |= {"talked about": delivered(user=alice), "shown": delivered(user=alice), "again": delivered()}
    say(rooms.order_room(there["talked about"]), member(alice), "Thank you", now=NOON)
    Room.objects.update(waiting_since=None)
    OrderShare.objects.create(order=there["shown"], friend=charlie, by=alice)
    flow.override(there["again"].pk, "baking", None, clock=lambda: MARCH)
    flow.cancel(there["again"].pk, None, clock=lambda: MARCH)
    assert move() == 1
    assert [name for name, order in there.items() if not Order.objects.filter(pk=order.pk).exists()] == ["done"]
    newest = OrderEvent.objects.order_by("-pk").values_list("pk", flat=True)[0]
    there["measured"] = delivered()
    monkeypatch.setattr(ages, "EVENTS_READ", OrderEvent.objects.filter(pk__gt=newest).count())
    assert (move(), orders.removable().filter(pk=there["measured"].pk).exists()) == (0, True)


@pytest.mark.parametrize("instant", ["after the archive", "before it"])
def test_a_run_that_is_killed_loses_and_doubles_nothing(delivered, alice, client, monkeypatch, instant):
    orders_ = [delivered(at(number * DAY), user=alice) for number in range(3)]
    client.force_login(alice)
    with monkeypatch.context() as killed:
        where = (orders, "take_out_what_hangs_on") if instant == "after the archive" else (store, "put")
        killed.setattr(*where, kill)
        with pytest.raises(KeyboardInterrupt):
            move()
    left_behind = len(store.keys("TRUE", []))
    assert left_behind == (3 if instant == "after the archive" and store.is_apart() else 0)
    assert (listed(client)[0], number_of(alice)) == ([], 3)
    assert studies.measured_day(THE_DAY)[1] == {2: 1.0}
    assert orders.remove([orders_.pop().pk])["orders"] == 1  # from both
    assert len(store.keys("TRUE", [])) == max(0, left_behind - 1)
    archiving.mend()
    assert len(store.keys("TRUE", [])) == 0
    Order.objects.filter(pk=orders_[0].pk).update(user=None)  # meanwhile
    assert (move(), number_of(alice), listed(client)[0]) == (2, 1, [21])


def kill(*args, **options):
    raise KeyboardInterrupt


def test_who_begins_to_talk_at_that_moment_keeps_the_order(delivered, alice, monkeypatch):
    order = delivered(user=alice)
    delete = orders.delete

    def begin_to_talk(model, column, keys):
        if model is not Order:
            return delete(model, column, keys)
        rooms.order_room(order)
        delete(model, column, keys)
        connection.check_constraints()  # as at the commit

    monkeypatch.setattr(orders, "delete", begin_to_talk)
    assert (move(), Order.objects.filter(pk=order.pk).exists()) == (0, True)
    assert store.keys("TRUE", []) == []


def speak(order, alice, charlie):
    say(Room.objects.filter(order=order).first() or rooms.order_room(order), member(alice), "Was that you?", now=MARCH)


def show(order, alice, charlie):
    OrderShare.objects.create(order=order, friend=charlie, by=alice)


@pytest.mark.parametrize(("act", "has_room"), [(speak, True), (speak, False), (show, False)])
def test_no_word_and_no_share_is_lost_at_that_moment(delivered, alice, charlie, monkeypatch, act, has_room):
    order, put, delete = delivered(user=alice), store.put, orders.delete
    if has_room:
        rooms.order_room(order)

    def put_as_somebody_acts(found):
        put(found)
        act(order, alice, charlie)

    def delete_and_check(model, column, keys):
        delete(model, column, keys)
        if model is Order:
            connection.check_constraints()  # as at the commit

    monkeypatch.setattr(store, "put", put_as_somebody_acts)
    monkeypatch.setattr(orders, "delete", delete_and_check)
    assert (move(), Order.objects.filter(pk=order.pk).exists(), store.keys("TRUE", [])) == (0, True, [])


def test_the_daily_task_goes_on_where_its_turn_ended(delivered, bob, client, settings, monkeypatch, caplog):
    sent = []
    client.force_login(bob)
    monkeypatch.setattr(archiving, "TOGETHER", 1)
    monkeypatch.setattr("pizzaProj.waits.REMOVING_TURN_SECONDS", 0)
    monkeypatch.setattr(tasks.clock, "now", lambda: MARCH)
    monkeypatch.setattr(tasks.archive, "apply_async", lambda arguments, **options: sent.append(arguments))
    first, second = delivered(), delivered()
    counts.take()
    with caplog.at_level("INFO", logger="keeping"):
        tasks.archive()
        assert (sent, left()[0], Shop.objects.get().archived_before) == ([(first.pk,)], 1, date(2026, 11, 1))
        assert "from the archive" in client.get("/").content.decode()
        tasks.archive(*sent.pop())
        assert (sent, left()[0]) == ([(second.pk,)], 0)
        tasks.archive(*sent.pop())
    assert (sent, Shop.objects.get().archived_before) == ([], date(2027, 1, 1))
    assert counts.take().totals[("shop_archived_total", ())] == 2
    assert caplog.messages[0] == "Moved 1 orders from before 2027-01 into the archive, and going on"
    settings.ARCHIVE_MONTHS = 0
    third = delivered()
    tasks.archive()
    assert Order.objects.get() == third


@pytest.mark.skipif(connection.vendor != "sqlite", reason="There is one transaction about both")
def test_a_page_looks_beyond_orders_that_are_in_both_files(delivered, alice, client, monkeypatch):
    """A backup has both what moved while it was made and, in the archive, that it did."""
    monkeypatch.setattr("home.views.ORDERS_PER_PAGE", 2)
    client.force_login(alice)
    old = [delivered(at(day * DAY), user=alice) for day in range(9)]
    move()
    archiving.note_done(DECEMBER)
    for order in reading.archived([order.order_id for order in old[3:]]):
        order.save_base(raw=True, force_insert=True)
    assert (listed(client)[0], listed(client, listed(client)[1])[0]) == ([22, 21], [20])
    Order.objects.filter(pk__lt=old[-1].pk).update(user=None)
    assert "from the archive" in client.get("/").content.decode()


def test_accounts_that_are_gone_are_found_among_any_number(delivered, alice, monkeypatch):
    monkeypatch.setattr(owners, "ACCOUNTS", 1)
    order, other = delivered(user=alice), delivered(user=alice)
    move()
    store.change("UPDATE archive_order SET user_id = 123456 WHERE id = %s", [other.pk])
    owners.forget_the_deleted()
    found = store.ask("SELECT id, user_id FROM archive_order ORDER BY id")
    assert found == [(order.pk, alice.pk), (other.pk, None)]


# What becomes of it


def test_who_leaves_is_forgotten_in_the_archive(
    delivered, alice, bob, charlie, client, django_capture_on_commit_callbacks
):
    mine, _ = delivered(user=alice), delivered(user=charlie)
    word = delivered(guest="w" * 32)
    move()
    with django_capture_on_commit_callbacks(execute=True):
        leaving.leave(alice)
    assert store.ask("SELECT user_id, guest FROM archive_order ORDER BY id") == [
        (None, ""), (charlie.pk, ""), (None, "w" * 32),
    ]  # fmt: skip
    assert client.get(f"/order/{mine.order_id}/").status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        call_command("person", "delete", "--order", word.order_id, "--yes", stdout=StringIO())
    assert store.ask("SELECT count(*) FROM archive_order WHERE guest <> ''") == [(0,)]
    with django_capture_on_commit_callbacks(execute=True):
        bob.delete()
    assert store.ask("SELECT count(*) FROM archive_deed") == [(0,)]


def test_a_visitors_archived_orders_follow_them_into_their_account(
    delivered, alice, client, django_capture_on_commit_callbacks
):
    session = client.session
    session["guest"] = "w" * 32
    session.save()
    delivered(guest="w" * 32)
    move()
    before = listed(client)[0]
    with django_capture_on_commit_callbacks(execute=True):
        client.force_login(alice)
    assert (before, listed(client)[0], number_of(alice)) == ([20], [20], 1)


def test_what_is_kept_no_longer_leaves_the_archive(delivered, alice, client):
    order = delivered(user=alice)
    delivered(simulated=True)
    delivered(at(20 * DAY), user=alice)  # of December
    about = ContentType.objects.get_for_model(Order)
    LogEntry.objects.create(user=alice, content_type=about, object_id=order.pk, object_repr="#", action_flag=CHANGE)
    move(date(2027, 1, 1))
    number = sum(len(one.events.all()) for one in reading.page(None, None, 5)[0])
    assert sum(ages.AGED["events"](MARCH)) == number
    assert sum(ages.AGED["events"](MARCH)) == 0
    assert "no longer kept" in client.get(f"/order/{order.order_id}/").content.decode()
    assert (sum(ages.AGED["simulated"](MARCH)), store.sizes()) == (1, [(date(2026, 11, 1), 1), (DECEMBER, 1)])
    assert (sum(ages.AGED["orders"](at(19 * DAY))), store.sizes()) == (1, [(DECEMBER, 1)])
    assert client.get(f"/order/{order.order_id}/").status_code == 404
    assert (store.whole_months(), LogEntry.objects.count()) == ([] if store.is_apart() else [DECEMBER], 0)
    assert (sum(ages.AGED["orders"](MARCH)), store.sizes(), store.whole_months()) == (1, [], [])


def test_remove_orders_reaches_the_archive(delivered, alice):
    delivered(user=alice)
    other = delivered(at(1))
    move()
    said = []
    for arguments in (["--of", "alice", "--dry-run"], ["--of", "alice", "--yes"], ["--before", "2026-12-01", "--yes"]):
        out = StringIO()
        call_command("remove_orders", *arguments, stdout=out)
        said.append((out.getvalue().splitlines()[0].partition(",")[0], store.ids("TRUE")))
    assert said == [
        ("1 order would be removed", [other.pk - 1, other.pk]),
        ("1 order would be removed", [other.pk]),
        ("1 order would be removed", []),
    ]
    assert "Removed 1 order from the archive." in out.getvalue()


# The command


def told(*arguments):
    out = StringIO()
    call_command("archive", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_the_command_says_what_it_would_do_and_does_it(delivered, monkeypatch, settings):
    monkeypatch.setattr("django.utils.timezone.now", lambda: MARCH)
    delivered(), delivered(at(20 * DAY)), delivered(MARCH)
    assert told("--dry-run") == [
        "2 orders would be moved:", "  2026-11  1", "  2026-12  1", "0 orders in the archive.",
    ]  # fmt: skip
    assert told("--until", "2026-11") == ["1 order moved into the archive.", "1 order in the archive:", "  2026-11  1"]
    assert told()[:2] == ["1 order moved into the archive.", "2 orders in the archive:"]
    settings.ARCHIVE_MONTHS = 0
    assert told()[0] == "ARCHIVE_MONTHS is 0: nothing moves by itself. Say how far: --until YYYY-MM."
    assert left()[0] == 1


@pytest.mark.parametrize(
    ("until", "words"),
    [
        ("last May", "--until must be a month such as 2026-08, not “last May”."),
        ("9998-12", "--until must be a month that is over; 9998-12 is not."),
    ],
)
def test_a_wrong_month_gets_a_sentence(until, words):
    with pytest.raises(CommandError) as refused:
        told("--until", until)
    assert (str(refused.value), refused.value.returncode) == (words, 2)
