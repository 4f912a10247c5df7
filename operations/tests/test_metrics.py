"""/metrics: who reads it, and that it answers whatever is away."""

import threading
from ipaddress import ip_network
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import OperationalError
from django.test import Client
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

from accounts import rights, tokens
from operations.lookout import lookout
from operations.metrics import figures as metrics
from operations.metrics.figures import Figures, figures
from operations.metrics.sources import Source
from pizzaProj import waits
from telemetry import stored
from telemetry.counts import Counts
from telemetry.levels import Levels
from telemetry.sending import Sender
from telemetry.table import LEVELS, TABLE

OF_THE_PAGE = {"shop_source_up", "shop_ready", "shop_check_ok"}
OF_DATABASE = {
    "shop_open",
    "shop_speed",
    "shop_orders_open",
    "shop_items_open",
    "shop_station_works",
    "shop_station_overdue",
    "shop_station_capacity",
    "shop_station_open",
    "shop_oldest_overdue_seconds",
    "shop_promises_made_total",
    "shop_promises_ended_total",
    "shop_promises_kept_ratio",
}
OF_VALKEY = {*TABLE, *LEVELS, "shop_queue_messages", "shop_queue_taken", "shop_sign_age_seconds"}


@pytest.fixture
def one_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the page have one figure, for tests that are about its readers."""
    monkeypatch.setattr(figures, "collect", lambda: [GaugeMetricFamily("shop_open", "Whether it is open.", value=1)])


@pytest.fixture
def vera(db: None) -> User:
    """Return one of the staff who can see how the shop is set, and nothing else."""
    vera = User.objects.create_user("vera", is_staff=True)
    vera.user_permissions.add(Permission.objects.get(codename="view_shop"))
    return vera


# Who reads it


def test_nobody_is_told_how_to_log_in(client: Client, db: None, one_figure: None) -> None:
    answer = client.get("/metrics")
    assert (answer.status_code, answer["WWW-Authenticate"], answer["Cache-Control"]) == (
        401,
        'Token realm="figures"',
        "no-store",
    )
    assert answer.text.startswith("Log in, or send “Authorization: Token <key>”")


def test_a_permission_decides(client: Client, alice: User, bob: User, vera: User, one_figure: None) -> None:
    nora = User.objects.create_user("nora", is_staff=True)
    answers = {}
    for user in (alice, nora, vera, bob):
        client.force_login(user)
        answer = client.get("/metrics")
        answers[user.username] = answer.status_code, answer.text.splitlines()[-1]
    assert answers == {
        "alice": (403, "Only staff can see the shop’s figures."),
        "nora": (403, f"Your account can’t see the shop’s figures. {rights.ASK}"),
        "vera": (200, "shop_open 1.0"),
        "bob": (200, "shop_open 1.0"),
    }


def test_a_token_counts_whatever_cookies_come_with_it(
    client: Client, alice: User, vera: User, bob: User, one_figure: None
) -> None:
    keys = {"alice": tokens.make(alice, "a script"), "vera": tokens.make(vera, "prometheus"), "none": "fv_wrong"}
    client.force_login(bob)
    statuses = {
        name: client.get("/metrics", headers={"authorization": f"Token {key}"}).status_code
        for name, key in keys.items()
    }
    assert statuses == {"alice": 403, "vera": 200, "none": 401}


INSIDE = "10.1.2.3"


@pytest.mark.parametrize("address", [INSIDE, f"::ffff:{INSIDE}", "fd00::7"])
def test_inside_needs_no_account_no_name_and_no_database(
    client: Client, settings: Any, one_figure: None, address: str
) -> None:
    settings.METRICS_FROM = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
    settings.SECURE_SSL_REDIRECT = True
    answer = client.get("/metrics", headers={"host": "web:8000"}, REMOTE_ADDR=address)
    assert (answer.status_code, answer.text.splitlines()[-1]) == (200, "shop_open 1.0")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_who_comes_through_a_proxy_is_not_inside(
    client: Client, db: None, settings: Any, one_figure: None, header: str
) -> None:
    settings.METRICS_FROM = [ip_network("10.0.0.0/8")]
    assert client.get("/metrics", headers={header: INSIDE}, REMOTE_ADDR=INSIDE).status_code == 401


@pytest.mark.parametrize("address", ["192.0.2.1", "", "2001:db8::1", "nonsense"])
def test_who_is_elsewhere_is_not_inside(
    client: Client, db: None, settings: Any, one_figure: None, address: str
) -> None:
    settings.METRICS_FROM = [ip_network("10.0.0.0/8")]
    assert client.get("/metrics", REMOTE_ADDR=address).status_code == 401
    settings.METRICS_FROM = []
    assert client.get("/metrics", REMOTE_ADDR=INSIDE).status_code == 401


def test_it_only_tells(client: Client, settings: Any, one_figure: None) -> None:
    settings.METRICS_FROM = [ip_network("127.0.0.0/8")]
    methods = ("get", "head", "post", "delete")
    assert [getattr(client, method)("/metrics").status_code for method in methods] == [200, 200, 405, 405]
    openmetrics = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert openmetrics["Content-Type"].startswith("application/openmetrics-text")
    assert openmetrics.text.endswith("# EOF\n")


# What it says


@pytest.fixture
def ask(client: Client, settings: Any) -> Any:
    """Return ask(), which reads the page from inside: {family: {labels: value}}."""
    settings.METRICS_FROM = [ip_network("127.0.0.0/8")]

    def ask() -> dict[str, dict[tuple[str, ...], float]]:
        figures.forget()
        lookout.forget()
        answer = client.get("/metrics")
        assert answer.status_code == 200
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for family in text_string_to_metric_families(answer.text):
            samples = {(one.name, *one.labels.values()): one.value for one in family.samples}
            found[family.name + "_total" * (family.type == "counter")] = samples
            assert family.documentation.endswith(".")
        return found

    return ask


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_it_has_all_that_is_in_the_table(valkey: Any, ask: Any) -> None:
    process = Sender(Counts(), Levels())
    for name, measure in TABLE.items():
        labels = [f"a {label}" for label in measure.labels]
        for _ in range(2):
            add = process.counts.observe if measure.bounds else process.counts.add
            add(name, *([0.03] if measure.bounds else []), *labels)  # type: ignore[operator]
    process.levels.change("shop_sockets_open", 3, "order")
    assert process.send()
    found = ask()
    assert found.keys() == OF_THE_PAGE | OF_DATABASE | OF_VALKEY
    for name, measure in TABLE.items():
        labels = [f"a {label}" for label in sorted(measure.labels)]  # so they are written
        last = found[name][(f"{name}_count" if measure.bounds else name, *labels)]
        assert (name, last) == (name, 2)
    assert found["shop_sockets_open"] == {("shop_sockets_open", "order"): 3}
    buckets = found["shop_task_seconds"]
    its = {key[1]: value for key, value in buckets.items() if key[0].endswith("_bucket")}
    assert (its["0.01"], its["0.05"], its["300.0"], its["+Inf"]) == (0, 2, 2, 2)
    assert found["shop_source_up"] == {("shop_source_up", "database"): 1, ("shop_source_up", "valkey"): 1}


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_what_is_away_leaves_out_its_own_figures(valkey: Any, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise OperationalError("no such server: secret.example.com")

    with monkeypatch.context() as patched:
        patched.setattr(metrics.kitchen, "read", fail)
        found = ask()
    assert found.keys() == OF_THE_PAGE | OF_VALKEY
    assert found["shop_source_up"] == {("shop_source_up", "database"): 0, ("shop_source_up", "valkey"): 1}
    valkey.stop()
    found = ask()
    assert found.keys() == OF_THE_PAGE | OF_DATABASE
    assert found["shop_source_up"] == {("shop_source_up", "database"): 1, ("shop_source_up", "valkey"): 0}
    assert found["shop_ready"] == {("shop_ready",): 0}
    assert found["shop_check_ok"]["shop_check_ok", "valkey"] == 0


@pytest.mark.django_db
def test_queues_and_signs_are_those_of_valkey(valkey: Any) -> None:
    valkey.client.rpush("celery", "a", "b")
    valkey.client.rpush("celery\x06\x169", "c")
    valkey.client.hset("unacked", "d", "e")
    found = {one.name: {tuple(s.labels.values()): s.value for s in one.samples} for one in metrics.valkey.read()}
    assert found["shop_queue_messages"] == {("0",): 2, ("3",): 0, ("6",): 0, ("9",): 1}
    assert (found["shop_queue_taken"], found["shop_sign_age_seconds"]) == ({(): 1}, {})
    metrics.valkey.signs.give("beat")
    (age,) = list(metrics.valkey.read())[-1].samples
    assert (age.labels, 0 <= age.value < 60) == ({"part": "beat"}, True)
    assert not valkey.client.exists(stored.TOTALS, stored.PROCESSES)  # reading writes nothing


# A crowd, and what stands still


class Shelf:
    """A source whose reading waits until it is told to go on."""

    def __init__(self) -> None:
        self.begun, self.thawed = threading.Semaphore(0), threading.Event()

    def __call__(self) -> list[Metric]:
        self.begun.release()
        assert self.thawed.wait(60)
        return [GaugeMetricFamily("shop_shelf", "A shelf.", value=1)]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(lookout, "look", lambda: {})


def names(of: Figures) -> set[str]:
    of.forget()
    return {family.name for family in of.collect()}


def test_what_stands_still_holds_nothing_up_and_gets_one_thread(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    door = GaugeMetricFamily("shop_door", "A door.", value=1)
    of = Figures(lookout, Source("shelf", shelf), Source("door", lambda: [door]))
    assert [names(of), names(of)] == [OF_THE_PAGE | {"shop_door"}] * 2
    assert shelf.begun.acquire(timeout=10) and not shelf.begun.acquire(blocking=False)
    shelf.thawed.set()
    thread = of.sources[0].thread
    assert thread is not None
    thread.join(10)
    monkeypatch.setattr(waits, "LOOK_SECONDS", 10.0)
    assert names(of) == OF_THE_PAGE | {"shop_door", "shop_shelf"}


def test_a_crowd_causes_one_reading(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "LOOK_AGAIN_SECONDS", 60.0)
    monkeypatch.setattr(waits, "LOOK_SECONDS", 10.0)
    readings: list[int] = []
    of = Figures(lookout, Source("shelf", lambda: readings.append(1) or []))  # type: ignore[func-returns-value]
    crowd = [threading.Thread(target=of.collect) for _ in range(20)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert readings == [1]
    names(of)
    assert readings == [1, 1]
