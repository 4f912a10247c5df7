"""Whoever sends too much or too often gets a sentence: a person a page, a program JSON."""

import errno
import json
import logging
from io import BytesIO

import pytest
from django.test import Client
from PIL import Image

from accounts import limits
from pizzaProj import turned_away

pytestmark = pytest.mark.django_db


@pytest.fixture
def too_many(monkeypatch):
    """Let each view refuse."""

    def refuse(*args, **kwargs):
        raise limits.TooMany(61.5, "That is a lot of pizza.")

    monkeypatch.setattr("home.views.Pizza.objects.filter", refuse)
    monkeypatch.setattr("home.api.views.Pizza.objects.filter", refuse)


@pytest.mark.usefixtures("too_many")
@pytest.mark.parametrize(("path", "is_json"), [("/", False), ("/api/menu/", True)])
def test_too_many_says_when_to_come_back(client, path, is_json):
    answer = client.get(path)
    sentence = "That is a lot of pizza. Try again in 62 seconds."
    assert (answer.status_code, answer["Retry-After"]) == (429, "62")
    if is_json:
        assert answer.json() == {"status": False, "error": sentence}
    else:
        assert sentence in answer.text and "<title>" in answer.text and answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "a second"), (2, "2 seconds"), (100, "100 seconds"), (101, "2 minutes"), (900, "15 minutes")],
)
def test_the_time_is_said_in_words(seconds, words):
    assert limits.TooMany(seconds).sentence == f"Too many attempts. Try again in {words}."


def is_written(logger):
    """Return whether an entry reaches the log: pytest hears what nobody else does."""
    return logger.parent is None or (logger.propagate and is_written(logger.parent))


MANY_FIELDS = "&".join(f"field{number}=1" for number in range(2000))
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("path", "body", "is_json"),
    [
        ("/log-in/", "username=" + "x" * 3_000_000, False),
        ("/log-in/", MANY_FIELDS, False),
        ("/chat/", "room=" + "x" * 3_000_000, False),
        ("/api/order/", json.dumps({"id": 1, "more": "x" * 3_000_000}), True),
    ],
)
def test_what_is_too_large_is_refused_in_words(client, caplog, path, body, is_json):
    answer = client.post(path, body, content_type="application/json" if is_json else FORM)
    assert answer.status_code == 413
    if is_json:
        assert answer.json() == {"status": False, "error": "That is too much to read for one order."}
    else:
        assert turned_away.TOO_LARGE in answer.text
    tracebacks = {record.name for record in caplog.records if record.exc_info}
    assert not [name for name in tracebacks if is_written(logging.getLogger(name))]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_sentence(alice, monkeypatch, caplog, code):
    def write(*args):
        raise OSError(code, "No space left on device", "/media/people/secret.webp")

    monkeypatch.setattr("django.core.files.storage.FileSystemStorage._save", write)
    client = Client(raise_request_exception=False)
    client.force_login(alice)
    picture = BytesIO()
    Image.new("RGB", (9, 9)).save(picture, "PNG")
    picture.name, _ = "me.png", picture.seek(0)
    answer = client.post("/profile/", {"picture": picture})
    assert answer.status_code == 503
    assert "We have no room to keep this right now." in answer.text
    assert "secret" not in caplog.text and "Traceback" not in caplog.text
