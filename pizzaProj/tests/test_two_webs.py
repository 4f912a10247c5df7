"""A shop that has grown on one machine: two webs, two workers and one beat, on one database and one Valkey."""

import json
import os
import re
import signal
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from benchmarks import databases
from benchmarks.chaos.audit import audit
from benchmarks.processes import Process, accepts, running
from celery_app import POOL
from home.models import Order, Pizza
from kitchen.models import Shop, Station
from kitchen.tests.test_worker import await_that, database_url
from office.tests.browser import Reader
from pizzaProj.tests.test_stack import environment, free_port

pytestmark = [pytest.mark.slow, pytest.mark.database]

ORDERS = 12
WORKERS = ("worker-1", "worker-2")
SPEED = 600  # kitchen seconds a second: an order takes some three seconds
SOCKET_SECONDS = 40
PATH = ("received", "baking", "baked", "out_for_delivery", "delivered")
CELERY = (sys.executable, "-m", "celery", "-A", "celery_app")


class Web:
    """One of the webs, as its visitors know it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [sys.executable, "-m", "daphne", "-v", "0", "-p", str(self.port), "pizzaProj.asgi:application"]

    def ask(self, path: str, body: bytes | None = None, kind: str = "", session: str = "") -> bytes:
        headers = {"Origin": self.url, "Cookie": f"sessionid={session}; csrftoken={'x' * 32}"}
        headers |= {"Content-Type": kind} if kind else {}
        with urllib.request.urlopen(urllib.request.Request(self.url + path, body, headers), timeout=20) as answer:
            return bytes(answer.read())

    def order(self, pizzas: list[int]) -> str:
        body = json.dumps({"items": [{"id": pizza} for pizza in pizzas]}).encode()
        return str(json.loads(self.ask("/api/order/", body, "application/json"))["order"]["order_id"])

    @contextmanager
    def socket(self, path: str, session: str = "") -> Iterator[ClientConnection]:
        cookie = {"Cookie": f"sessionid={session}; csrftoken={'x' * 32}"} if session else None
        address = self.url.replace("http", "ws") + path
        with connect(address, origin=self.url, additional_headers=cookie) as socket:  # type: ignore[arg-type]
            yield socket


class Grown:
    """The processes, each with a log."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.a, self.b = Web(), Web()
        own = environment(Path(settings.DATA_DIR), DATABASE_URL=database_url())
        work = [*CELERY, "worker", "--loglevel", "info", *POOL]
        commands = {
            **{f"web-{number}": web.command for number, web in enumerate((self.a, self.b), 1)},
            **{name: [*work, "--hostname", f"{name}@%h"] for name in WORKERS},
            "beat": [*CELERY, "beat", "--loglevel", "info"],
        }
        self.parts = {
            name: stack.enter_context(running(Process(command, self.log(name), own)))
            for name, command in commands.items()
        }

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def said(self, name: str, pattern: str) -> list[str]:
        return re.findall(pattern, self.log(name).read_text())

    def is_open(self) -> bool:
        return accepts(self.a.port) and accepts(self.b.port) and all(map(self.is_ready, WORKERS))

    def is_ready(self, worker: str) -> bool:
        return bool(self.said(worker, r" ready\."))

    def has_cooked(self, worker: str) -> bool:
        """Return whether this worker has moved an order on: it writes a line for each change."""
        return bool(self.said(worker, r'"logger": "kitchen.changes"'))

    def sweeps_sent(self) -> int:
        return len(self.said("beat", r"Sending due task .*\(kitchen\.sweep\)"))

    def sweeps_received(self) -> list[str]:
        """Return the ids of the sweeps that the workers have taken."""
        return [id for name in WORKERS for id in self.said(name, r"Task kitchen\.sweep\[(\S+)\] received")]


@pytest.fixture
def shop(tmp_path: Path, valkey: object, transactional_db: None) -> Iterator[Grown]:
    if connection.vendor == "sqlite" and databases.machines() is not None:
        pytest.skip("There is a PostgreSQL: it runs there, as part of .ci/run.")
    Shop.objects.update(speed=SPEED)
    Station.objects.update(capacity=8)
    with ExitStack() as stack:
        grown = Grown(tmp_path, stack)
        await_that(grown.is_open)
        yield grown
        for part in grown.parts.values():
            part.child.kill()  # none has anything left to say


def session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_webs_two_workers_and_one_beat_are_one_shop(
    shop: Grown, alice: User, bob: User, charlie: User, margherita: Pizza, diavola: Pizza
) -> None:
    owner = User.objects.create(username="owner", is_staff=True, is_superuser=True)
    basket = [margherita.pk, diavola.pk]
    ids = [shop.a.order(basket) for _ in range(ORDERS)]

    def both_cook() -> bool:
        """Return whether both workers have moved something on; if not, they get more to do."""
        if shop.has_cooked("worker-1") and shop.has_cooked("worker-2"):
            return True
        ids.append(shop.a.order(basket))
        return False

    with ExitStack() as stack:
        watchers = [stack.enter_context(shop.b.socket(f"/ws/pizza/{order_id}")) for order_id in ids]

        # What is said at one web is heard at the other.
        hers = stack.enter_context(shop.a.socket("/ws/chat/grown/", session_of(alice)))
        his = stack.enter_context(shop.b.socket("/ws/chat/grown/", session_of(charlie)))
        await_frame(his, type="history")  # else what she says can be in there
        hers.send(json.dumps({"message": "Ciao from the other web"}))
        await_frame(his, message="Ciao from the other web")

        # Who loses a right at one web is shown out at the other.
        board = stack.enter_context(shop.b.socket("/ws/kitchen/", session_of(bob)))
        board.recv(timeout=SOCKET_SECONDS)
        take_away_rights(shop.a, session_of(owner), bob)
        assert code_of_end(board) == 4403

        # Beat sends each of its rounds to one worker.
        await_that(both_cook)
        sent = shop.sweeps_sent()
        await_that(lambda: len(shop.sweeps_received()) >= sent)
        received = shop.sweeps_received()
        assert len(received) == len(set(received)) <= shop.sweeps_sent()

        # One worker is killed, and the other goes on.
        os.killpg(shop.parts["worker-1"].child.pid, signal.SIGKILL)
        ids += [shop.b.order(basket) for _ in range(2)]
        assert sum(map(stages_missed, watchers)) < ORDERS

    await_that(lambda: Order.objects.filter(stage="delivered").count() == len(ids))
    assert audit(connection, {str(number): order_id for number, order_id in enumerate(ids)}).faults == []


def stages_missed(watcher: ClientConnection) -> int:
    """Watch an order to its end. Return how many stages it passed unseen.

    A frame can overtake another, which is then not shown. Without any, each check of the database would show one.
    """
    seqs, stages = [], []
    while "delivered" not in stages:
        payload = json.loads(watcher.recv(timeout=SOCKET_SECONDS))["payload"]
        seqs.append(payload["seq"])
        stages.append(payload["stage"])
    assert seqs == sorted(set(seqs))
    return len(PATH) - PATH.index(stages[0]) - len(set(stages))


def await_frame(socket: ClientConnection, **expected: str) -> None:
    while not expected.items() <= json.loads(socket.recv(timeout=SOCKET_SECONDS)).items():
        pass


def code_of_end(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            socket.recv(timeout=SOCKET_SECONDS)
    assert closed.value.rcvd is not None
    return int(closed.value.rcvd.code)


def take_away_rights(web: Web, session: str, user: User) -> None:
    """Send the user's page of the admin back, without the marks that make them staff."""
    address = f"/admin/auth/user/{user.pk}/change/"
    page = Reader()
    page.feed(web.ask(address, session=session).decode())
    fields = {name: values for name, values in page.fields.items() if name not in ("is_staff", "is_superuser", "q")}
    web.ask(address, urllib.parse.urlencode(fields, doseq=True).encode(), session=session)
    user.refresh_from_db()
    assert not user.is_staff
