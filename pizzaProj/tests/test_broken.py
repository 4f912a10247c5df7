"""What is broken or missing around the shop gets a sentence that says what to do, and never a traceback."""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from psycopg_pool import PoolTimeout

from broken import in_a_sentence, sentence_of
from pizzaProj import embedded
from pizzaProj.sqlite import soundness
from pizzaProj.tests.test_stack import MANAGE, environment

PROGRAMS = {
    "manage.py": [sys.executable, MANAGE, "migrate"],
    "the worker": [sys.executable, "-m", "celery", "-A", "celery_app", "worker"],
    "beat": [sys.executable, "-m", "celery", "-A", "celery_app", "beat"],
    "daphne": [sys.executable, "-m", "daphne", "pizzaProj.asgi:application"],
}


def said(command: list[str], folder: Path, **env: str) -> str:
    """Return what a program says that ends with an error, all of it."""
    done = subprocess.run(
        command, env=environment(folder, **env), cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_says_what_is_wrong_with_the_data_folder(program: str, tmp_path: Path) -> None:
    folder = tmp_path / "a file"
    folder.touch()
    assert said(PROGRAMS[program], folder) == f"A setting is wrong. {folder} is a file. Choose a folder with --data.\n"


@pytest.mark.parametrize("has_pool", ["off", "on"])
def test_postgresql_and_its_password(tmp_path: Path, has_pool: str) -> None:
    env = {"DATABASE_URL": "postgres://me:the-secret@127.0.0.1:1/shop", "DATABASE_PER_REQUEST": has_pool}
    text = said(PROGRAMS["manage.py"], tmp_path, **env)
    assert text == "PostgreSQL does not answer. Is it running, and is DATABASE_URL right?\n"


# The data folder


def test_a_folder_that_can_not_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name, words in (
        ("file", "is a file. Choose a folder with --data."),
        ("file/below", "is below a file, not in a folder. Choose a folder with --data."),
        ("circle", ""),
    ):
        with pytest.raises(ImproperlyConfigured) as error:
            embedded.data_folder(name, tmp_path)
        assert words in str(error.value)


@pytest.mark.parametrize(("content", "what"), [("", "is empty"), ("\n", "is empty"), ("a" * 30, "is too short")])
def test_a_secret_key_that_is_no_secret(tmp_path: Path, content: str, what: str) -> None:
    (tmp_path / "secret_key").write_text(content)
    with pytest.raises(ImproperlyConfigured, match=f"secret_key {what}. Bring back a copy"):
        embedded.secret_key(tmp_path)


def test_a_disk_without_room_for_the_secret_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(ImproperlyConfigured, match="The disk is full"):
        patch.setattr(os, "fsync", full)
        embedded.secret_key(tmp_path)
    assert list(tmp_path.iterdir()) == []  # no half a key
    assert len(embedded.secret_key(tmp_path)) > embedded.LEAST_KEY


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="Root is allowed everything")
def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    powerless = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    (tmp_path / "theirs").mkdir(mode=0o500)
    text = said([*powerless, *PROGRAMS["manage.py"]], tmp_path / "theirs" / "var")
    assert text.startswith(f"A setting is wrong. This account is not allowed to use {tmp_path}/theirs/var.")
    assert "Traceback" not in text


def test_where_the_shop_of_a_folder_answers(tmp_path: Path) -> None:
    assert embedded.address_of_shop(tmp_path) is None
    (tmp_path / embedded.LOCK).write_text("123\n")  # of an earlier version
    assert embedded.address_of_shop(tmp_path) is None
    (tmp_path / embedded.LOCK).write_text("123\nhttp://127.0.0.1:8200/\n")
    assert embedded.address_of_shop(tmp_path) == "http://127.0.0.1:8200/"


# SQLite's file


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "db.sqlite3"
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE lines (text)")
        file.executemany("INSERT INTO lines VALUES (?)", [("a slice of pizza" * 10,)] * 1000)
    file.close()
    return path


def damage(path: Path) -> str | None:
    return soundness.damage({"ENGINE": "pizzaProj.sqlite", "NAME": path})


def test_a_sound_file_and_none_are_no_damage(database: Path) -> None:
    assert damage(database) is None
    assert damage(database.with_name("new.sqlite3")) is None
    assert soundness.damage({"ENGINE": "django.db.backends.postgresql", "NAME": database}) is None


def test_half_a_file_is_damaged(database: Path) -> None:
    os.truncate(database, database.stat().st_size // 2)
    assert str(damage(database)).startswith(f"{database}: The database file is damaged. Bring back a copy")


def test_another_file_is_no_database(database: Path) -> None:
    database.write_text("a letter to my aunt " * 1000)
    assert "it is no database. Bring back a copy" in str(damage(database))


@pytest.mark.parametrize("program", ["the worker", "beat", "daphne"])
def test_no_program_begins_with_half_a_database(program: str, database: Path) -> None:
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])
    text = said(PROGRAMS[program], database.parent)
    assert text.splitlines()[-1].startswith(f"{database}: The database file is damaged. Bring back a copy")
    assert "Traceback" not in text


def test_a_busy_file_is_no_damage_beside_a_running_shop(database: Path) -> None:
    with sqlite3.connect(database) as shop:
        shop.execute("PRAGMA journal_mode=WAL")
        shop.execute("BEGIN IMMEDIATE")
        assert soundness.damage_at_first_sight({"ENGINE": "pizzaProj.sqlite", "NAME": database}) is None
        shop.execute("ROLLBACK")
    shop.close()


def test_a_large_file_is_not_read_to_its_end(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundness, "STEPS", 1)
    monkeypatch.setattr(soundness.waits, "READ_THROUGH_SECONDS", 0.0)
    assert damage(database) is None


# Sentences


def caused(error: Exception) -> Exception:
    """Return Django's error around that of a driver."""
    outer = OperationalError(str(error))
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (caused(sqlite3.OperationalError("database or disk is full")), "The disk is full"),
        (caused(sqlite3.OperationalError("attempt to write a readonly database")), "can't be written to"),
        (caused(psycopg.OperationalError('FATAL:  database "pizza" does not exist')), "Create it: createdb pizza"),
        (
            caused(psycopg.OperationalError('FATAL:  password authentication failed for user "me"')),
            "refuses the password of “me”",
        ),
        (caused(psycopg.errors.LockNotAvailable("canceling statement due to lock timeout")), "Something else holds"),
        (OperationalError("database is locked: no turn to write in 3 s"), "Another process holds the database"),
        (OperationalError("the database did not answer a moment ago"), "PostgreSQL does not answer"),
        (caused(PoolTimeout("couldn't get a connection after 1.50 sec")), "PostgreSQL does not answer"),
        (redis.AuthenticationError("WRONGPASS invalid username-password pair"), "refuses the password"),
        (redis.TimeoutError("Timeout reading from socket"), "does not answer"),
        (PermissionError(errno.EACCES, "Permission denied", "/data/logs/web.log"), "to use /data/logs/web.log."),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
    ],
)
def test_an_error_from_outside_gets_a_sentence(error: Exception, words: str) -> None:
    assert words in str(sentence_of(error))


def test_an_error_of_our_own_keeps_its_traceback() -> None:
    ours = [caused(psycopg.errors.UndefinedTable('relation "x" does not exist')), ValueError("no"), KeyError("stage")]
    assert [sentence_of(error) for error in ours] == [None] * 3
    with pytest.raises(KeyError), in_a_sentence():
        raise KeyError("stage")
