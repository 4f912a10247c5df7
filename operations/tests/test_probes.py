"""/healthz and /readyz answer whoever asks, and tell nothing that is a secret."""

from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from kitchen.models import Station
from operations import views
from operations.findings import Finding
from operations.lookout import lookout
from operations.signs import signs
from pizzaProj.asgi import application

WELL: dict[str, tuple[Finding, ...]] = {name: () for name in lookout.wells}
NOTICE = Finding("The disk is almost full.", "Make room on the disk of /srv/shop.", is_bad=False)
BAD = Finding("The station “Oven” is gone.", "Mend it: python3 run.py --data /srv/shop mend")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Finding, ...]]:
    """Return what a look finds, to be changed."""
    found = dict(WELL)
    monkeypatch.setattr(lookout, "look", lambda: found)
    monkeypatch.setattr(lookout, "figures", {})
    return found


def test_it_is_up_without_any_other_part(client: Client) -> None:
    answer = client.get("/healthz")  # a test without the database fails if it is asked
    assert (answer.status_code, answer.text, answer["Cache-Control"]) == (200, "ok", "no-store")
    assert not answer.cookies


def test_it_is_ready_if_all_is_well(client: Client, found: Any) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer["Cache-Control"], answer["Content-Type"]) == (
        200,
        "no-store",
        "application/json",
    )
    assert answer.json() == {
        "ready": True,
        "checks": {name: {"ok": True, "text": well} for name, well in lookout.wells.items()},
    }
    assert {"database", "valkey", "worker", "beat", "sweep", "clock", "stations", "jobs"} <= set(
        answer.json()["checks"]
    )


def test_it_says_what_is_wrong_and_not_where(client: Client, found: Any) -> None:
    found["disk"] = (NOTICE,)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert answer.json()["checks"]["disk"] == {"ok": True, "text": "The disk is almost full."}
    found["stations"] = (BAD, Finding("So is the make line."))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert answer.json()["checks"]["stations"] == {
        "ok": False,
        "text": "The station “Oven” is gone. So is the make line.",
    }
    assert "/srv/shop" not in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_they_only_tell(client: Client, found: Any, path: str) -> None:
    assert client.head(path).status_code == 200
    for method in ("post", "put", "delete", "patch"):
        answer = getattr(client, method)(path)
        assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert [reverse(name) for name in views.PROBES] == ["/healthz", "/readyz"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_they_need_neither_a_name_nor_https(client: Client, found: Any, settings: Any, path: str) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(path, headers={"host": "10.0.0.7:8000"}).status_code == 200
    assert client.get("/", headers={"host": "10.0.0.7:8000"}).status_code == 400


async def test_the_server_answers_them_as_well(found: Any) -> None:
    for path in ("/healthz", "/readyz"):
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "headers": [(b"host", b"10.0.0.7")],
            "query_string": b"",
        }
        asked = ApplicationCommunicator(application, scope)
        await asked.send_input({"type": "http.request", "body": b""})
        assert (await asked.receive_output(10))["status"] == 200


@pytest.mark.django_db
def test_a_real_look_answers(client: Client, valkey: Any) -> None:
    lookout.forget()
    answer = client.get("/readyz")
    assert answer.status_code == 503  # there is no worker in this test
    checks = {name: check["ok"] for name, check in answer.json()["checks"].items()}
    assert checks == dict.fromkeys(lookout.wells, True) | dict.fromkeys(("worker", "beat", "sweep"), False)


@pytest.mark.django_db
def test_it_says_how_old_signs_are_and_how_far_clocks_are_apart(client: Client, valkey: Any) -> None:
    signs.forget()
    signs.give("sweep")
    lookout.forget()
    checks = client.get("/readyz").json()["checks"]
    assert 0 <= checks["sweep"]["age_seconds"] < 60
    assert checks["beat"]["age_seconds"] is None
    assert abs(checks["clock"]["offset_seconds"]) < 60
    assert set(checks["database"]) == {"ok", "text"}
    valkey.stop()
    signs.client = None
    lookout.forget()
    assert "age_seconds" not in client.get("/readyz").json()["checks"]["sweep"]


# The front page of the admin


@pytest.mark.django_db
def test_staff_read_what_to_do_on_the_front_page(client: Client, bob: User, found: Any) -> None:
    client.force_login(bob)
    assert "Needs a look" not in client.get("/admin/").text
    found["disk"], found["stations"] = (NOTICE,), (BAD,)
    page = client.get("/admin/").text
    assert page.index(BAD.sentence) < page.index(BAD.remedy) < page.index(NOTICE.sentence) < page.index(NOTICE.remedy)
    assert Station.objects.count() == 5
