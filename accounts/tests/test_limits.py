"""Limits on attempts, and the forms that they apply to."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import limits, mail
from accounts.limits.attempts import seconds_until_allowed
from accounts.models import Attempt
from keeping.tasks import clear_sessions
from pizzaProj.limits import QUARTER_SECONDS, Limit

pytestmark = pytest.mark.django_db

NOW = timezone.now()
TRIES = limits.LIMITS["log_in"].tries


def fill(action, *who, now=None):
    """Use up all attempts."""
    for _ in range(limits.LIMITS[action].tries):
        limits.note(action, *who, now=now)


def test_the_limit_holds_until_the_window_has_passed():
    for _ in range(TRIES):
        assert limits.allow("log_in", "alice", "1.2.3.4", now=NOW)
        limits.note("log_in", "alice", "1.2.3.4", now=NOW)
    assert not limits.allow("log_in", "alice", "1.2.3.4", now=NOW + timedelta(minutes=14))
    assert limits.allow("log_in", "alice", "1.2.3.4", now=NOW + timedelta(minutes=15))


def test_with_the_clock_set_back_attempts_count_for_no_longer_than_others():
    fill("log_in", "alice", "1.2.3.4", now=NOW)
    back = NOW - timedelta(hours=1)
    assert not limits.allow("log_in", "alice", "1.2.3.4", now=back)
    assert seconds_until_allowed("log_in", "alice", "1.2.3.4", now=back) == QUARTER_SECONDS
    assert limits.allow("log_in", "alice", "1.2.3.4", now=back + timedelta(minutes=15))
    limits.note("confirm", "alice", now=NOW)
    limits.note("confirm", "alice", now=back)  # which pulls the other one back
    assert set(Attempt.objects.values_list("at", flat=True)) == {back}


def test_clocks_that_differ_a_little_change_nothing():
    fill("log_in", "alice", "1.2.3.4", now=NOW)
    assert not limits.allow("log_in", "alice", "1.2.3.4", now=NOW - timedelta(seconds=5))
    assert set(Attempt.objects.values_list("at", flat=True)) == {NOW}


def test_each_person_and_action_is_counted_separately():
    fill("log_in", "alice", "1.2.3.4", now=NOW)
    assert limits.allow("log_in", "alice", "1.2.3.5", now=NOW)
    assert limits.allow("log_in", "charlie", "1.2.3.4", now=NOW)
    assert limits.allow("confirm", "alice", "1.2.3.4", now=NOW)
    assert limits.allow("log_in", "alice1", ".2.3.4", now=NOW)
    assert "alice" not in str(list(Attempt.objects.values_list("key")))


def test_an_action_without_a_limit_is_an_error():
    with pytest.raises(KeyError):
        limits.allow("juggle", "alice")


def test_failures_count_success_and_refusals_do_not():
    key = ("confirm", "alice")
    with limits.failing(key, now=NOW):
        pass
    assert not Attempt.objects.exists()
    for _ in range(limits.LIMITS["confirm"].tries):
        with pytest.raises(ZeroDivisionError), limits.failing(key, now=NOW):
            raise ZeroDivisionError
    assert Attempt.objects.count() == limits.LIMITS["confirm"].tries
    for _ in range(3):
        with pytest.raises(limits.TooMany), limits.failing(("search", "alice"), key, now=NOW):
            pytest.fail("it was tried anyway")
    assert Attempt.objects.count() == limits.LIMITS["confirm"].tries


def test_old_attempts_are_deleted_with_each_new_one_and_once_a_day():
    limits.note("log_in", "alice", now=NOW - timedelta(hours=1))
    limits.note("log_in", "charlie", now=NOW - timedelta(hours=1))
    limits.note("log_in", "alice", now=NOW)
    assert Attempt.objects.count() == 2
    clear_sessions()
    assert Attempt.objects.get().at == NOW


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_simultaneous_attempts_get_no_further_than_successive_ones():
    tries = limits.LIMITS["confirm"].tries
    start = Barrier(tries * 2)
    made = []

    def guess(number):
        try:
            start.wait(10)
            with limits.failing(("confirm", "alice")):
                made.append(number)
                raise ZeroDivisionError
        except (ZeroDivisionError, limits.TooMany):
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(tries * 2) as pool:
        list(pool.map(guess, range(tries * 2)))
    assert len(made) <= tries  # possibly none: each can be refused because it saw the others


@pytest.mark.parametrize(
    ("address", "neighbourhood"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("", ""),
        ("rubbish", "rubbish"),
    ],
)
def test_all_addresses_of_one_network_count_as_one(address, neighbourhood):
    assert limits.neighbourhood(address) == neighbourhood


# Where the limits apply


@pytest.mark.parametrize("path", ["/log-in/", "/admin/login/"])
@pytest.mark.parametrize(
    "key", [("log_in", "bob", "127.0.0.1"), ("log_in_name", "bob"), ("log_in_address", "127.0.0.1")]
)
def test_after_too_many_failures_the_right_password_is_refused_too(client, bob, path, key):
    fill(*key)
    response = client.post(path, {"username": "BOB" if "bob" in key else "bob", "password": "bob's oven 2"})
    assert response.status_code == 429
    assert limits.TOO_MANY in response.text
    assert "sessionid" not in client.cookies


def test_logging_in_counts_failures_only(client, alice):
    for password in ("wrong", "alice's pizza 1"):
        client.post("/log-in/", {"username": "alice", "password": password})
    assert Attempt.objects.count() == 3  # per name and address, per name, per address
    assert (
        Client().post("/log-in/", {"username": "alice", "password": "wrong"}, REMOTE_ADDR="9.9.9.9").status_code == 200
    )
    assert Attempt.objects.count() == 6


@pytest.mark.parametrize("action", ["sign_up", "sign_up_form"])
def test_signing_up_is_limited_and_then_reveals_nothing(client, alice, action):
    fill(action, "127.0.0.1")
    fields = {
        "username": "alice",
        "email": "a@example.org",
        "password1": "a fine oven 7",
        "password2": "a fine oven 7",
    }
    response = client.post("/sign-up/", fields)
    assert response.status_code == 429
    assert limits.TOO_MANY in response.text
    assert "already exists" not in response.text
    assert client.post("/sign-up/", fields | {"username": "dora"}).status_code == 429
    assert User.objects.count() == 1
    assert 'value="dora"' in client.post("/sign-up/", fields | {"username": "dora"}).text  # nothing is lost


def test_mails_are_limited_per_recipient_and_per_sender(client, alice, mailoutbox):
    fill("reset", "alice@example.org")
    response = client.post("/forgotten-password/", {"email": "Alice@example.org"})
    assert response.status_code == 429
    fill("reset_address", "127.0.0.1")
    assert client.post("/forgotten-password/", {"email": "other@example.org"}).status_code == 429
    assert mailoutbox == []


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize(
    ("path", "email", "action"),
    [("/forgotten-password/", "alice@example.org", "reset"), ("/sign-up/", "dora@example.org", "sign_up")],
)
def test_simultaneous_requests_get_no_further_mails_or_accounts(alice, monkeypatch, mailoutbox, path, email, action):
    monkeypatch.setitem(limits.LIMITS, action, Limit(2, QUARTER_SECONDS))
    start = Barrier(6)

    def send(number):
        password = {"password1": "a fine oven 7", "password2": "a fine oven 7"}
        start.wait(10)
        answer = Client().post(path, {"username": f"dora{number}", "email": email, **password})
        connection.close()
        return answer.status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(send, range(6)))
    mail.pool.submit(lambda: None).result(10)
    assert statuses.count(302) == len(mailoutbox) + User.objects.count() - 1 <= 2
    assert statuses.count(429) >= 4


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/profile/password/", {"old_password": "{}", "new_password1": "new oven 99", "new_password2": "new oven 99"}),
        ("/profile/e-mail/", {"password": "{}", "email": "new@example.org"}),
        ("/profile/delete/", {"password": "{}"}),
    ],
)
def test_the_password_cannot_be_guessed_from_an_open_session(client, alice, path, fields):
    client.force_login(alice)
    client.post(path, {name: value.format("wrong") for name, value in fields.items()})
    assert Attempt.objects.count() == 1
    fill("confirm", alice.pk)
    response = client.post(path, {name: value.format("alice's pizza 1") for name, value in fields.items()})
    assert response.status_code == 429
    assert limits.TOO_MANY in response.text
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"
    assert alice.check_password("alice's pizza 1")  # unchanged
