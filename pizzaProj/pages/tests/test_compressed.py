"""Pages are compressed, but for those that repeat what somebody else may have chosen."""

import gzip
from copy import copy
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client, RequestFactory

from pizzaProj.pages.compressed import Compressed

pytestmark = pytest.mark.django_db
GZIP = {"Accept-Encoding": "gzip, deflate, br"}


def is_compressed(answer: Any) -> bool:
    return bool(answer.headers.get("Content-Encoding") == "gzip")


def test_a_page_is_compressed_for_who_takes_that(client: Client) -> None:
    answer = client.get("/", headers=GZIP)
    assert is_compressed(answer) and "Accept-Encoding" in answer.headers["Vary"]
    assert "What are you hungry for?" in gzip.decompress(answer.content).decode()
    plain = client.get("/")
    assert not is_compressed(plain) and "Accept-Encoding" in plain.headers["Vary"]
    assert len(answer.content) < len(plain.content) / 2


def test_two_answers_differ_in_length() -> None:
    """The random bytes, by which the length of one answer says nothing."""
    page = HttpResponse("A page that is the same each time. " * 20)
    answers = [Compressed(lambda request: copy(page))(RequestFactory().get("/", headers=GZIP)) for _ in range(20)]
    assert all(map(is_compressed, answers)) and len({len(answer.content) for answer in answers}) > 1


def test_what_repeats_its_request_or_shows_a_secret_is_not(client: Client, bob: User) -> None:
    client.force_login(bob)
    assert is_compressed(client.get("/kitchen/", headers=GZIP))
    for path in ("/?page=1", "/people/?find=carol", "/admin/", "/profile/", "/nowhere/"):
        assert not is_compressed(client.get(path, headers=GZIP)), path
    assert not is_compressed(client.post("/log-in/", {"username": "carol", "password": "?"}, headers=GZIP))
