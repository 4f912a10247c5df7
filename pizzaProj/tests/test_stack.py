"""The stack as a user runs it: real processes and a real Valkey, from the first start to the last Ctrl-C."""

import http.cookiejar
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from websockets.sync.client import connect

from pizzaProj.tests.once import once
from pizzaProj.version import VERSION

MANAGE = str(settings.BASE_DIR / "manage.py")
# The last one is set where the tests import the pages: a worker that took it over would have a pool.
NOT_OURS = (
    *("REDIS_URL", "LIVE_REDIS_URLS", "DATABASE_URL", "DEBUG"),
    *("MEDIA_ROOT", "HTTPS", "ALLOWED_HOSTS", "DATABASE_PER_REQUEST"),
)
COOK_SECONDS = 30
SHUT_DOWN_WORKER = [sys.executable, "-m", "celery", "-A", "celery_app", "control", "shutdown"]


def environment(folder: Path, **more: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    return {**ours, "DATA_DIR": str(folder), **more}


def free_port() -> int:
    """Return a free port below the ephemeral range, where another connection could take it before the shop does."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def await_that(is_true: Callable[[], bool], seconds: float = COOK_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "It never became true."
        time.sleep(0.05)


def processes_of(folder: Path) -> dict[int, str]:
    """Return the processes whose environment or command line names this folder (only on Linux, otherwise none)."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            told = command + (process / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in told and int(process.name) != os.getpid():
            found[int(process.name)] = command.replace(b"\0", b" ").decode()
    return found


class Shop:
    """A stack in its own process, which is killed at the end of the `with` block at the latest."""

    def __init__(self, folder: Path, *options: str, **env: str) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{free_port()}/"
        command = [sys.executable, MANAGE, "stack", "--port", self.url.split(":")[-1].strip("/"), *options]
        self.process = subprocess.Popen(
            command,
            env=environment(folder, **env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # ignored if the tests run under nohup
        )
        self.output = ""

    def __enter__(self) -> "Shop":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def read_until(self, beginning: str) -> str:
        """Return the first line with this beginning."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.output += line
            if line.startswith(beginning):
                return line
        raise AssertionError(f"It ended without “{beginning}”:\n{self.output}")

    def open(self) -> "Shop":
        assert self.read_until("Ready:") == f"Ready: {self.url}\n"
        return self

    def end(self, number: signal.Signals | None = None) -> tuple[int, dict[int, str], bool]:
        """Wait for the end, first sending any signal. Return the exit code, and the processes and socket left over."""
        if number:
            self.process.send_signal(number)
        self.output += self.process.communicate()[0]
        return self.process.returncode, processes_of(self.folder), bool(list(self.folder.glob("*.sock")))

    def child(self, word: str) -> int:
        """Return the process id of the child of the stack that has this word on its command line."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_text() for pid in children}
        return next(pid for pid, command in commands.items() if word in command)

    def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
            self.click = answer.headers["X-Request-ID"]
        return answer.status, json.loads(text) if path.startswith("api/") else text

    def lets_in(self, username: str, password: str) -> bool:
        """Return whether the admin accepts this log-in."""
        jar = http.cookiejar.CookieJar()
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        page = browser.open(self.url + "admin/login/").read().decode()
        token = re.search('name="csrfmiddlewaretoken" value="(.+?)"', page)
        assert token
        form = {"csrfmiddlewaretoken": token[1], "username": username, "password": password}
        browser.open(self.url + "admin/login/", urllib.parse.urlencode(form).encode()).read()
        return settings.SESSION_COOKIE_NAME in {cookie.name for cookie in jar}


CLOSED = (0, {}, False)
COUNTED = (
    'shop_orders_placed_total{simulated="false",way="delivery"} 1.0',
    'shop_stage_changes_total{event="started",stage="baking"} 1.0',
    'shop_orders_ended_total{stage="delivered",way="delivery"} 1.0',
    'shop_request_seconds_count{method="POST",route="api:order_pizza",status="2xx"} 1.0',
    'shop_processes{kind="web",version="%s"} 1.0' % VERSION,  # noqa: UP031  braces
    'shop_processes{kind="beat",version="%s"} 1.0' % VERSION,  # noqa: UP031
    'shop_source_up{source="valkey"} 1.0',
)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Reads /proc and relies on a feature of Linux")


def migrate(folder: Path) -> None:
    subprocess.run([sys.executable, MANAGE, "migrate", "-v", "0"], env=environment(folder), check=True, timeout=100)


def opened_once(factory: pytest.TempPathFactory, folder: Path) -> Path:
    """Let this become a data folder as after a first start: tables, no menu, no account."""
    return Path(shutil.copytree(once(factory, "migrated", migrate), folder, dirs_exist_ok=True))


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return opened_once(tmp_path_factory, tmp_path / "var")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_opens_cooks_closes_and_goes_on(tmp_path: Path) -> None:
    with Shop(tmp_path, "--speed", "1000", METRICS_FROM="127.0.0.0/8") as shop:
        shop.open()
        account = re.search(r"Staff: (\S+)  user admin  password (\S+)  \(shown this once\)\n", shop.output)
        assert account and account[1] == shop.url + "admin/"
        password = account[2]
        assert json.loads(shop.ask("readyz")[1])["ready"] is True
        assert shop.ask("")[0] == 200
        menu = shop.ask("api/menu/")[1]["pizzas"]
        assert len(menu) >= 8 and all(shop.ask(pizza["image"].lstrip("/"))[0] == 200 for pizza in menu)
        status, answer = shop.ask("api/order/", {"id": menu[0]["id"]})
        assert status == 201
        order_id, click = answer["order"]["order_id"], shop.click
        path = f"api/order/{order_id}/"
        watch_until_delivered(shop, order_id)
        delivered = shop.ask(path)[1]
        last = f'"seq": {delivered["payload"]["seq"]}, "request": "{click}", "sockets": 1}}'
        await_that(lambda: last in (tmp_path / "logs" / "web.log").read_text())
        # The web says what all processes have counted.
        await_that(lambda: set(COUNTED) <= set(shop.ask("metrics")[1].decode().splitlines()))
        assert shop.end(signal.SIGINT) == CLOSED

    check_that_it_can_be_followed(tmp_path, click, order_id)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"web.log", "worker.log", "beat.log", "valkey.log"} <= {file.name for file in files}
    assert [file for file in files if password.encode() in file.read_bytes()] == []

    with Shop(tmp_path) as shop:
        shop.open()
        assert "Staff:" not in shop.output and password not in shop.output
        assert shop.ask(path)[1] == delivered
        assert shop.ask("api/menu/")[1]["pizzas"] == menu
        assert shop.lets_in("admin", password)
        assert shop.end(signal.SIGTERM) == CLOSED


def watch_until_delivered(shop: Shop, order_id: str) -> None:
    with connect(f"{shop.url.replace('http', 'ws')}ws/pizza/{order_id}/") as socket:
        while json.loads(socket.recv(timeout=COOK_SECONDS))["payload"]["stage"] != "delivered":
            pass


def check_that_it_can_be_followed(folder: Path, click: str, order_id: str) -> None:
    """Follow a click from its request through the tasks to the socket, as an operator does: by its id alone."""
    logs = {name: (folder / "logs" / f"{name}.log").read_text() for name in ("web", "worker", "beat")}
    found = {name: [json.loads(line) for line in text.splitlines() if click in line] for name, text in logs.items()}
    with closing(sqlite3.connect(folder / "db.sqlite3")) as database:
        events = "SELECT seq, item, stage, event FROM home_orderevent WHERE order_id = 1 ORDER BY seq"
        happened = database.execute(events).fetchall()
    changes = sorted(
        (line["seq"], line["item"], line["stage"], line["event"], name, line["task_name"])
        for name, lines in found.items()
        for line in lines
        if line["logger"] == "kitchen.changes"
    )
    assert changes == [
        (*happened[0], "web", None),
        *((*event, "worker", "kitchen.finish_item" if event[0] <= 4 else "kitchen.finish") for event in happened[1:]),
    ]
    assert {line["logger"] for line in found["web"]} == {"kitchen.changes", "home.deliveries"}
    assert not any(order_id in text for text in logs.values())


@pytest.mark.slow
@on_linux
@pytest.mark.timeout(300)
def test_what_ends_is_started_again(folder: Path) -> None:
    put_on_the_menu(folder, "Margherita")
    with Shop(folder, "--no-demo", "--speed", "6000") as shop:
        shop.open()
        subprocess.run(SHUT_DOWN_WORKER, env=environment(folder), cwd=settings.BASE_DIR, capture_output=True)
        assert shop.read_until("worker") == "worker ended with exit code 0. Starting worker again.\n"
        os.kill(shop.child("celery_app\0beat"), signal.SIGKILL)
        assert shop.read_until("beat") == "beat was killed by SIGKILL. Starting beat again.\n"
        os.kill(shop.child("valkey-server"), signal.SIGKILL)
        assert shop.read_until("valkey") == "valkey was killed by SIGKILL. Starting valkey again.\n"
        status, answer = shop.ask("api/order/", {"id": 1})
        assert status == 201
        path = f"api/order/{answer['order']['order_id']}/"
        await_that(lambda: shop.ask(path)[1]["payload"]["stage"] == "delivered")
        assert shop.end(signal.SIGINT) == CLOSED


def put_on_the_menu(folder: Path, pizza: str) -> None:
    with closing(sqlite3.connect(folder / "db.sqlite3")) as database, database:
        columns = "name, description, price, image, on_menu, created_at, updated_at"
        database.execute(
            f"INSERT INTO home_pizza ({columns}) VALUES (?, '', 9, '', 1, '2026-01-01', '2026-01-01')", [pizza]
        )


@pytest.mark.slow
@on_linux
def test_even_a_killed_stack_leaves_no_process_behind(folder: Path) -> None:
    with Shop(folder, "--no-demo") as shop:
        shop.open()
        assert len(processes_of(folder)) > 4
        shop.process.kill()
        await_that(lambda: processes_of(folder) == {})


@pytest.mark.slow
def test_it_can_be_closed_while_it_opens(folder: Path) -> None:
    with Shop(folder, "--no-demo") as shop:
        shop.read_until("Opening the shop")
        await_that(lambda: (folder / "logs" / "web.log").exists())
        assert shop.end(signal.SIGINT) == CLOSED
    assert "Ready:" not in shop.output


@pytest.mark.slow
def test_there_is_one_shop_per_folder_and_per_port(folder: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as crashed:  # its file stays behind but does no harm
        crashed.bind(str(folder / "valkey.sock"))
    with Shop(folder, "--no-demo") as shop:
        shop.open()
        assert f"Make one: python3 run.py --data {folder} createsuperuser\n" in shop.output
        with Shop(folder) as second:
            assert second.end()[0] == 1
        assert f"already running in this folder (pid {shop.process.pid}): {folder}\n" in second.output
        port = shop.url.split(":")[-1].strip("/")
        with Shop(tmp_path / "other", "--port", port) as third:
            assert third.end()[0] == 1
        assert third.output == f"CommandError: Port {port} is in use. Choose another one with --port.\n"
        assert shop.ask("api/menu/") == (200, {"pizzas": []})
        assert shop.end(signal.SIGINT) == CLOSED


def run_manage(folder: Path, *words: str) -> str:
    """Return what a command says beside the shop, errors included."""
    done = subprocess.run(
        [sys.executable, MANAGE, *words], env=environment(folder), capture_output=True, text=True, timeout=60
    )
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_shop_without_an_oven_opens_and_says_so_until_it_is_mended(folder: Path) -> None:
    with sqlite3.connect(folder / "db.sqlite3") as file:
        file.execute("DELETE FROM kitchen_station WHERE stage = 'baking'")
    file.close()
    with Shop(folder, "--no-demo") as shop:
        shop.open()
        gone = "The station “Oven” is gone: no order is taken, and none goes on."
        assert f"{gone} Mend it: python3 run.py --data {folder} mend\n" in shop.output
        with pytest.raises(urllib.error.HTTPError) as refused:
            shop.ask("readyz")
        with refused.value as answer:
            checks = json.loads(answer.read())["checks"]
        assert {name for name, check in checks.items() if not check["ok"]} == {"stations", "sweep"}
        assert (answer.code, checks["stations"]["text"]) == (503, gone)

        assert run_manage(folder, "mend") == "The station “Oven” is there again, as in a new shop.\nAll is well.\n"
        await_that(lambda: is_ready(shop))
        # Another command finds this shop at its port.
        assert run_manage(folder, "rush") == f"CommandError: The shop at {shop.url} has nothing on its menu.\n"
        assert shop.end(signal.SIGINT) == CLOSED


def is_ready(shop: Shop) -> bool:
    with suppress(urllib.error.HTTPError):
        return bool(json.loads(shop.ask("readyz")[1])["ready"])
    return False


@pytest.mark.slow
def test_an_account_from_the_environment_in_a_folder_with_a_long_name(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    folder = opened_once(tmp_path_factory, tmp_path / ("a long name " * 10))
    account = {"DJANGO_SUPERUSER_USERNAME": "bob", "DJANGO_SUPERUSER_PASSWORD": "bob's own oven"}
    with Shop(folder, "--no-demo", **account) as shop:
        shop.open()
        assert f"Staff: {shop.url}admin/  user bob\n" in shop.output
        assert shop.lets_in("bob", "bob's own oven")
        children = processes_of(folder).keys() - {shop.process.pid}
        environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in children]
        assert [env for env in environments if b"DJANGO_SUPERUSER" in env] == []
        assert all(b"MALLOC_ARENA_MAX=2" in env for env in environments)
        assert shop.end(signal.SIGHUP) == CLOSED
    assert "bob's own oven" not in shop.output


def test_a_wrong_option_is_refused_at_once(tmp_path: Path) -> None:
    with Shop(tmp_path, "--port=70000") as shop:
        assert shop.end()[0] == 2
    assert "'70000' is not a port" in shop.output and "Opening" not in shop.output


def test_an_impossible_speed_is_refused_before_anything_is_created(tmp_path: Path) -> None:
    with Shop(tmp_path, "--speed=1e9") as shop:
        assert shop.end() == (2, {}, False)
    assert shop.output == "CommandError: --speed 1e+09: Ensure this value is less than or equal to 100000.\n"


def test_a_redis_that_does_not_answer_is_named_without_its_password(folder: Path) -> None:
    with Shop(folder, "--no-demo", REDIS_URL=f"redis://:secret@127.0.0.1:{free_port()}/0") as shop:
        assert shop.end()[0] == 1
    assert "The server that REDIS_URL names does not answer" in shop.output and "secret" not in shop.output
