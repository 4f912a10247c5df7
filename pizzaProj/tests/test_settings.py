"""A wrong setting fails loudly at start; the embedded default needs none at all."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

from celery_app import app
from pizzaProj import embedded, waits


def start(tmp_path, code="", **environment):
    """Run a new process that reads the settings, and return its result."""
    command = [sys.executable, "-c", f"from django.conf import settings as s; s.DEBUG; {code}"]
    clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    clean |= {"DJANGO_SETTINGS_MODULE": "pizzaProj.settings", "DATA_DIR": str(tmp_path / "data"), **environment}
    return subprocess.run(command, env=clean, cwd=settings.BASE_DIR, capture_output=True, text=True)


def test_the_default_uses_nothing_outside_the_data_folder(tmp_path):
    done = start(tmp_path, "print(s.DATABASES['default']['NAME'], s.CELERY_BROKER_URL, s.REDIS_URL, s.DEBUG)")
    data = tmp_path / "data"
    assert done.stdout.split() == [
        str(data / "db.sqlite3"),
        f"redis+socket://{data}/valkey.sock?virtual_host=0",
        f"unix://{data}/valkey.sock?db=0",
        "False",
    ], done.stderr
    assert (data / "secret_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("value", "folder"),
    [("", "{data}/media"), ("pictures-of", "{base}/pictures-of"), ("/srv/p", "/srv/p"), ("~/p", "{home}/p")],
)
def test_pictures_are_in_one_place_wherever_a_command_is_typed(tmp_path, value, folder):
    done = start(tmp_path, "print(s.MEDIA_ROOT)", MEDIA_ROOT=value, HOME=str(tmp_path))
    places = {"data": tmp_path / "data", "base": settings.BASE_DIR, "home": tmp_path}
    assert done.stdout.strip() == folder.format(**places), done.stderr


def test_a_data_folder_can_be_in_ones_home(tmp_path):
    done = start(tmp_path, "print(s.DATA_DIR)", DATA_DIR="~/shop", HOME=str(tmp_path))
    assert done.stdout.strip() == str(tmp_path / "shop"), done.stderr


@pytest.mark.parametrize(("value", "days"), [(" ", 0), (" 30 ", 30), ("36501", None)])
def test_for_how_many_days_something_is_kept(tmp_path, value, days):
    done = start(tmp_path, "print(s.KEEP_DAYS['events'])", KEEP_EVENTS_DAYS=value)
    assert done.stdout.strip() == ("" if days is None else str(days))


def test_the_secret_key_is_created_once(tmp_path):
    keys = {start(tmp_path, "print(s.SECRET_KEY)").stdout for _ in range(2)}
    assert len(keys) == 1
    assert len(keys.pop()) > 50


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("REDIS_URL", "amqp://localhost", "REDIS_URL must begin with"),
        ("LIVE_REDIS_URLS", "redis://a, amqp://b", "LIVE_REDIS_URLS must begin with redis://, rediss:// or unix://"),
        ("DATABASE_URL", "mysql://localhost/pizza", "DATABASE_URL must begin with"),
        ("DATABASE_URL", "rubbish", "DATABASE_URL must begin with"),
        ("DEBUG", "perhaps", "DEBUG must be true or false"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL must be debug, info, warning or error, not “loud”."),
        (
            "KEEP_EVENTS_DAYS",
            "a year",
            "KEEP_EVENTS_DAYS must be a whole number of days from 0 to 36500 (0 is for ever)",
        ),
        ("KEEP_CHATS_DAYS", "-1", "KEEP_CHATS_DAYS must be"),
        ("ARCHIVE_MONTHS", "1.5", "ARCHIVE_MONTHS must be a whole number of months from 0 to 1200 (0 is never)"),
        ("KEEP_SESSIONS_DAYS", "0", "KEEP_SESSIONS_DAYS must be a whole number of days from 1 to 400, not “0”."),
        ("TIME_ZONE", "Mars/Olympus", "Mars/Olympus"),
        (
            "METRICS_FROM",
            "10.0.0.0/8,our house",
            "METRICS_FROM has “our house”, which is not a network like",
        ),
        ("METRICS_FROM", "10.0.0.7/8", "METRICS_FROM has “10.0.0.7/8”"),
        ("EMAIL_URL", "pigeon://coo", "Invalid email schema pigeon"),
        ("ALARM_URL", "ftp://hooks.example/1", "ALARM_URL must begin with http"),
        ("ALARM_URL", "hooks.example/1", "ALARM_URL must begin with http"),
        ("ALARM_URL", "https://hooks.example/1 2", "ALARM_URL must begin with http"),
        ("ALARM_URL", "https://me:word@hooks.example/1", "ALARM_URL can't have a user"),
        ("ALARM_EMAIL", "owner@example.org, the cook", "ALARM_EMAIL must be addresses"),
    ],
)
def test_a_wrong_value_fails_loudly(tmp_path, name, value, words):
    done = start(tmp_path, **{name: value})
    assert done.returncode != 0
    assert words in done.stderr


def test_nobody_reads_the_figures_without_an_account_unless_it_is_said(tmp_path):
    said = {value: start(tmp_path, "print(s.METRICS_FROM)", METRICS_FROM=value).stdout for value in ("", "10.0.0.0/8")}
    assert said == {"": "[]\n", "10.0.0.0/8": "[IPv4Network('10.0.0.0/8')]\n"}


def test_urls_of_the_environment_replace_the_embedded_parts(tmp_path):
    done = start(
        tmp_path,
        "print(s.DATABASES['default']['ENGINE'], s.CELERY_BROKER_URL, s.REDIS_URL)",
        DATABASE_URL="postgres://me@db/pizza",
        REDIS_URL="redis://redis:6379/3",
    )
    assert done.stdout.split() == ["pizzaProj.postgresql"] + ["redis://redis:6379/3"] * 2


def test_live_updates_can_have_servers_of_their_own(tmp_path):
    urls = "redis://one:6379/0, unix:///run/two.sock"
    done = start(tmp_path, "print(s.LIVE_REDIS_URLS, s.REDIS_URL)", LIVE_REDIS_URLS=urls, REDIS_URL="redis://redis/1")
    assert done.stdout == "['redis://one:6379/0', 'unix:///run/two.sock?db=0'] redis://redis/1\n", done.stderr


def test_a_socket_path_that_is_too_long_moves_to_a_private_short_one(tmp_path):
    assert embedded.socket_path(tmp_path / "d") == tmp_path / "d" / "valkey.sock"
    deep = tmp_path / ("d" * 100)
    path = embedded.socket_path(deep)
    assert path == embedded.socket_path(deep) != embedded.socket_path(tmp_path / ("e" * 100))
    assert len(str(path)) <= embedded.MAX_SOCKET_PATH
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_request_does_not_wait_for_a_connection_for_ever(tmp_path):
    done = start(
        tmp_path,
        "o = s.DATABASES['default']['OPTIONS']; print(o['pool']['timeout'], o['statement_seconds'])",
        DATABASE_URL="postgres://me@db/pizza",
        DATABASE_PER_REQUEST="on",
    )
    assert done.stdout.split() == [str(waits.POOL_SECONDS), str(waits.STATEMENT_SECONDS)]


@pytest.mark.parametrize(
    ("url", "has_pool"), [("sqlite:////tmp/nowhere.sqlite3", False), ("postgres://me@db/pizza", True)]
)
def test_the_web_gives_its_connections_back_after_each_request(tmp_path, url, has_pool):
    """The module that Daphne is given says so, before anything that it imports has read the settings."""
    code = "import pizzaProj.asgi; d = s.DATABASES['default']; print(d['CONN_MAX_AGE'], 'pool' in d['OPTIONS'])"
    command = [sys.executable, "-c", f"from django.conf import settings as s; {code}"]
    clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    clean |= {"DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": url}
    done = subprocess.run(command, env=clean, cwd=settings.BASE_DIR, capture_output=True, text=True)
    assert done.stdout.split() == ["0", str(has_pool)], done.stderr


def test_no_task_keeps_a_process_of_the_pool_for_ever():
    app.loader.import_default_modules()
    limits = {name: task.time_limit or app.conf.task_time_limit for name, task in app.tasks.items()}
    assert limits.pop("kitchen.study_part") == waits.STUDY_PART_SECONDS
    assert set(limits.values()) == {waits.TASK_SECONDS}
