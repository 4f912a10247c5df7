"""Few passwords are hashed at the same time; the others wait for a moment, or are asked to come back."""

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from threading import Event, Lock

import pytest
from django.conf import settings
from django.contrib.auth import hashers
from django.contrib.auth.models import User
from django.utils.module_loading import import_string

from accounts.limits import hashing
from accounts.models import Attempt
from pizzaProj import limits, waits

VISITORS = 30
OURS = ["accounts.limits.hashers.Argon2PasswordHasher", "accounts.limits.hashers.PBKDF2PasswordHasher"]


class Inside:
    """How many hash, and how many did at most."""

    def __init__(self):
        self.lock, self.go = Lock(), Event()
        self.now = self.most = 0

    def hash(self, *args):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        assert self.go.wait(30)
        with self.lock:
            self.now -= 1
        return "hashed"


@pytest.fixture
def inside(monkeypatch):
    inside = Inside()
    monkeypatch.setattr(hashers.Argon2PasswordHasher, "verify", inside.hash)
    monkeypatch.setattr(hashers.Argon2PasswordHasher, "encode", inside.hash)
    monkeypatch.setattr(hashers.PBKDF2PasswordHasher, "encode", inside.hash)
    monkeypatch.setattr(waits, "HASH_QUEUE_SECONDS", 30)  # longer than the slowest machine needs
    return inside


@pytest.mark.parametrize("path", OURS)
@pytest.mark.parametrize("verb", ["encode", "verify"])
def test_of_thirty_who_come_at_once_two_hash_and_the_last_are_turned_away(inside, path, verb):
    hash = getattr(import_string(path)(), verb if "Argon2" in path else "encode")
    with ThreadPoolExecutor(VISITORS) as pool:
        asked = {pool.submit(hash, "a password", "salt") for _ in range(VISITORS)}
        refused = set()
        while len(refused) < VISITORS - limits.HASHES_AT_ONCE - limits.HASHES_WAITING:
            refused |= wait(asked - refused, 30, FIRST_COMPLETED).done
        inside.go.set()
    assert {type(one.exception()) for one in refused} == {hashing.Busy}
    assert {one.result() for one in asked - refused} == {"hashed"}
    assert inside.most == limits.HASHES_AT_ONCE == 2


def test_the_queue_does_not_last(monkeypatch):
    monkeypatch.setattr(waits, "HASH_QUEUE_SECONDS", 0)
    gate = hashing.Gate(1, 1)
    with gate.passing(), pytest.raises(hashing.Busy), gate.passing():
        pytest.fail("two at once")
    with gate.passing():
        pass  # whoever was turned away keeps no place


def test_every_hasher_is_behind_the_gate():
    assert settings.PASSWORD_HASHERS[1:] == OURS  # behind the tests' own


PASSWORDS = {"password1": "a fine oven 7", "password2": "a fine oven 7"}
NEW = {"old_password": "alice's pizza 1", "new_password1": "new oven 99", "new_password2": "new oven 99"}


@pytest.mark.parametrize(
    ("path", "fields", "is_member"),
    [
        ("/log-in/", {"username": "alice", "password": "wrong"}, False),
        ("/log-in/", {"username": "alice@example.org", "password": "wrong"}, False),
        ("/log-in/", {"username": "nobody@example.org", "password": "wrong"}, False),
        ("/admin/login/", {"username": "nobody", "password": "wrong"}, False),
        ("/sign-up/", {"username": "dora", "email": "dora@example.org", **PASSWORDS}, False),
        ("/profile/password/", NEW, True),
        ("/profile/delete/", {"password": "alice's pizza 1"}, True),
    ],
)
def test_a_full_queue_is_a_sentence_and_no_failure_of_the_person(
    client, alice, settings, monkeypatch, path, fields, is_member
):
    if is_member:
        client.force_login(alice)
    monkeypatch.setattr("accounts.limits.hashers.gate", hashing.Gate(0, 0))
    settings.PASSWORD_HASHERS = OURS
    alice.password = "argon2$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"
    User.objects.filter(pk=alice.pk).update(password=alice.password)
    if is_member:
        client.force_login(alice)
    response = client.post(path, fields)
    assert (response.status_code, response["Retry-After"]) == (429, str(waits.HASH_RETRY_SECONDS))
    assert "Many people are at the door right now. Try again in 3 seconds." in response.text
    assert not Attempt.objects.exists()
    assert list(User.objects.all()) == [alice]
