"""What was destroyed comes back as it was at one moment, on either database, whatever happened meanwhile."""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from PIL import Image

from accounts import pictures
from accounts.models import Profile
from archive import months, store
from archive.document import Archived
from benchmarks.chaos.audit import audit
from chat import messages, rooms
from chat.person import Person
from home.models import Order, Pizza
from keeping import ages, archiving
from kitchen import flow
from kitchen.models import Shop
from operations.backups import making, programs, sqlite
from operations.tests.backups import KEY, Place, own_place, rows

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("sent"),
]


@pytest.fixture
def shop(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[Place]:
    with own_place(tmp_path, settings) as place:
        (place.folder / "secret_key").write_text(KEY)
        settings.SECRET_KEY = KEY
        yield place


def upload(colour: str) -> "ContentFile[bytes]":
    file = io.BytesIO()
    Image.new("RGB", (40, 40), colour).save(file, "PNG")
    return ContentFile(file.getvalue(), name="upload.png")


def show(profile: Profile, colour: str) -> str:
    """Replace a person's picture, as the profile page does; return the name of the new file."""
    pictures.delete_file(profile, profile.picture.name or "")
    profile.picture = pictures.square(upload(colour))
    profile.save()
    return str(profile.picture.name)


def a_busy_evening() -> Client:
    """Fill the shop: pictures, orders in several stages, talk, and somebody who is logged in."""
    alice, now = User.objects.create(username="alice"), timezone.now()
    show(Profile.of(alice), "red")
    pizza = Pizza(name="Margherita", price=Decimal("9.50"), image=upload("green"))
    pizza.save()
    orders = [flow.place([(pizza, 2)], user=alice, clock=lambda: now) for _ in range(5)]
    flow.override(orders[0].pk, "baking", clock=lambda: now)
    flow.override(orders[1].pk, "delivered", clock=lambda: now)
    flow.hold(orders[2].pk, clock=lambda: now)
    flow.cancel(orders[3].pk, clock=lambda: now)
    messages.post(rooms.order_room(orders[0]).pk, Person(alice), "With basil, please", "1", now)
    browser = Client()
    browser.force_login(alice)
    return browser


def an_archive(monkeypatch: pytest.MonkeyPatch) -> list[Archived]:
    """Put an order of last year away, and return what the archive has."""
    monkeypatch.setattr(ages, "EVENTS_READ", 0)
    then, pizza = timezone.now() - timedelta(days=400), Pizza.objects.create(name="Diavola", price=Decimal(12))
    order = flow.place([(pizza, 1)], clock=lambda: then)
    flow.cancel(order.pk, clock=lambda: then)
    list(archiving.move(months.month_of(timezone.now())))
    assert not Order.objects.exists()
    return store.page(None, None, 10)


def test_all_that_was_destroyed_is_back(
    shop: Place, cooked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archived = an_archive(monkeypatch)
    browser = a_busy_evening()
    before = rows(), shop.files()
    assert len(before[1]) == 3
    call_command("backup", str(tmp_path / "monday"))
    shop.destroy()
    shop.move()
    call_command("restore", str(tmp_path / "monday"))
    assert (rows(), shop.files(), store.page(None, None, 10)) == (*before, archived)
    assert len(archived) == 1
    assert browser.get("/api/me/").json()["username"] == "alice"
    assert flow.place([(Pizza.objects.latest("pk"), 1)]).pk == max(row[0] for row in before[0]["home_order"]) + 1
    paths = [tmp_path / "monday", *(tmp_path / "monday").rglob("*")]
    assert {path: path.stat().st_mode & 0o777 for path in paths} == {
        path: 0o700 if path.is_dir() else 0o600 for path in paths
    }
    assert {path.stat().st_mode & 0o777 for path in (shop.folder / "media").rglob("*.webp")} == {0o644}


# While others write


class Rush(threading.Thread):
    """Customers who order, and a kitchen whose clock jumps from one completion to the next."""

    def __init__(self, chains: list[tuple[int, int, str]]) -> None:
        super().__init__()
        self.chains, self.now = chains, timezone.now()
        self.pizza = Pizza.objects.create(name="Diavola", price=Decimal(12))
        self.placed, self.written, self.is_over = 0, threading.Condition(), False

    def run(self) -> None:
        try:
            while not self.is_over:
                flow.place([(self.pizza, 1)], clock=self.later)
                while self.chains:
                    self.finish(*self.chains.pop())
                with self.written:
                    self.placed += 1
                    self.written.notify_all()
        finally:
            connection.close()
            with self.written:
                self.is_over = True
                self.written.notify_all()

    def later(self) -> Any:
        self.now += timedelta(hours=1)
        return self.now

    def finish(self, pk: int, epoch: int, stage: str) -> None:
        flow.finish(pk, epoch, stage, clock=self.later)
        flow.finish_item(pk, 1, epoch, stage, clock=self.later)

    def await_more(self, orders: int = 1) -> int:
        with self.written:
            wanted = self.placed + orders
            self.written.wait_for(lambda: self.placed >= wanted or self.is_over, timeout=60)
            assert self.placed >= wanted
            return self.placed


@contextmanager
def rush(chains: list[tuple[int, int, str]]) -> Iterator[Rush]:
    thread = Rush(chains)
    thread.start()
    try:
        yield thread
    finally:
        thread.is_over = True
        thread.join()


def waiting_within(customers: Rush, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the copy itself wait until others have written, several times. Return how many pages were left each time."""
    left: list[int] = []

    def progress(say: Any) -> Callable[[int, int, int], None]:
        def wait(status: int, remaining: int, total: int) -> None:
            left.append(remaining)
            customers.await_more()

        return wait

    def run(command: list[str], *arguments: Any) -> None:
        if not customers.is_over:
            customers.await_more()  # behind the snapshot, and before pg_dump reads
        ran(command, *arguments)

    ran = programs.run
    monkeypatch.setattr(sqlite, "PAGES", 20)
    monkeypatch.setattr(sqlite, "progress", progress)
    monkeypatch.setattr(programs, "run", run)
    return left


def test_a_backup_in_the_rush_shows_one_moment(
    shop: Place, cooked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Shop.objects.update(speed=1)
    with rush(cooked) as customers:
        before = customers.await_more(3)
        left = waiting_within(customers, monkeypatch)
        call_command("backup", str(tmp_path / "monday"))
        after = customers.await_more()
    shop.destroy()
    shop.move()
    call_command("restore", str(tmp_path / "monday"))
    connection.ensure_connection()
    found = audit(connection.connection)
    assert (found.illegal, found.doubled, found.crowded) == ([], [], [])
    assert before <= Order.objects.count() < after
    assert left == sorted(left, reverse=True)  # it never began again


# Pictures that change meanwhile


def test_a_picture_that_is_replaced_during_the_copy(shop: Place, tmp_path: Path) -> None:
    profile = Profile.of(User.objects.create(username="alice"))
    old = show(profile, "red")
    new = []

    def replace(text: str) -> None:
        if text.startswith("Database") and not new:
            new.append(show(profile, "blue"))

    making.make(tmp_path / "monday", replace)
    copied = [path.name for path in (tmp_path / "monday/media/people").iterdir()]
    assert (copied, Path(old).name in copied) == ([Path(new[0]).name], False)


def test_a_picture_that_comes_and_goes_between_two_looks(
    shop: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = Profile.of(User.objects.create(username="alice"))
    engine = making.present_engine()
    copies: list[str] = []

    def copy(target: Path, say: Any) -> Any:
        """Be replaced before the database is copied and once more behind it, the first time."""
        copies.append(show(profile, "red") if not copies else str(profile.picture))
        facts = type(engine).copy(engine, target, say)
        if len(copies) == 1:
            show(profile, "blue")
        return facts

    monkeypatch.setattr(engine, "copy", copy)
    monkeypatch.setattr(making, "present_engine", lambda: engine)
    said: list[str] = []
    making.make(tmp_path / "monday", said.append)
    assert [path.name for path in (tmp_path / "monday/media/people").iterdir()] == [Path(copies[1]).name]
    assert "Pictures were replaced meanwhile. Once more:" in said


def test_a_picture_that_the_shop_itself_has_lost_is_said(shop: Place, tmp_path: Path) -> None:
    name = show(Profile.of(User.objects.create(username="alice")), "red")
    (shop.folder / "media" / name).unlink()
    said: list[str] = []
    making.make(tmp_path / "monday", said.append)
    assert f"1 picture that the shop names has no file: {name}." in said
