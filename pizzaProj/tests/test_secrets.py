"""Passwords of servers appear in no report, log or error message."""

import os
import pprint
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from celery_app import app
from pizzaProj.addresses import Address
from pizzaProj.tests.test_settings import start

SERVERS = {
    "SECRET_KEY": "pineapple-key",
    "REDIS_URL": "redis://:pineapple-redis@127.0.0.1:1/0",
    "DATABASE_URL": "postgres://pizza:pineapple-database@127.0.0.1:1/pizza",
    "EMAIL_URL": "smtp+tls://pizza:pineapple-mail@127.0.0.1:1",
    "ALARM_URL": "https://127.0.0.1:1/pineapple-webhook",
    "ALARM_EMAIL": "pineapple@example.org",
}


def celery(folder: Path, *words: str, **more: str) -> str:
    """Return what a command of Celery prints, errors included."""
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "celery_app", *words],
        env={**os.environ, "DATA_DIR": str(folder), **SERVERS, **more},
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    return done.stdout


def test_a_dump_of_the_settings_has_no_password(tmp_path: Path) -> None:
    code = "import django; django.setup(); from django.core import management"
    code += "; management.call_command('diffsettings', all=True)"
    done = start(tmp_path, code, **SERVERS)
    assert "SECRET_KEY = '********'" in done.stdout, done.stderr
    assert "pineapple" not in done.stdout


def test_the_report_has_no_password(tmp_path: Path) -> None:
    report = celery(tmp_path, "report")
    assert "CELERY_BROKER_URL: 'redis://:********@127.0.0.1:1/0'" in report
    assert "pineapple" not in report


def test_a_worker_gets_exactly_celerys_own_settings() -> None:
    """Test that it gets no other settings, which `celery inspect conf` could send around."""
    own = {name for name in dir(settings) if name.startswith("CELERY_")}
    assert set(app.conf.table()) & set(dir(settings)) == own
    for name in own:
        assert app.conf[name.removeprefix("CELERY_").lower()] == getattr(settings, name)
    assert app.conf.get("CELERY_DB_REUSE_MAX") == settings.CELERY_DB_REUSE_MAX


@pytest.mark.parametrize("words", [("inspect", "ping", "--timeout", "1"), ("status",), ("purge", "-f")])
def test_a_broker_that_is_away_is_named_without_its_password(tmp_path: Path, words: tuple[str, ...]) -> None:
    answer = celery(tmp_path, *words)
    assert "Error" in answer or "refused" in answer, answer
    assert "pineapple" not in answer


@pytest.mark.parametrize("name", ["REDIS_URL", "DATABASE_URL", "EMAIL_URL"])
@pytest.mark.parametrize("sign", "/#?[")
def test_an_address_that_cannot_be_read_is_not_quoted(tmp_path: Path, name: str, sign: str) -> None:
    """Test a password that lacks percent-encoding. Python's own error would show how it begins."""
    url = SERVERS[name].replace("pineapple", f"pineapple{sign}")
    done = start(tmp_path, **{name: url})
    assert (done.returncode, "pineapple" in done.stderr) == (1, False), done.stderr
    assert f"{name} cannot be read." in done.stderr


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:pineapple@host:1/0", "redis://:********@host:1/0"),
        ("rediss://cook:pine@ple@host", "rediss://cook:********@host"),
        ("unix:///run/redis?db=0&password=pineapple", "unix:///run/redis?db=0&password=********"),
        ("unix:///run/redis?db=0", "unix:///run/redis?db=0"),
    ],
)
def test_an_address_masks_its_password_where_it_is_shown(url: str, shown: str) -> None:
    address = Address(url)
    assert repr(address) == repr(shown)
    assert pprint.pformat({"hosts": [{"address": address}]}) == f"{{'hosts': [{{'address': {shown!r}}}]}}"
    assert (address, str(address), f"{address}") == (url, url, url)


def test_the_error_page_of_a_laptop_has_no_password(tmp_path: Path) -> None:
    code = "from django.views.debug import SafeExceptionReporterFilter as F; print(F().get_safe_settings())"
    done = start(tmp_path, code, DEBUG="on", **SERVERS)
    assert "'redis://:********@127.0.0.1:1/0'" in done.stdout
    assert "pineapple" not in done.stdout, done.stdout
