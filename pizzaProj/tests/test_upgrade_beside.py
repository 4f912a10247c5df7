"""During an upgrade the last release and the present code work side by side, on one database and one broker.

The last release is its commit in this repository. Nothing is simulated: its own worker and its own pages run, from a
folder of their own, on the tables of the present migrations.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from benchmarks.chaos.audit import audit
from home.models import Order, Pizza
from kitchen import flow
from kitchen.models import Shop, Station
from kitchen.tasks import sweep
from kitchen.tests.test_worker import await_that, database_url, worker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]

LAST_RELEASE = "0.13.0"  # raised with each release

# What the web process of the last release does when somebody orders: the request, from the middleware to the answer.
ORDER = """
from django.test import Client
for pizzas in {baskets}:
    answer = Client(HTTP_HOST="localhost").post("/api/order/", {{"items": pizzas}}, content_type="application/json")
    assert answer.status_code == 201, answer.content
"""


def git(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *words], cwd=settings.BASE_DIR, capture_output=True)


@pytest.fixture(scope="session")
def last_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the code of the last release."""
    try:
        found = git("log", "--reverse", "--format=%H", f'-Sversion = "{LAST_RELEASE}"', "--", "pyproject.toml")
    except FileNotFoundError:
        pytest.skip("There is no git here.")
    commits = found.stdout.decode().split()
    archive = git("archive", commits[0]) if commits else None
    if archive is None or archive.returncode:
        pytest.skip(f"The commit of {LAST_RELEASE} is not here: a download, or a clone without its history.")
    folder = tmp_path_factory.mktemp("last_release")
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    (folder / "node_modules").symlink_to(settings.BASE_DIR / "node_modules")
    return folder


def let(code: Path, script: str) -> None:
    """Run a script in the code of that folder."""
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--verbosity=0", "--command", script],
        cwd=code,
        env={**os.environ, "DATABASE_URL": database_url()},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def all_arrive() -> bool:
    """Sweep, as beat would, and return whether all orders were delivered."""
    sweep.run()
    return not Order.objects.exclude(stage="delivered").exists()


def faults() -> list[str]:
    """Return what the event log shows to have been lost, doubled or out of order."""
    accepted = {order_id: order_id for order_id in Order.objects.values_list("order_id", flat=True)}
    return audit(connection, accepted).faults


@pytest.fixture
def baskets(valkey: Any, margherita: Pizza, diavola: Pizza) -> list[list[dict[str, int]]]:
    """Return what four people order, of a kitchen where some have to wait."""
    Shop.objects.update(speed=3000)
    Station.objects.update(capacity=2)
    return [[{"id": margherita.pk, "quantity": number}, {"id": diavola.pk, "quantity": 1}] for number in range(1, 5)]


def test_the_old_worker_brings_what_the_new_shop_takes(
    last_release: Path, baskets: Any, margherita: Pizza, diavola: Pizza
) -> None:
    with worker("solo", last_release):
        for number in range(1, 5):
            flow.place([(margherita, number), (diavola, 1)])
        await_that(all_arrive, 90)
    assert faults() == []


def test_the_new_worker_brings_what_the_old_shop_takes(last_release: Path, baskets: Any) -> None:
    let(last_release, ORDER.format(baskets=json.dumps(baskets)))
    assert Order.objects.count() == len(baskets)
    with worker("solo"):
        await_that(all_arrive, 90)
    assert faults() == []
