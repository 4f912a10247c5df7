"""An order shown to a friend: who can show it, what the friend sees, and when it ends."""

from itertools import pairwise

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from accounts import people
from home import sharing
from home.models import Order, OrderShare
from realtime import broadcast
from realtime.refused import Refused

pytestmark = pytest.mark.usefixtures("cooked", "sent")


# The cast without passwords: nobody types one here, and to make one takes a tenth of a second.


@pytest.fixture
def alice(db):
    return User.objects.create(username="alice")


@pytest.fixture
def bob(db):
    return User.objects.create(username="bob", is_staff=True, is_superuser=True)


@pytest.fixture
def charlie(db):
    return User.objects.create(username="charlie")


@pytest.fixture
def nudged(monkeypatch):
    pks = []
    monkeypatch.setattr(broadcast, "nudge", pks.append)
    return pks


@pytest.fixture
def order(place, alice):
    return place(user=alice)


@pytest.fixture
def friends(alice, charlie, nudged):
    people.ask(alice, charlie)
    people.accept(charlie, alice)


def browser(user=None):
    client = Client()
    if user:
        client.force_login(user)
    return client


def shared_on(user):
    """Return the orders on their shop page under "Shared with you"."""
    return [share.order for share in browser(user).get("/").context["shared"]]


def press(user, action, order, friend):
    """Press a button of the order's page; return the status, or the messages."""
    answer = browser(user).post(reverse(action, args=[order.order_id]), {"friend": friend}, follow=True)
    return (
        [str(message) for message in answer.context["messages"]] if answer.status_code == 200 else answer.status_code
    )


@pytest.mark.usefixtures("friends")
def test_a_friend_finds_it_on_their_page_and_is_told_until_they_open_it(order, charlie, bob):
    assert press(order.user, "share", order, "charlie") == ["charlie now sees it on their page."]
    assert shared_on(charlie) == [order]
    assert shared_on(bob) == []
    assert sharing.news([charlie.pk])[charlie.pk].unseen == 1

    assert browser(bob).get(order.get_absolute_url()).status_code == 200
    assert sharing.news([charlie.pk])[charlie.pk].unseen == 1  # visits by others do not count
    browser(charlie).get(order.get_absolute_url())
    assert sharing.news([charlie.pk])[charlie.pk].unseen == 0
    assert shared_on(charlie) == [order]

    assert press(order.user, "unshare", order, "charlie") == ["charlie no longer sees it on their page."]
    assert shared_on(charlie) == []


@pytest.mark.usefixtures("friends")
def test_shown_twice_it_is_shown_once(order, alice, charlie):
    sharing.share(order, charlie, alice)
    sharing.share(order, charlie, alice)
    assert OrderShare.objects.count() == 1


@pytest.mark.usefixtures("friends")
def test_only_the_owner_can_share_and_only_with_friends(order, place, alice, bob, charlie):
    for by, friend in [(charlie, alice), (bob, charlie), (alice, bob), (alice, alice)]:
        with pytest.raises(Refused):
            sharing.share(order, friend, by)
    with pytest.raises(Refused):
        sharing.share(place(), charlie, alice)  # an order of nobody is not hers
    assert not OrderShare.objects.exists()

    sharing.share(order, charlie, alice)
    with pytest.raises(Refused):
        sharing.unshare(order, charlie, by=charlie)
    assert OrderShare.objects.exists()


@pytest.mark.usefixtures("friends")
@pytest.mark.parametrize("action", ["share", "unshare"])
def test_somebody_elses_order_is_answered_like_an_unknown_one(action, order, charlie):
    unknown = Order(order_id="x" * 20)
    assert press(charlie, action, order, "alice") == press(charlie, action, unknown, "alice") == 404
    assert browser().post(reverse(action, args=[order.order_id])).url.startswith(reverse("login"))
    assert browser(charlie).get(reverse(action, args=[order.order_id])).status_code == 405


def test_sharing_with_somebody_who_is_no_friend_is_refused_in_words(order, alice, bob):
    assert press(alice, "share", order, "bob") == ["You can only show an order to your friends."]
    assert press(alice, "share", order, "") == ["There is nobody called “”."]
    people.block(bob, alice)
    assert press(alice, "share", order, "bob") == ["There is nobody called “bob”."]


@pytest.mark.usefixtures("friends")
@pytest.mark.parametrize("end", [people.unfriend, people.block])
@pytest.mark.parametrize("who", ["alice", "charlie"])
def test_it_ends_with_the_friendship(end, who, order, place, alice, charlie, bob):
    people.ask(alice, bob)
    people.accept(bob, alice)
    theirs = place(user=charlie)
    sharing.share(order, charlie, alice)
    sharing.share(order, bob, alice)
    sharing.share(theirs, alice, charlie)

    end(*((alice, charlie) if who == "alice" else (charlie, alice)))
    assert shared_on(charlie) == shared_on(alice) == []
    assert shared_on(bob) == [order]


def test_nothing_of_a_deactivated_account_is_shown(order, alice, charlie, friends):
    sharing.share(order, charlie, alice)
    before = sharing.news([charlie.pk])[charlie.pk]
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert "alice" not in browser(charlie).get("/").text
    assert sharing.news([charlie.pk])[charlie.pk].unseen == 0
    User.objects.filter(pk=alice.pk).update(is_active=True)
    assert sharing.news([charlie.pk])[charlie.pk] == before


@pytest.mark.usefixtures("friends")
def test_the_friends_page_is_told(order, alice, charlie, nudged, django_capture_on_commit_callbacks):
    nudged.clear()
    for verb in (sharing.share, sharing.unshare):
        with django_capture_on_commit_callbacks(execute=True):
            verb(order, charlie, alice)
            assert nudged == []
        assert nudged == [charlie.pk]
        nudged.clear()


@pytest.mark.usefixtures("friends")
def test_each_change_has_another_mark(order, alice, charlie):
    marks = [sharing.news([charlie.pk])[charlie.pk].mark]
    for change in (
        lambda: sharing.share(order, charlie, alice),
        lambda: sharing.opened(order, charlie),
        lambda: sharing.unshare(order, charlie, alice),
        lambda: sharing.share(order, charlie, alice),
    ):
        change()
        marks.append(sharing.news([charlie.pk])[charlie.pk].mark)
    assert all(one != other for one, other in pairwise(marks))


@pytest.mark.usefixtures("friends")
def test_the_owner_alone_chooses_friends_on_the_orders_page(order, alice, bob, charlie):
    sharing.share(order, charlie, alice)
    url = order.get_absolute_url()
    assert browser(alice).get(url).context["sharing"].shown_to == [charlie]
    for user in (charlie, bob, None):
        answer = browser(user).get(url)
        assert answer.context["sharing"] is None
        assert "charlie" not in answer.content.decode().split("<main")[1]
