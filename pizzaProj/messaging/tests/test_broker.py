"""An order does not wait for a broker that hangs, is slow, full or away, however many messages it has to send."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from celery import Celery
from django.conf import settings
from kombu import pools
from kombu.exceptions import OperationalError

from benchmarks.chaos.proxy import HOST, Proxy
from celery_app import PatientAMQP, app
from home.models import Order
from kitchen.models import Shop, Station
from kitchen.tasks import sweep
from kitchen.tests.test_worker import await_that, worker
from pizzaProj import waits
from pizzaProj.management.commands import stack
from pizzaProj.messaging import broker, outage
from pizzaProj.messaging.outage import Outage
from realtime.broadcast import broadcaster

database = pytest.mark.django_db(transaction=True, serialized_rollback=True)

PIZZAS = 40
AWAY = "The broker does not answer; the recovery sweep will bring what is not sent: "


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Let each test begin with a broker of which nothing is known, and no connection to it."""
    outage.broker.forget()
    pools.reset()
    app._after_fork()
    yield
    broadcaster.flush()
    outage.broker.forget()


@pytest.fixture
def place_many(place: Any, margherita: Any, diavola: Any) -> Any:
    """Return a function that places an order of pizzas that all find a place, so that each has a chain to send."""
    Shop.objects.update(speed=1)
    Station.objects.update(capacity=PIZZAS * 20)
    return lambda: place(None, [(margherita, PIZZAS // 2), (diavola, PIZZAS // 2)])


def timed(function: Any) -> float:
    began = time.monotonic()
    function()
    return time.monotonic() - began


def warnings(caplog: Any) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "pizzaProj.messaging.outage"]


@database
@pytest.mark.parametrize("is_connected", [True, False])
def test_an_order_of_many_pizzas_is_accepted_while_the_broker_is_frozen(
    valkey: Any, place_many: Any, caplog: Any, is_connected: bool
) -> None:
    if is_connected:
        place_many()
        assert valkey.client.llen("celery") == PIZZAS
    with valkey.frozen():
        assert timed(place_many) < waits.ANSWER_SECONDS
        assert timed(place_many) < waits.ANSWER_SECONDS
    assert Order.objects.count() == 2 + is_connected
    (warning,) = warnings(caplog)
    assert warning.startswith(AWAY)
    assert outage.broker.dropped == 2 * PIZZAS


@database
def test_the_kitchen_goes_on_after_the_thaw(valkey: Any, place_many: Any) -> None:
    """The sweep brings what was not sent; so does whoever orders once the pause is over."""
    with valkey.frozen():
        place_many()
    valkey.client.ping()  # it has worked off what the kernel had taken for it
    sent = valkey.client.llen("celery")
    outage.broker.forget()
    place_many()
    assert valkey.client.llen("celery") == sent + PIZZAS


def test_many_who_send_at_once_wait_for_one(valkey: Any) -> None:
    """Celery has ten connections to send with: without a pause, the last of them would wait for all the others."""
    took: list[float] = []

    threads = [threading.Thread(target=lambda: took.append(timed(sweep.apply_async))) for _ in range(50)]
    with valkey.frozen():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(took) == 50 and max(took) < waits.ANSWER_SECONDS


def test_when_all_connections_are_waiting_the_next_one_waits_once(
    valkey: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(waits, "BROKER_PRODUCER_SECONDS", 0.05)
    with ExitStack() as waiting:
        for _ in range(app.pool.limit):
            waiting.enter_context(app.producer_pool.acquire(block=True))
        assert timed(lambda: send_many(sweep)) < waits.ANSWER_SECONDS
    assert warnings(caplog) == [f"{AWAY}all connections are waiting"]
    outage.broker.forget()
    sweep.apply_async()
    assert valkey.client.llen("celery") == 1


def test_a_server_that_is_out_of_memory_is_one_that_does_not_answer(valkey: Any, caplog: Any) -> None:
    valkey.client.config_set("maxmemory", 1)
    try:
        for _ in range(3):
            sweep.apply_async()
    finally:
        valkey.client.config_set("maxmemory", 0)
    (warning,) = warnings(caplog)
    assert warning.startswith(AWAY) and "not allowed" in warning
    assert outage.broker.dropped == 3


def test_a_connection_that_was_closed_meanwhile_costs_nothing(valkey: Any) -> None:
    """Otherwise the first order after a restart of the server would wait for the recovery sweep."""
    sweep.apply_async()
    valkey.client.client_kill_filter(_type="normal", skipme=True)
    sweep.apply_async()
    assert valkey.client.llen("celery") == 2


def test_a_ping_for_workers_through_a_frozen_broker_finds_none(valkey: Any) -> None:
    answers: list[bool] = []
    with valkey.frozen():
        assert timed(lambda: answers.append(stack.worker_answers())) < waits.ANSWER_SECONDS
        sweep.apply_async()  # now it is known
        assert timed(lambda: answers.append(stack.worker_answers())) < waits.ANSWER_SECONDS
    assert answers == [False, False]


# Through a proxy


@pytest.fixture
def proxy(valkey: Any) -> Iterator[Proxy]:
    with Proxy(str(valkey.socket)) as proxy:
        yield proxy


@pytest.fixture
def far(proxy: Proxy) -> Any:
    """Return a task whose messages go through the proxy."""
    far = Celery("far", amqp=PatientAMQP, set_as_current=False)
    far.conf.update(
        broker_url=f"redis://{HOST}:{proxy.port}/0",
        broker_transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS,
        task_publish_retry=settings.CELERY_TASK_PUBLISH_RETRY,
        task_ignore_result=True,
    )
    return far.task(name="far.away", shared=False)(nothing)


def nothing() -> None:
    """Do what the far task does."""


def send_many(task: Any, count: int = PIZZAS, **options: Any) -> int:
    """Send as many messages as one order can have, and return how many went."""
    sent = 0
    for _ in range(count):
        with suppress(OperationalError):
            task.apply_async(**options)
            sent += 1
    return sent


@pytest.mark.parametrize("fault", ["hold", "swallow", "forget", "reset"])
def test_no_fault_of_the_network_keeps_an_order_waiting(proxy: Proxy, far: Any, fault: str) -> None:
    far.apply_async()
    getattr(proxy, fault)()
    assert timed(lambda: send_many(far)) < waits.ANSWER_SECONDS
    proxy.heal()
    outage.broker.forget()
    assert send_many(far) == PIZZAS


def test_a_slow_network_keeps_an_order_waiting_only_so_long(proxy: Proxy, far: Any) -> None:
    far.apply_async()
    proxy.slow(waits.BROKER_BUDGET_SECONDS / 10)
    sent: list[int] = []
    assert timed(lambda: sent.append(send_many(far))) < waits.ANSWER_SECONDS
    assert 0 < sent[0] < PIZZAS


def test_beat_goes_on_where_all_is_slow(proxy: Proxy, far: Any) -> None:
    """Nobody waits for it, and without its sweeps nothing that was dropped would ever be sent."""
    with far.app.connection_for_write() as connection:
        beats = far.app.amqp.Producer(connection)
        proxy.slow(waits.BROKER_BUDGET_SECONDS / 10)
        assert send_many(far, 8, producer=beats) == 8


# In a worker


def test_a_worker_sends_again_on_a_new_connection(proxy: Proxy, far: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an outage its own connections are dead, and nobody tells it; the server is there."""
    far.apply_async()
    proxy.forget()
    monkeypatch.setattr(broker, "get_current_worker_task", lambda: far)
    assert send_many(far, 3) == 3
    assert not outage.broker.is_on


@pytest.mark.slow
@database
@pytest.mark.parametrize("gathers", [True, False])
def test_a_worker_goes_on_after_each_fault(
    proxy: Proxy, place: Any, monkeypatch: pytest.MonkeyPatch, settings: Any, gathers: bool
) -> None:
    """Test connections that are dead for good, which nobody tells the worker, and a server that stands still.

    Where links are gathered the kitchen goes on meanwhile.
    """
    monkeypatch.setenv("REDIS_URL", f"redis://{HOST}:{proxy.port}/0")
    monkeypatch.setenv("GATHER_LINKS", str(gathers))
    settings.GATHER_LINKS = gathers
    Shop.objects.update(speed=10_000)

    def is_delivered(order: Order) -> bool:
        sweep.run()  # the next link can be lost
        return Order.objects.get(pk=order.pk).stage == "delivered"

    with worker("prefork"):
        first = place()
        await_that(lambda: is_delivered(first))
        proxy.forget()
        second = place()
        await_that(lambda: is_delivered(second))
        proxy.hold()
        third = place()
        time.sleep(waits.BROKER_ANSWER_SECONDS * 4)  # the fault has to last
        assert is_delivered(third) is gathers
        proxy.heal()
        await_that(lambda: is_delivered(third))


# The pause


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return [now], which a test can set."""
    now = [1000.0]
    monkeypatch.setattr(outage, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def server() -> Outage:
    return Outage("The oven", "eat it cold")


def test_after_a_failure_one_tries_for_all_when_the_pause_is_over(server: Outage, clock: list[float]) -> None:
    assert [server.may_try(), server.may_try()] == [True, True]
    server.failed("cold")
    assert server.may_try() is False
    clock[0] += waits.BROKER_PAUSE_SECONDS
    assert [server.may_try(), server.may_try()] == [True, False]
    server.failed("still cold")
    assert server.may_try() is False
    clock[0] += waits.BROKER_PAUSE_SECONDS
    assert server.may_try() is True
    server.answered()
    assert [server.may_try(), server.may_try()] == [True, True]


def test_an_outage_is_logged_when_it_begins_and_when_it_ends(
    server: Outage, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    server.answered()
    server.failed("cold")
    server.failed("cold")
    server.may_try()
    server.answered()
    server.answered()
    assert warnings(caplog) == [
        "The oven does not answer; eat it cold: cold",
        "The oven answers again; not sent meanwhile: 3",
    ]


def test_slow_answers_add_up_to_a_pause(server: Outage, clock: list[float]) -> None:
    slow = waits.BROKER_BUDGET_SECONDS / 4
    for _ in range(1000):
        server.took(waits.BROKER_SLOW_SECONDS / 2)  # not slow at all, however many
    for _ in range(4):
        server.took(slow)
    assert not server.is_on
    clock[0] += 60
    for _ in range(4):  # those of a minute ago are forgotten
        server.took(slow)
    assert not server.is_on
    server.took(slow)
    assert server.is_on


def test_slow_answers_to_other_threads_do_not_count(server: Outage, clock: list[float]) -> None:
    slow = waits.BROKER_BUDGET_SECONDS * 0.6
    server.took(slow)
    other = threading.Thread(target=server.took, args=[slow])
    other.start()
    other.join()
    assert not server.is_on
