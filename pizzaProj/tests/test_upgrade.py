"""A database, a queued message and an open page of 0.7.0 keep working with the current code.

`before/` was made by 0.7.0: `shop.sql` is a database with orders in every stage, messages, promises and studies,
`message.json` is a link from its broker, and `outside.json` is the surface that pages and scripts could rely on.
"""

import base64
import json
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from home.models import Order
from kitchen import flow
from kitchen.models import Shop
from kitchen.tests.test_worker import worker
from pizzaProj.tests import outside
from pizzaProj.tests.test_gone_clients import answers
from pizzaProj.tests.test_stack import MANAGE, await_that, environment, free_port
from pizzaProj.tests.test_stack import Shop as Stack

BEFORE = Path(__file__).parent / "before"
# In shop.sql: Alice's token, and the session of the page on which Bob was logged in
TOKEN = "fv_oQXq1zIhlam6OwU-H0NdxuKFMaBJkmMVbFiNndsWQCM"
SESSION = "k9pjdhocelywzibx70fr8b55jzlxqc89"
SECRET_KEY = "the-key-of-the-shop-before-the-house-was-cut-anew-0123456789"
OPEN_TO_ALL = ["", "log-in/", "sign-up/", "chat/lobby/", "api/menu/", "api/promise/", "api/docs"]
FOR_STAFF = [
    "kitchen/",
    "kitchen/drivers/",
    "kitchen/promises/",
    "kitchen/planner/",
    "kitchen/inbox/",
    "chat/",
    "people/",
    "profile/",
]
IN_THE_ADMIN = ["home/order/", "home/order/3/change/", "home/pizza/", "kitchen/station/", "kitchen/station/2/change/"]
IN_THE_ADMIN += ["kitchen/shop/1/change/", "chat/report/", "chat/cannedanswer/"]


def before(name: str) -> Any:
    return json.loads((BEFORE / name).read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a data folder as 0.7.0 left it."""
    with sqlite3.connect(tmp_path / "db.sqlite3") as database:
        database.executescript((BEFORE / "shop.sql").read_text())
    database.close()
    (tmp_path / "secret_key").write_text(SECRET_KEY)
    return tmp_path


@contextmanager
def web(folder: Path, redis_url: str) -> Iterator[str]:
    """Run Daphne on that database, migrated, and yield its address. Without a worker nothing moves by itself."""
    env = environment(folder, REDIS_URL=redis_url)
    subprocess.run([sys.executable, MANAGE, "migrate", "-v", "0"], env=env, check=True)
    url = f"http://127.0.0.1:{free_port()}/"
    command = [sys.executable, "-m", "daphne", "-v", "0", "-p", url[17:-1], "pizzaProj.asgi:application"]
    process = subprocess.Popen(command, env=env, cwd=settings.BASE_DIR)
    try:
        await_that(lambda: answers(url))
        yield url
    finally:
        process.kill()
        process.wait()


def rows(folder: Path, sql: str) -> list[Any]:
    database = sqlite3.connect(folder / "db.sqlite3", timeout=20)
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


def status(browser: urllib.request.OpenerDirector, url: str) -> int:
    try:
        with browser.open(url, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def name_of(url: str, header: str, value: str) -> str:
    """Return whose request it is, with a token or the cookie of an open page."""
    request = urllib.request.Request(f"{url}api/me/", headers={header: value})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(json.loads(answer.read())["username"])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_older_database_opens_and_its_orders_arrive(folder: Path) -> None:
    orders = rows(folder, "SELECT order_id, stage, held FROM home_order")
    assert {stage for _, stage, _ in orders} == {
        "received",
        "baking",
        "baked",
        "out_for_delivery",
        "delivered",
        "cancelled",
    }
    assert rows(folder, "SELECT status, count(*) FROM kitchen_study GROUP BY 1") == [("done", 1), ("running", 2)]
    with Stack(folder, "--no-demo", "--speed", "600") as shop:
        shop.open()
        nobody = urllib.request.build_opener()
        bob = outside.log_in(shop.url, "bob", "bob's oven 2")
        pages = OPEN_TO_ALL + [f"order/{order_id}/" for order_id, *_ in orders]
        assert {page: status(nobody, shop.url + page) for page in pages} == dict.fromkeys(pages, 200)
        pages = FOR_STAFF + [f"admin/{page}" for page in IN_THE_ADMIN]
        pages += [f"kitchen/planner/1{ending}" for ending in ("/", ".json", ".csv")]
        pages += [f"chat/{slug}/" for (slug,) in rows(folder, "SELECT slug FROM chat_room WHERE kind <> 'private'")]
        assert {page: status(bob, shop.url + page) for page in pages} == dict.fromkeys(pages, 200)
        assert name_of(shop.url, "Authorization", f"Token {TOKEN}") == "alice"
        assert name_of(shop.url, "Cookie", f"sessionid={SESSION}") == "bob"

        drivers = "SELECT p.codename FROM auth_group g, auth_group_permissions gp, auth_permission p WHERE"
        drivers += " g.name = 'Drivers' AND gp.group_id = g.id AND gp.permission_id = p.id"
        assert rows(folder, drivers) == [("deliver_order",)]

        # Their links were lost with the broker, so the recovery sweep wakes them.
        def stages() -> dict[str, str]:
            return {order_id: shop.ask(f"api/order/{order_id}/")[1]["payload"]["stage"] for order_id, *_ in orders}

        expected = {
            order_id: stage if held or stage == "cancelled" else "delivered" for order_id, stage, held in orders
        }
        await_that(lambda: stages() == expected, 60)
        await_that(lambda: rows(folder, "SELECT DISTINCT status FROM kitchen_study") == [("done",)], 60)
        assert [status(bob, f"{shop.url}kitchen/planner/{pk}/") for pk in (2, 3)] == [200, 200]
    worker_log = (folder / "logs" / "worker.log").read_text()
    assert "Traceback" not in worker_log, worker_log


def queue(valkey: Any, order: Order, stage: str) -> None:
    """Put the message of 0.7.0 into the broker that waits for the end of this stage of an order."""
    arguments, options, embedded = (message := before("message.json"))["body"]
    for link in (arguments, *(link["args"] for link in embedded["chain"])):
        link[0] = order.pk
    while arguments[2] != stage:
        arguments = embedded["chain"].pop()["args"]
    body = base64.b64encode(json.dumps([arguments, options, embedded]).encode()).decode()
    valkey.client.lpush("celery", json.dumps({**message, "body": body}))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_queued_message_carries_its_order_to_the_door(valkey: Any, cooked: Any, place: Any) -> None:
    """Test a message that waited in the broker during the upgrade. Without a sweep nothing else wakes this order."""
    Shop.objects.update(speed=10_000)
    order = place()
    flow.override(order.pk, "baked")
    assert Order.objects.get().epoch == 1
    queue(valkey, order, "baked")
    with worker("solo"):
        await_that(lambda: Order.objects.get().stage == "delivered")
    events = list(order.events.values_list("item", "stage", "event"))
    assert events == [
        (1, "received", "started"),
        (None, "baked", "overridden"),
        (None, "out_for_delivery", "started"),
        (None, "delivered", "delivered"),
    ]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_queued_message_for_an_order_whose_pizzas_go_alone_now_is_harmless(
    valkey: Any, cooked: Any, place: Any, monkeypatch: Any
) -> None:
    """Test the same for an order at the make line: the pizzas have chains of their own, from the recovery sweep."""
    monkeypatch.setenv("GATHER_LINKS", "false")  # nothing but messages wakes such a worker
    Shop.objects.update(speed=10_000)
    order = place()
    queue(valkey, order, "received")
    with worker("solo"):
        await_that(lambda: not valkey.client.llen("celery") and not valkey.client.hlen("unacked"))
    assert Order.objects.get().seq == 1
    assert flow.recover(clock=lambda: timezone.now() + timedelta(seconds=5)) == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_where_links_are_gathered_it_changes_nothing_about_what_the_pizzas_do(
    valkey: Any, cooked: Any, place: Any
) -> None:
    Shop.objects.update(speed=10_000)
    order = place()
    queue(valkey, order, "received")
    with worker("solo"):
        await_that(lambda: not valkey.client.llen("celery") and Order.objects.get().stage == "delivered")
    events = list(order.events.values_list("item", "stage", "event"))
    assert events == [
        (1, "received", "started"),
        (1, "baking", "started"),
        (1, "baked", "joined"),
        (None, "baked", "started"),
        (None, "out_for_delivery", "started"),
        (None, "delivered", "delivered"),
    ]


# The public surface


@pytest.mark.parametrize("what", ["tables", "tasks", "addresses", "sockets"])
def test_names_that_others_rely_on_are_what_they_were(what: str) -> None:
    """Test the names that a database, a message in the broker, a bookmark or an open page relies on."""
    assert outside.surface()[what] == before("outside.json")[what]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_frames_have_the_form_that_they_had(folder: Path, valkey: Any) -> None:
    """Test that a page that is open during the upgrade can reconnect and read the frames."""
    ((order_id,),) = rows(folder, "SELECT order_id FROM home_order WHERE stage = 'out_for_delivery'")
    with web(folder, settings.REDIS_URL) as url:
        assert outside.frames(url, order_id) == before("outside.json")["frames"]
