"""The lab's clocks: every stored moment moves, on both databases, and a process can have a clock of its own."""

import os
import subprocess
import sys
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import connection, models
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from benchmarks.chaos import clocks
from home.models import Order, OrderEvent, OrderItem
from kitchen.models import Shop, Station

MOVED = (Shop, Order, OrderItem, OrderEvent, Station, PeriodicTask, PeriodicTasks)
HOUR = timedelta(hours=1)


def moments():
    """Return every moment that these tables hold, as {(table, column): [moments]}."""
    return {
        (model._meta.db_table, field.column): list(
            model._default_manager.order_by("pk").values_list(field.name, flat=True)
        )
        for model in MOVED
        for field in model._meta.fields
        if isinstance(field, models.DateTimeField)
    }


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_everything_that_is_written_down_moves(place, sent, cooked):
    place()
    PeriodicTask.objects.update(last_run_at=datetime.now().astimezone())
    before = moments()
    assert before["home_orderevent", "at"] and before["home_orderitem", "due_at"]
    clocks.move(where(), HOUR)
    assert moments() == {column: [moment and moment + HOUR for moment in values] for column, values in before.items()}


def where():
    known = connection.settings_dict
    if connection.vendor == "sqlite":
        return str(known["NAME"])
    return f"postgres://{known['USER']}:{known['PASSWORD']}@{known['HOST']}:{known['PORT']}/{known['NAME']}"


def test_a_process_can_have_a_clock_of_its_own(tmp_path):
    env = {**os.environ, **clocks.travelling(tmp_path, -HOUR)}
    code = "import time, datetime; print(time.time(), time.monotonic(), datetime.datetime.now().timestamp())"
    seen = [
        [float(word) for word in subprocess.check_output([sys.executable, "-c", code], env=each).split()]
        for each in (os.environ, env)
    ]
    passed = [round((theirs - ours) / 600) * 600 for ours, theirs in zip(*seen, strict=True)]
    assert passed == [-3600, 0, -3600]


def test_only_a_second_worker_can_have_a_clock_of_its_own():
    def names(*parts):
        shop = SimpleNamespace(database="nowhere", parts=[SimpleNamespace(name=name) for name in parts])
        return [fault.name for fault in clocks.faults(shop)][3:]

    assert names("stack") == []
    assert names("worker-1", "worker-2") == [
        f"worker-2, {words}" for words in ("5 s ahead", "5 s behind", "3600 s ahead", "3600 s behind")
    ]
