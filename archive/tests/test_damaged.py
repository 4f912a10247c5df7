"""On SQLite the archive is a file of its own, which can be damaged, or another shop's."""

import os
from datetime import date
from importlib import import_module
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import OperationalError, connection
from django.test import Client

from archive import store
from archive.databases import sqlite
from home import consumers
from keeping import archiving

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="There it is in the shop's database"),
]
NOWHERE = "z" * 20


def no_database(path: Path) -> None:
    path.write_bytes(os.urandom(20_000))


def torn_pages(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(5000)
        file.write(b"U" * 20_000)


@pytest.fixture(params=[no_database, torn_pages, Path.mkdir])
def damaged(request):
    with sqlite.writing():
        pass
    if request.param is Path.mkdir:
        sqlite.path().unlink()
    request.param(sqlite.path())
    yield
    if sqlite.path().is_dir():
        sqlite.path().rmdir()


def test_the_shop_goes_on_without_its_archive(damaged, place, alice, bob):
    order = place(user=alice)
    archiving.note_done(date(2026, 12, 1))
    for person in (alice, bob):  # a customer, and one of the staff
        client = Client(raise_request_exception=False)
        client.force_login(person)
        page = client.get("/")
        assert (page.status_code, order.order_id in page.content.decode()) == (200, True)
        assert client.get(f"/order/{order.order_id}/").status_code == 200
        older, nowhere = client.get("/orders/older/"), client.get(f"/order/{NOWHERE}/")
        assert (older.status_code, nowhere.status_code) == (503, 503)
    known, unknown = consumers.read_payloads([order.order_id, NOWHERE])
    assert known["order_id"] == order.order_id
    assert isinstance(unknown, OperationalError)


def test_a_full_disk_is_called_a_full_disk():
    with pytest.raises(OperationalError, match="full"), sqlite.writing() as do:
        do("PRAGMA max_page_count = 20")
        for number in range(100):
            do("INSERT INTO archive_deed (month, user_id, id) VALUES (zeroblob(10000), %s, 1)", [number])
    assert store.ask("SELECT count(*) FROM archive_deed") == []  # not even its tables


def test_a_new_shop_does_not_begin_beside_another_ones_archive(place):
    refuse = import_module("archive.migrations.0001_tables").refuse_another
    refuse(connection)
    with sqlite.writing():
        pass
    with pytest.raises(CommandError, match="archive of another shop"):
        refuse(connection)
    place()  # it has moved on from an earlier release
    refuse(connection)
