"""Where nothing can be restored, that is said in a sentence, and what is there stays as it is."""

import errno
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from operations.backups import manifest
from operations.backups import sqlite as engine
from operations.tests.backups import KEY, content, refused
from operations.tests.conftest import open_at
from pizzaProj import embedded
from pizzaProj.version import VERSION

pytestmark = pytest.mark.skipif(connection.vendor != "sqlite", reason="Most of it is the same for both, and quicker")
NOT_RESTORED = " Nothing was restored."


def edit(backup: Path, **changes: Any) -> None:
    path = backup / manifest.NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


NEWER = f"The backup was made by version 9.0.0, and this one, {VERSION}, does not know what was changed in its "
NEWER += "database (home.9999_pineapple). Install 9.0.0 or a newer one."
SPOILT: list[tuple[Callable[[Path], Any], str]] = [
    (lambda backup: (backup / "manifest.json").unlink(), "{} is no backup of a shop: it has no manifest.json."),
    (lambda backup: edit(backup, files=[]), "{} is no backup of a shop: its manifest.json is damaged."),
    (
        lambda backup: (backup / "manifest.json").write_text("{"),
        "{} is no backup of a shop: its manifest.json is damaged.",
    ),
    (
        lambda backup: edit(backup, files={"media/../../x": {"size_bytes": 1, "sha256": ""}}),
        "{} is no backup of a shop: its manifest.json names a file that belongs to none.",
    ),
    (
        lambda backup: edit(backup, format=2, shop="9.0.0"),
        "{} was made by version 9.0.0, which is newer than this one, " + f"{VERSION}.",
    ),
    (lambda backup: edit(backup, shop="9.0.0", migrations=["home.0001_initial", "home.9999_pineapple"]), NEWER),
    (
        lambda backup: edit(backup, engine="postgresql"),
        "The backup is of PostgreSQL, and this shop is set to SQLite. Set DATABASE_URL to one.",
    ),
    (
        lambda backup: (backup / "media/pizzas/a.webp").unlink(),
        "The backup is damaged: media/pizzas/a.webp is missing.",
    ),
    (
        lambda backup: (backup / "media/pizzas/a.webp").write_bytes(b"a pic"),
        "The backup is damaged: media/pizzas/a.webp is cut, 5 bytes of 9.",
    ),
    (
        lambda backup: (backup / "secret_key").write_text(KEY.replace("7", "8")),
        "The backup is damaged: secret_key has changed since it was made.",
    ),
]


@pytest.mark.parametrize(("spoil", "sentence"), SPOILT)
def test_a_backup_that_is_none(empty: Path, backup: Path, spoil: Callable[[Path], Any], sentence: str) -> None:
    spoil(backup)
    assert refused("restore", str(backup)) == (sentence.format(backup) + NOT_RESTORED, 1)
    assert content(empty) == {}


@pytest.mark.parametrize("name", ["db.sqlite3", "db.sqlite3-wal", "media/pizzas/b.webp", "notes.txt"])
def test_a_folder_with_anything_in_it_is_left_alone(empty: Path, backup: Path, name: str) -> None:
    (empty / name).parent.mkdir(parents=True, exist_ok=True)
    (empty / name).write_text("mine")
    said = f"{empty} is not empty: there is {name}. Choose another folder, or move that away.{NOT_RESTORED}"
    assert (refused("restore", str(backup)), content(empty)) == ((said, 1), {name: b"mine"})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none/shop.db", "There is no folder {}/none. Make it first, or look whether its disk is there."),
        ("shop.db", "There is a database already: {}/shop.db. Choose another place, or move that away."),
        ("new.db", "There is a database already: {}/new.db-wal. Choose another place, or move that away."),
    ],
)
def test_a_database_elsewhere_is_looked_at_first(
    empty: Path, backup: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    elsewhere = empty.parent / "elsewhere"
    elsewhere.mkdir()
    for file in ("shop.db", "new.db-wal"):
        (elsewhere / file).write_text("mine")
    monkeypatch.setitem(connection.settings_dict, "NAME", str(elsewhere / name))
    assert refused("restore", str(backup))[0] == said.format(elsewhere) + NOT_RESTORED
    assert (content(empty), content(elsewhere)) == ({}, {"shop.db": b"mine", "new.db-wal": b"mine"})


def test_a_folder_in_which_the_shop_runs_is_left_alone(empty: Path, backup: Path) -> None:
    with embedded.alone(empty) as lock:
        print("123", file=lock, flush=True)
        said = f"The shop runs in this folder (pid 123). Close it, and choose an empty folder.{NOT_RESTORED}"
        assert refused("restore", str(backup)) == (said, 1)


def test_what_an_aborted_start_left_is_nothing(empty: Path, backup: Path) -> None:
    (empty / "logs").mkdir()
    (empty / "logs/web.log").touch()
    (empty / "secret_key").write_text("of nobody " * 6)
    call_command("restore", str(backup))
    assert content(empty) == {"logs/web.log": b"", **{name: (backup / name).read_bytes() for name in BROUGHT}}


BROUGHT = ("db.sqlite3", "secret_key", "media/pizzas/a.webp")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_restore_that_breaks_off_leaves_the_folder_as_it_was(
    empty: Path, backup: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: Any) -> None:
        assert (empty / "media/pizzas/a.webp").exists()  # so there is something to undo
        raise error

    (empty / "secret_key").write_text("of nobody " * 6)
    monkeypatch.setattr(engine, "refuse_unsound", fail)
    assert refused("restore", str(backup))[0].endswith(NOT_RESTORED)
    assert (content(empty), (empty / "media").exists()) == ({"secret_key": b"of nobody " * 6}, False)


def test_what_breaks_off_behind_the_database_takes_nothing_back(
    empty: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "sync_folder", interrupted)
    assert refused("restore", str(backup)) == ("Stopped. The shop is back all the same.", 130)
    assert content(empty) == {name: (backup / name).read_bytes() for name in BROUGHT}


def test_a_killed_restore_can_be_run_again(empty: Path, backup: Path) -> None:
    (empty / "media/pizzas").mkdir(parents=True)
    (empty / "media/pizzas/a.webp").write_bytes(b"a picture")
    (empty / f"db.sqlite3{engine.DRAFT}").write_bytes(b"half of it")
    call_command("restore", str(backup))
    assert content(empty) == {name: (backup / name).read_bytes() for name in BROUGHT}


def test_another_key_is_said(
    empty: Path, backup: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SECRET_KEY = "another one"
    monkeypatch.setenv("SECRET_KEY", "another one")
    call_command("restore", str(backup))
    assert "SECRET_KEY is another than the shop had: everybody has to log in again" in capsys.readouterr().out


def test_the_command_makes_no_key_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "makes_key", False)
    assert len(embedded.secret_key(tmp_path)) > embedded.LEAST_KEY
    assert list(tmp_path.iterdir()) == []


# The archive


def archive_beside(data: Path, text: str = "old") -> Path:
    with closing(sqlite3.connect(data / "db-archive.sqlite3")) as file, file:
        file.execute("CREATE TABLE archive_order (id)")
        file.execute("INSERT INTO archive_order VALUES (?)", [text])
    return data / "db-archive.sqlite3"


def test_a_restore_that_was_killed_after_the_archive_is_repeated(small_shop, tmp_path, settings, monkeypatch):
    archive_beside(small_shop)
    call_command("backup", str(tmp_path / "monday"))
    data = tmp_path / "new"
    data.mkdir()
    open_at(data, settings, monkeypatch)
    (data / "db-archive.sqlite3").write_bytes((tmp_path / "monday/archive.sqlite3").read_bytes())
    call_command("restore", str(tmp_path / "monday"))
    assert (data / "db.sqlite3").exists()


def test_another_archive_is_not_mixed_with_a_backup(backup, empty):
    path = archive_beside(empty)
    assert "db-archive.sqlite3" in refused("restore", str(backup))[0]
    assert (path.exists(), (empty / "db.sqlite3").exists()) == (True, False)


def test_without_the_database_the_archive_does_not_come_either(small_shop, tmp_path, settings, monkeypatch):
    archive_beside(small_shop)
    call_command("backup", str(tmp_path / "monday"))
    data = tmp_path / "new"
    data.mkdir()
    open_at(data, settings, monkeypatch)
    put = engine.put

    def fail(source, path):
        if path.name == "db.sqlite3":
            raise OSError(28, "No space left on device")
        put(source, path)

    monkeypatch.setattr(engine, "put", fail)
    assert "The disk is full." in refused("restore", str(tmp_path / "monday"))[0]
    assert [path.name for path in data.glob("db*")] == []
