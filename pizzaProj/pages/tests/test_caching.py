"""What browsers and proxies keep: nothing that is a person's."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import get_resolver

from home.models import Pizza

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]

FOR_A_YEAR = "max-age=31536000, immutable"


def addresses(patterns: Iterable[Any], before: str = "") -> Iterator[str]:
    """Yield an address for each route, with a 1 for whatever it takes."""
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from addresses(pattern.url_patterns, path)
        elif not path.startswith("^"):
            yield "/" + re.sub("<[^>]+>", "1", path)


def kept(client: Client, path: str, method: str = "get") -> str:
    return getattr(client, method)(path).headers["Cache-Control"]  # type: ignore[no-any-return]


def test_no_answer_to_anybody_is_kept(client: Client, bob: User) -> None:
    """Including refusals and redirects. What an account gets, its visitors get from the same views."""
    client.force_login(bob)
    paths = sorted(set(addresses(get_resolver().url_patterns)) - {"/admin/logout/"})
    assert {"/", "/chat/1/", "/order/1/", "/api/order/1/", "/people/", "/whose/"} < set(paths)
    others = {path: kept(client, path) for path in paths if "no-store" not in kept(client, path)}
    assert others == dict.fromkeys(["/api/menu", "/api/menu/"], "public, no-cache")  # the same for everybody
    assert "no-store" in kept(client, "/nowhere/")
    assert [path for path in ("/people/ask/", "/log-out/") if "no-store" not in kept(client, path, "post")] == []


def test_pictures_are_kept_and_those_of_people_by_their_browser_alone(
    client: Client, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    for folder in ("pizzas", "people"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.webp").write_bytes(b"RIFF")
    assert kept(client, "/media/pizzas/a.webp") == f"public, {FOR_A_YEAR}"
    assert kept(client, "/media/people/a.webp") == f"private, {FOR_A_YEAR}"


def test_the_menu_is_sent_again_only_when_it_has_changed(client: Client, margherita: Pizza) -> None:
    first = client.get("/api/menu/")
    tag = first.headers["ETag"]
    again = client.get("/api/menu/", headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert again.headers["Cache-Control"] == "public, no-cache" and "Accept-Encoding" in again.headers["Vary"]
    Pizza.objects.filter(pk=margherita.pk).update(price=99)
    changed = client.get("/api/menu/", headers={"If-None-Match": tag})
    assert changed.status_code == 200 and changed.headers["ETag"] != tag
