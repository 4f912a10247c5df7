"""A shop that runs is copied, killed and deleted, and goes on from its backup."""

import json
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from pizzaProj.tests.outside import log_in
from pizzaProj.tests.test_stack import (
    CLOSED,
    Shop,
    await_that,
    on_linux,
    opened_once,
    processes_of,
    put_on_the_menu,
    run_manage,
)

BOB = {"DJANGO_SUPERUSER_USERNAME": "bob", "DJANGO_SUPERUSER_PASSWORD": "bob's oven 2"}


@pytest.mark.slow
@on_linux
@pytest.mark.timeout(300)
def test_a_shop_that_was_deleted_goes_on_from_its_backup_and_at_another_speed(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    folder, backup = opened_once(tmp_path_factory, tmp_path / "var"), tmp_path / "monday"
    with Shop(folder, "--no-demo", "--speed", "1", **BOB) as shop:
        shop.open()
        put_on_the_menu(folder, "Margherita")
        path = place_order(shop)
        bob = log_in(shop.url, "bob", "bob's oven 2")
        assert f"MB in 2 files, in {backup}\n" in run_manage(folder, "backup", str(backup))
        lost = place_order(shop)
        for pid in [shop.process.pid, *processes_of(folder)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await_that(lambda: processes_of(folder) == {})
    shutil.rmtree(folder)

    assert f"Open it: python3 run.py --data {folder}\n" in run_manage(folder, "restore", str(backup))
    with Shop(folder, "--no-demo", "--speed", "6000") as shop:
        shop.open()
        await_that(lambda: shop.ask(path)[1]["payload"]["stage"] == "delivered")
        assert [event["event"] for event in shop.ask(path)[1]["events"]][:2] == ["started", "retimed"]
        assert json.loads(bob.open(f"{shop.url}api/me/").read())["username"] == "bob"
        with pytest.raises(OSError, match="404"):
            shop.ask(lost)
        assert shop.end(signal.SIGINT) == CLOSED
    assert "Not sent to" not in shop.output


def place_order(shop: Shop) -> str:
    """Return where the order is asked for."""
    return f"api/order/{shop.ask('api/order/', {'id': 1})[1]['order']['order_id']}/"
