"""Friends: the rules, simultaneous requests, and the page, above all what a blocked person can learn from it."""

import re
import threading
from contextlib import contextmanager
from itertools import pairwise

import pytest
from django.contrib.auth.models import User
from django.db import close_old_connections, connection
from django.test import Client
from django.urls import reverse

from accounts import limits, people
from accounts.models import Block, Friendship
from realtime import broadcast
from realtime.refused import Refused


@pytest.fixture
def nudged(monkeypatch):
    """Return a list of the accounts whose pages were nudged."""
    pks = []
    monkeypatch.setattr(broadcast, "nudge", pks.append)
    return pks


@pytest.fixture
def ended():
    """Yield a list of (what, low, high) for each friendship that began or ended."""
    heard = []

    def begun(low_pk, high_pk, **kwargs):
        heard.append(("begun", low_pk, high_pk))

    def over(low_pk, high_pk, **kwargs):
        assert connection.in_atomic_block
        heard.append(("ended", low_pk, high_pk))

    people.friendship_begun.connect(begun)
    people.friendship_ended.connect(over)
    yield heard
    people.friendship_begun.disconnect(begun)
    people.friendship_ended.disconnect(over)


def make(*names, **kwargs):
    return [User.objects.create(username=name, **kwargs) for name in names]


def befriend(a, b):
    people.ask(a, b)
    people.accept(b, a)


def lists(user):
    """Return the names on this person's page."""
    requests = people.requests(user)
    shown = {"friends": people.friends(user), "in": requests.incoming, "out": requests.outgoing}
    shown["blocked"] = people.blocked_by(user)
    return {name: [str(other) for other in found] for name, found in shown.items() if found}


def page(user, **query):
    client = Client()
    client.force_login(user)
    return client.get(reverse("people"), query)


def press(user, verb, username, **more):
    """Press a button of the page and return the page that follows."""
    client = Client()
    client.force_login(user)
    answer = client.post(reverse("people_act", args=[verb]), {"username": username, **more}, follow=True)
    assert answer.status_code == 200
    return answer, [str(message) for message in answer.context["messages"]]


# The rules


def test_a_request_is_open_on_both_sides_until_it_is_accepted(alice, charlie):
    assert people.ask(alice, charlie) is False
    assert (lists(alice), lists(charlie)) == ({"out": ["charlie"]}, {"in": ["alice"]})
    assert not people.are_friends(alice, charlie)

    people.accept(charlie, alice)
    assert (lists(alice), lists(charlie)) == ({"friends": ["charlie"]}, {"friends": ["alice"]})
    assert people.are_friends(charlie, alice) and people.are_friends(alice, charlie)

    people.unfriend(alice, charlie)
    assert (lists(alice), lists(charlie)) == ({}, {})
    assert not people.are_friends(alice, charlie)


def test_asking_twice_is_asking_once(alice, charlie):
    people.ask(alice, charlie)
    assert people.ask(alice, charlie) is False
    assert Friendship.objects.count() == 1


def test_two_requests_that_cross_are_a_friendship(alice, charlie):
    people.ask(charlie, alice)
    assert people.ask(alice, charlie) is True
    assert (lists(alice), lists(charlie)) == ({"friends": ["charlie"]}, {"friends": ["alice"]})


def test_a_request_can_be_taken_back(alice, charlie):
    people.ask(alice, charlie)
    people.cancel(alice, charlie)
    assert (lists(alice), lists(charlie)) == ({}, {})


def test_the_asker_is_not_told_of_a_decline(alice, charlie, nudged, django_capture_on_commit_callbacks):
    people.ask(alice, charlie)
    before = lists(alice), people.news([alice.pk]), people.relations(alice, [charlie])
    with django_capture_on_commit_callbacks(execute=True):
        people.decline(charlie, alice)

    assert (lists(alice), people.news([alice.pk]), people.relations(alice, [charlie])) == before
    assert nudged == [charlie.pk]
    assert lists(charlie) == {}
    assert people.relations(charlie, [alice]) == {}
    assert people.ask(alice, charlie) is False
    assert lists(charlie) == {}

    assert people.ask(charlie, alice) is True  # charlie, who had declined, changed their mind
    assert people.are_friends(alice, charlie)


def test_a_refused_verb_says_why(alice, bob, charlie):
    befriend(alice, bob)
    for verb, user, other, sentence in [
        (people.ask, alice, alice, "That is you."),
        (people.block, alice, alice, "That is you."),
        (people.ask, alice, bob, "You and bob are already friends."),
        (people.accept, alice, bob, "There is no open request from bob."),
        (people.cancel, alice, bob, "You have no open request to bob."),
        (people.accept, alice, charlie, "There is no open request from charlie."),
        (people.decline, alice, charlie, "There is no open request from charlie."),
        (people.cancel, alice, charlie, "You have no open request to charlie."),
        (people.unfriend, alice, charlie, "You and charlie are not friends."),
        (people.unblock, alice, charlie, "You have not blocked charlie."),
    ]:
        with pytest.raises(Refused, match=sentence):
            verb(user, other)

    people.ask(alice, charlie)
    with pytest.raises(Refused, match="There is no open request from charlie"):
        people.accept(alice, charlie)  # the asker cannot accept their own request


def test_a_block_ends_everything_and_only_its_maker_lifts_it(alice, bob, charlie):
    befriend(alice, charlie)
    people.ask(bob, charlie)
    people.block(charlie, alice)
    people.block(charlie, bob)
    people.block(charlie, bob)
    assert (lists(alice), lists(bob), lists(charlie)) == ({}, {}, {"blocked": ["alice", "bob"]})
    assert people.is_blocked(alice, charlie) and people.is_blocked(charlie, alice)
    with pytest.raises(Refused, match="You have blocked alice"):
        people.ask(charlie, alice)
    with pytest.raises(Refused, match="You have not blocked charlie"):
        people.unblock(alice, charlie)

    people.unblock(charlie, alice)
    assert not people.is_blocked(alice, charlie)
    assert people.ask(alice, charlie) is False


@pytest.mark.parametrize("verb", ["ask", "cancel", "accept", "decline", "unfriend", "block"])
def test_a_person_who_blocks_looks_deleted(verb, alice, charlie):
    """Test that every verb answers as if the account had been deleted."""
    befriend(alice, charlie)
    people.block(charlie, alice)
    with pytest.raises(Refused, match="There is nobody called “charlie”"):
        getattr(people, verb)(alice, charlie)
    assert Block.objects.count() == 1
    assert not Friendship.objects.exists()


def test_signals_name_the_pair_the_smaller_key_first(alice, bob, charlie, ended):
    befriend(charlie, alice)
    people.unfriend(alice, charlie)
    people.ask(alice, charlie)
    people.block(charlie, alice)  # ends a request, not a friendship
    people.ask(bob, alice)
    people.ask(alice, bob)
    people.block(bob, alice)

    low, high = sorted([alice.pk, charlie.pk])
    pair = sorted([alice.pk, bob.pk])
    assert ended == [("begun", low, high), ("ended", low, high), ("begun", *pair), ("ended", *pair)]


def test_both_pages_are_told_after_the_commit(alice, charlie, nudged, django_capture_on_commit_callbacks):
    for verb, user, other in [
        (people.ask, alice, charlie),
        (people.accept, charlie, alice),
        (people.unfriend, alice, charlie),
        (people.block, alice, charlie),
    ]:
        with django_capture_on_commit_callbacks(execute=True):
            verb(user, other)
            assert nudged == []
        assert sorted(nudged) == sorted([alice.pk, charlie.pk])
        nudged.clear()


def test_the_mark_changes_with_each_visible_change(alice, charlie):
    marks = [people.news([alice.pk])[alice.pk].mark]
    for verb, user, other in [
        (people.ask, charlie, alice),
        (people.decline, alice, charlie),
        (people.ask, alice, charlie),
        (people.unfriend, alice, charlie),
        (people.ask, alice, charlie),
        (people.cancel, alice, charlie),
        (people.block, alice, charlie),
        (people.unblock, alice, charlie),
    ]:
        verb(user, other)
        marks.append(people.news([alice.pk])[alice.pk].mark)
    assert all(one != other for one, other in pairwise(marks))


def test_news_of_many_take_three_queries(alice, bob, charlie, django_assert_num_queries):
    people.ask(alice, charlie)
    people.ask(bob, charlie)
    people.ask(charlie, *make("dora"))
    people.decline(charlie, bob)
    with django_assert_num_queries(3):
        news = people.news([alice.pk, bob.pk, charlie.pk])
    assert [news[user.pk].requests for user in (alice, bob, charlie)] == [0, 0, 1]


# Search


def test_names_that_begin_with_it_come_first(alice):
    make("rosalia", "Ali", "alina", "Malik", "noone")
    make("alistair", is_active=False)
    found = [str(other) for other in people.search(alice, "aLi")]
    assert found == ["Ali", "alina", "Malik", "rosalia"]  # never oneself, never an inactive account


@pytest.mark.parametrize("text", ["özgür", "ÖZGÜR", "Özgür", "zgür", "ｏ̈zgür"])
def test_any_script_in_any_case(alice, text):
    make("Özgür", "小明")
    assert [str(other) for other in people.search(alice, text)] == ["Özgür"]
    assert [str(other) for other in people.search(alice, "小明")] == ["小明"]


@pytest.mark.parametrize(("text", "sentence"), [("", "at least 2"), (" a ", "at least 2"), ("a" * 151, "at most 150")])
def test_an_invalid_search_says_why(alice, text, sentence):
    with pytest.raises(Refused, match=sentence):
        people.search(alice, text)


@pytest.mark.parametrize("text", ["a\0b", "%%", "__", "a\nb", "';--"])
def test_odd_letters_find_nobody(alice, charlie, text):
    assert people.search(alice, text) == []


def test_a_search_never_shows_a_person_who_blocks(alice, charlie):
    people.block(charlie, alice)
    assert people.search(alice, "charlie") == []
    assert people.search(charlie, "alice") == [alice]
    assert people.relations(charlie, [alice]) == {alice.pk: "blocked"}


# At the same moment


@contextmanager
def at_once(*calls):
    """Run all calls at once, each in its own thread. Refused is fine; any other error is raised."""
    start, wrong = threading.Barrier(len(calls)), []

    def run(call):
        try:
            start.wait(10)
            call()
        except Refused:
            pass
        except BaseException as error:
            wrong.append(error)
        finally:
            close_old_connections()
            connection.close()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []
    yield


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_requests_that_cross_at_the_same_moment_are_one_friendship(alice, charlie, nudged, ended):
    for _ in range(5):
        with at_once(lambda: people.ask(alice, charlie), lambda: people.ask(charlie, alice)):
            assert people.are_friends(alice, charlie)
            assert Friendship.objects.count() == 1
        people.unfriend(alice, charlie)
    assert [what for what, *_ in ended] == ["begun", "ended"] * 5


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_nothing_gets_past_a_block_at_the_same_moment(alice, charlie, nudged):
    for _ in range(5):
        people.ask(alice, charlie)
        with at_once(
            lambda: people.block(charlie, alice),
            lambda: people.accept(charlie, alice),
            lambda: people.ask(alice, charlie),
        ):
            assert not Friendship.objects.exists()
            assert Block.objects.count() == 1
        people.unblock(charlie, alice)


# The page


def test_it_is_for_members(client):
    for answer in (client.get(reverse("people")), client.post(reverse("people_act", args=["ask"]))):
        assert answer.url.startswith(reverse("login"))


def test_two_find_each_other_and_become_friends(alice, charlie):
    assert "charlie" in page(alice, q="char").content.decode()

    answer, said = press(alice, "ask", "charlie", q="char")
    assert said == ["charlie has your request."]
    assert answer.redirect_chain[-1][0] == reverse("people") + "?q=char"
    assert answer.context["found"] == [(charlie, "asked")]

    assert press(charlie, "accept", "alice")[1] == ["You and alice are friends now."]
    assert list(page(alice).context["friends"]) == [charlie]


def test_crossing_requests_say_so(alice, charlie):
    people.ask(charlie, alice)
    assert press(alice, "ask", "charlie")[1] == ["You and charlie are friends now."]


@pytest.mark.parametrize("name", ["", "nobody", "a\0b", "x" * 5000, "<script>"])
def test_an_unknown_name_gets_a_sentence(alice, name):
    answer, said = press(alice, "ask", name)
    assert said == [f"There is nobody called “{name[:150]}”."]
    assert b"<script>" not in answer.content


def test_no_copy_of_the_page_is_left_after_the_log_out(alice):
    assert "no-store" in page(alice).headers["Cache-Control"]


def test_an_unknown_verb_is_not_found(alice, client):
    client.force_login(alice)
    assert client.post(reverse("people_act", args=["search"]), {"username": "bob"}).status_code == 404
    assert client.get(reverse("people_act", args=["ask"])).status_code == 405


def test_a_blocked_person_sees_what_they_would_see_if_the_other_were_gone(alice, bob, charlie):
    """Compare the pages after a block and after a deletion, byte for byte except for the CSRF tokens."""
    befriend(alice, bob)
    befriend(alice, charlie)
    people.block(bob, alice)
    people.block(charlie, alice)
    answers = {}
    for name in ("bob", "charlie"):
        if name == "charlie":
            charlie.delete()
        _, said = press(alice, "ask", name)
        texts = [str(said), *(said_on(page(alice, **query)) for query in ({}, {"q": name}))]
        answers[name] = [text.replace(name, "them") for text in texts]
    assert answers["bob"] == answers["charlie"]


def said_on(answer):
    """Return the page without the parts that differ each time."""
    return re.sub(r'(data-now|name="csrfmiddlewaretoken" value)="[^"]*"', "", answer.content.decode())


def test_a_page_behind_the_page_leaves_the_messages(alice, charlie, client):
    """Test that a fetch by notices.js does not use up the messages, which are shown once and meant for the person."""
    client.force_login(alice)
    client.post(reverse("people_act", args=["ask"]), {"username": "charlie"})
    said = b"charlie has your request."
    assert said not in client.get(reverse("people"), headers={"X-Background": "1"}).content
    assert said in client.get(reverse("people")).content


@pytest.mark.parametrize(("action", "words"), [("search", "a lot of searching"), ("friend", "Too many attempts")])
def test_searching_and_asking_are_limited(alice, charlie, client, monkeypatch, action, words):
    monkeypatch.setitem(limits.LIMITS, action, limits.Limit(1, limits.QUARTER))
    limits.note(action, alice.pk)
    client.force_login(alice)
    if action == "search":
        answer = client.get(reverse("people"), {"q": "charlie"})
    else:
        answer = client.post(reverse("people_act", args=["ask"]), {"username": "charlie"})
    assert (answer.status_code, int(answer["Retry-After"])) == (429, 900)
    assert f"{words}. Try again in 15 minutes." in answer.content.decode()
    assert not Friendship.objects.exists()
    assert page(charlie, q="alice").context["found"] == [(alice, "")]
