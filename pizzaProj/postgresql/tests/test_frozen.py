"""The whole web on a PostgreSQL that freezes: every request and socket is answered, and soon all is well again."""

import asyncio
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed

from pizzaProj import waits
from pizzaProj.postgresql.tests.server import OwnPostgreSQL, run
from pizzaProj.tests.test_stack import MANAGE, await_that, environment, free_port

pytestmark = pytest.mark.slow

AT_ONCE = 20  # twice as many as the pool has connections
ROOM_SECONDS = 3.0  # for a slow machine
WELL_SECONDS = 10.0  # after a thaw


@pytest.fixture
def web(server: OwnPostgreSQL, connect: Any, valkey: object, tmp_path: Path) -> Iterator[str]:
    """Run Daphne on a shop of its own and yield its address."""
    run(connect(), "CREATE DATABASE frozen_shop")
    shop = environment(Path(settings.DATA_DIR), DATABASE_URL=server.url.removesuffix("postgres") + "frozen_shop")
    subprocess.run([sys.executable, MANAGE, "migrate", "--verbosity", "0"], env=shop, check=True, timeout=100)
    url = f"http://127.0.0.1:{free_port()}/"
    with open(tmp_path / "web.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "daphne", "-p", url[17:-1], "pizzaProj.asgi:application"],
            env=shop,
            cwd=settings.BASE_DIR,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        await_that(lambda: status(url)[0] == 200)
        yield url
    finally:
        process.kill()
        process.wait()
        server.thaw()
        run(connect(), "DROP DATABASE frozen_shop WITH (FORCE)")


def status(url: str, body: Any = None) -> tuple[int, str | None, float]:
    """Return the answer's status, when to come back, and how long it took; 0 without an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    begun = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, None, time.monotonic() - begun
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Retry-After"], time.monotonic() - begun
    except OSError:
        return 0, None, time.monotonic() - begun


async def code_of_socket(url: str) -> int:
    address = url.replace("http", "ws") + "ws/pizza/aaaaaaaaaaaaaaaaaaaa/"
    async with open_socket(address, origin=url.rstrip("/")) as socket:  # type: ignore[arg-type]
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), waits.ANSWER_SECONDS + ROOM_SECONDS)
        assert closed.value.rcvd is not None
        return int(closed.value.rcvd.code)


async def codes_of_sockets(url: str) -> set[int]:
    return set(await asyncio.gather(*(code_of_socket(url) for _ in range(AT_ONCE))))


def test_everybody_is_answered_while_it_is_frozen_and_served_soon_after(web, server, tmp_path):
    wants = [(web, None), (web + "api/menu/", None), (web + "api/order/", {"id": 1})]
    server.freeze()
    with ThreadPoolExecutor(AT_ONCE) as clients:
        answers = list(clients.map(lambda n: status(*wants[n % len(wants)]), range(2 * AT_ONCE)))
    assert {(code, again) for code, again, _ in answers} == {(503, str(waits.RETRY_AFTER_SECONDS))}
    assert max(took for _, _, took in answers) < waits.ANSWER_SECONDS + ROOM_SECONDS
    assert asyncio.run(codes_of_sockets(web)) == {4503}
    server.thaw()
    thawed = time.monotonic()
    await_that(lambda: status(web)[0] == 200)
    assert time.monotonic() - thawed < WELL_SECONDS
    assert [status(web)[0] for _ in range(12)] == [200] * 12
    assert "Traceback" not in (tmp_path / "web.log").read_text()
