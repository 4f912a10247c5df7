"""The smallest shop of which a backup can be made, for what is refused."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from operations.tests.backups import KEY


@pytest.fixture
def small_shop(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the data folder of the smallest shop that can be told from none."""
    monkeypatch.delenv("SECRET_KEY", raising=False)
    data = tmp_path / "var"
    (data / "media/pizzas").mkdir(parents=True)
    (data / "media/pizzas/a.webp").write_bytes(b"a picture")
    (data / "secret_key").write_text(KEY)
    with closing(sqlite3.connect(data / "db.sqlite3")) as file, file:
        file.execute("CREATE TABLE django_migrations (app, name)")
        file.execute("INSERT INTO django_migrations VALUES ('home', '0001_initial')")
        file.execute("CREATE TABLE home_pizza (id INTEGER PRIMARY KEY, image)")
        file.execute("INSERT INTO home_pizza (image) VALUES ('pizzas/a.webp')")
    open_at(data, settings, monkeypatch)
    return data


@pytest.fixture
def backup(small_shop: Path, tmp_path: Path) -> Path:
    call_command("backup", str(tmp_path / "monday"))
    return tmp_path / "monday"


@pytest.fixture
def empty(backup: Path, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the empty folder in which the settings now look for a shop."""
    data = tmp_path / "new"
    data.mkdir()
    open_at(data, settings, monkeypatch)
    return data


def open_at(data: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATA_DIR, settings.MEDIA_ROOT, settings.SECRET_KEY = data, str(data / "media"), KEY
    monkeypatch.setitem(connection.settings_dict, "NAME", data / "db.sqlite3")
